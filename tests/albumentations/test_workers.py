"""Worker processes: none repeats another's images."""

import multiprocessing
from typing import Any

import numpy as np
import pytest

A = pytest.importorskip("albumentations")

from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary  # noqa: E402

# Numerical libraries keep threads, and Python 3.12 and later warn of forking beside threads.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
TRANSFORMS = [GMMSynthesize, GMMVary]


def work(pipeline: Any, photo: np.ndarray, seed: int | None, answers: Any) -> None:
    if seed is not None:
        pipeline.set_random_seed(seed)
    answers.put([pipeline(image=photo, label=1)["image"].tobytes() for _ in range(2)])


def images_of_workers(
    method: str, pipeline: Any, photo: np.ndarray, *, names: list[str], seed: int | None = None
) -> list[list[bytes]]:
    """Two images from each of several processes that begin with the same pipeline."""
    context = multiprocessing.get_context(method)
    images = []
    for name in names:
        answers = context.SimpleQueue()
        worker = context.Process(target=work, args=(pipeline, photo, seed, answers), name=name)
        worker.start()
        images.append(answers.get())
        worker.join()
        worker.close()
    return images


@multi_threaded_fork
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("seed", [None, 9])
def test_forked_workers_draw_streams_of_their_own(transform, path, photo, seed):
    pipeline = A.Compose([transform(path, p=1.0)], seed=seed)
    pipeline(image=photo, label=1)
    names = ["reader-1", "reader-2", "reader-3"]
    first = images_of_workers("fork", pipeline, photo, names=names)
    assert len({image for images in first for image in images}) == 6
    second = images_of_workers("fork", pipeline, photo, names=names)
    assert (first == second) == (seed is not None)


@multi_threaded_fork
def test_a_worker_may_be_seeded_by_its_program(path, photo):
    pipeline = A.Compose([GMMVary(path, p=1.0)])
    (images,) = images_of_workers("fork", pipeline, photo, names=["reader"], seed=5)
    pipeline.set_random_seed(5)
    assert images == [pipeline(image=photo, label=1)["image"].tobytes() for _ in range(2)]


@multi_threaded_fork
def test_spawned_workers_draw_streams_of_their_own(path, photo):
    unseeded = A.Compose([GMMSynthesize(path, p=1.0)])
    images = images_of_workers("spawn", unseeded, photo, names=["reader-1", "reader-2"])
    assert len({image for pair in images for image in pair}) == 4
    seeded = A.Compose([GMMSynthesize(path, p=1.0)], seed=2)
    forked = images_of_workers("fork", seeded, photo, names=["reader-1", "reader-2"])
    assert images_of_workers("spawn", seeded, photo, names=["reader-2"]) == forked[1:]
    assert forked[0] != forked[1]
