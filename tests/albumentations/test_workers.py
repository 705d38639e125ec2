"""Worker processes: each draws images of its own."""

import multiprocessing
from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")

from gmmaug_plugin.albumentations import GMMSynthesize  # noqa: E402

# Numerical libraries keep threads, and Python 3.12 and later warn of forking beside threads.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def pipeline_of(path: str, seed: int | None = None) -> Any:
    return A.Compose([GMMSynthesize(path, p=1.0)], seed=seed, save_applied_params=True)


def sample_seeds(pipeline: Any, photo: np.ndarray) -> list[int]:
    """What decides on two images."""
    return [pipeline(image=photo, label=1)["applied_transforms"][0][1]["sample_seed"] for _ in range(2)]


def work(pipeline: Any, photo: np.ndarray, seed: int | None, answers: Any) -> None:
    if seed is not None:
        pipeline.set_random_seed(seed)
    answers.send(sample_seeds(pipeline, photo))


def seeds_of_workers(
    method: str, pipeline: Any, photo: np.ndarray, *, names: list[str], seed: int | None = None
) -> list[list[int]]:
    """Sample seeds from each of several processes that begin with the same pipeline."""
    context = multiprocessing.get_context(method)
    seeds = []
    for name in names:
        answers, answering = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(pipeline, photo, seed, answering), name=name)
        worker.start()
        answering.close()
        seeds.append(answers.recv())
        worker.join()
        worker.close()
    return seeds


@multi_threaded_fork
@pytest.mark.parametrize("seed", [None, 9])
def test_forked_workers_draw_streams_of_their_own(path, photo, seed):
    pipeline = pipeline_of(path, seed)
    pipeline(image=photo, label=1)
    names = ["reader-1", "reader-2", "reader-3"]
    first = seeds_of_workers("fork", pipeline, photo, names=names)
    assert len({one for seeds in first for one in seeds}) == 6
    second = seeds_of_workers("fork", pipeline, photo, names=names)
    assert (first == second) == (seed is not None)


@multi_threaded_fork
def test_a_worker_may_be_seeded_by_its_program(path, photo):
    pipeline = pipeline_of(path)
    (seeds,) = seeds_of_workers("fork", pipeline, photo, names=["reader"], seed=5)
    pipeline.set_random_seed(5)
    assert seeds == sample_seeds(pipeline, photo)


@multi_threaded_fork
def test_spawned_workers_draw_streams_of_their_own(path, photo):
    seeds = seeds_of_workers("spawn", pipeline_of(path), photo, names=["reader-1", "reader-2"])
    assert len({one for pair in seeds for one in pair}) == 4
    seeded = pipeline_of(path, 2)
    forked = seeds_of_workers("fork", seeded, photo, names=["reader-1", "reader-2"])
    assert seeds_of_workers("spawn", seeded, photo, names=["reader-2"]) == forked[1:]
    assert forked[0] != forked[1]
