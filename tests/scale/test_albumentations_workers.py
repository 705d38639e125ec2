"""Random streams of ``GMMSynthesize``: seeds, copies and worker processes."""

import copy
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")

from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402
from tests.factories import random_pool  # noqa: E402

PHOTO = np.zeros((16, 16), np.uint8)
# Numerical libraries keep threads, and Python 3.12 and later warn of forking with threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pools") / "pool.safetensors"
    random_pool().save(file)
    return file


def streams(path: Path, seed: int | None) -> Any:
    return A.Compose([GMMSynthesize(path, p=1.0)], seed=seed, save_applied_params=True)


def sample_seeds(pipeline: Any) -> list[int]:
    return [pipeline(image=PHOTO, label=1)["applied_transforms"][0][1]["sample_seed"] for _ in range(2)]


def work(pipeline: Any, seed: int | None, answers: Any) -> None:
    if seed is not None:
        pipeline.set_random_seed(seed)
    answers.put(sample_seeds(pipeline))


def seeds_of_workers(method: str, pipeline: Any, n: int, seed: int | None = None) -> list[list[int]]:
    """Two sample seeds from each of n processes that begin with the same pipeline."""
    context = multiprocessing.get_context(method)
    answers, seeds = context.SimpleQueue(), []
    for number in range(n):
        worker = context.Process(target=work, args=(pipeline, seed, answers), name=f"reader-{number}")
        worker.start()
        seeds.append(answers.get())
        worker.join()
    return seeds


def test_a_seed_determines_every_image(path):
    drawn = [tuple(sample_seeds(streams(path, seed))) for seed in (3, 3, 4, None, None)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_only_copies_of_a_seeded_pipeline_draw_the_same(path, copied, seed):
    pipeline = streams(path, seed)
    assert (sample_seeds(copied(pipeline)) == sample_seeds(pipeline)) == (seed is not None)


@pytest.mark.parametrize("seed", [None, 9])
def test_forked_workers_draw_streams_of_their_own(path, seed):
    pipeline = streams(path, seed)
    pipeline(image=PHOTO, label=1)
    first, second = (seeds_of_workers("fork", pipeline, n=3) for _ in range(2))
    assert len({one for seeds in first for one in seeds}) == 6
    assert (first == second) == (seed is not None)


def test_a_worker_may_be_seeded_by_its_program(path):
    pipeline = streams(path, None)
    (seeds,) = seeds_of_workers("fork", pipeline, n=1, seed=5)
    pipeline.set_random_seed(5)
    assert seeds == sample_seeds(pipeline)


def test_spawned_workers_draw_streams_of_their_own(path):
    first, second = seeds_of_workers("spawn", streams(path, None), n=2)
    assert len({*first, *second}) == 4
    seeded = streams(path, 2)
    assert seeds_of_workers("spawn", seeded, n=1) == seeds_of_workers("fork", seeded, n=1)
