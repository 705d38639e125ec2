"""Datasets under ``tf.distribute``: two devices in one process, and two processes."""

from collections.abc import Sequence

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402
from tests.scale import trainers  # noqa: E402
from tests.scale.datasets import (  # noqa: E402
    BATCH,
    DATASETS,
    N_SYNTHETIC,
    OPTIONS,
    PHOTOS,
    POOL,
    count,
    count_in,
    mix_own_photos,
    real,
    synthetic_in,
)
from tests.scale.processes import call_in_processes, free_ports  # noqa: E402

N_PROCESSES = 2


@pytest.fixture(scope="module")
def two_devices():
    return call_in_processes(trainers.train_on_two_devices, ())[0]


@pytest.fixture(scope="module")
def two_processes():
    ports = free_ports(N_PROCESSES)
    return call_in_processes(trainers.train_beside_others, *((i, ports) for i in range(N_PROCESSES)))


def global_batches(steps_by_process: Sequence[trainers.Steps]) -> list[np.ndarray]:
    """Images of each step, of all replicas of all processes."""
    return [
        np.concatenate([part for replicas in step for part in replicas])
        for step in zip(*steps_by_process, strict=True)
    ]


def images_in(batches: Sequence[np.ndarray]) -> dict[bytes, int]:
    return count(image for batch in batches for image in batch)


def assert_ratio(batches: Sequence[np.ndarray]) -> None:
    """Every full batch has its synthetic images, and every photo occurs once."""
    assert {(len(batch), synthetic_in(batch)) for batch in batches[:-1]} == {(BATCH, N_SYNTHETIC)}
    assert count(PHOTOS) <= images_in(batches)
    assert sum(len(batch) - synthetic_in(batch) for batch in batches) == len(PHOTOS)


@pytest.mark.parametrize("name", DATASETS)
def test_two_devices_read_each_image_once(two_devices, name):
    assert images_in(global_batches([two_devices[0][name]])) == count_in(DATASETS[name]())


def test_two_devices_share_every_mixed_batch(two_devices):
    steps = two_devices[0]["mixed"]
    assert_ratio(global_batches([steps]))
    assert [len(part) for part in steps[0]] == [BATCH // 2] * 2


def test_keras_trains_on_two_devices(two_devices):
    first, second = two_devices[1]
    assert second < first


@pytest.mark.slow
@pytest.mark.parametrize("name", DATASETS)
def test_two_processes_read_each_image_once(two_processes, name):
    steps = [found[name, "DATA"] for found in two_processes]
    assert images_in(global_batches(steps)) == count_in(DATASETS[name]())


@pytest.mark.slow
@pytest.mark.parametrize("way", ["AUTO", "DATA", "own photos"])
def test_two_processes_share_every_mixed_batch(two_processes, way):
    assert_ratio(global_batches([found["mixed", way] for found in two_processes]))


@pytest.mark.slow
def test_two_processes_share_out_whole_batches(two_processes):
    batches = global_batches([found["mixed", "own batches"] for found in two_processes])
    assert images_in(batches) == count_in(DATASETS["mixed"]())
    sizes = {(len(batch), synthetic_in(batch)) for batch in batches[:-1]}
    assert sizes == {(N_PROCESSES * BATCH, N_PROCESSES * N_SYNTHETIC)}


def test_the_programs_seed_changes_no_images():
    def images(seed):
        tf.random.set_seed(seed)
        fresh = gmm_dataset(POOL, 20, rerandomize_each_iteration=True).batch(20)
        return [
            batch.numpy() for part in (mix(real(), POOL, **OPTIONS), fresh) for batch, _ in part.repeat(2)
        ]

    for one, other in zip(images(1), images(2), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", ["own batches", "own photos"])
def test_a_process_continues_from_a_checkpoint(way, tmp_path):
    def share():
        if way == "own photos":
            return mix_own_photos(N_PROCESSES, 1).repeat(2)
        return DATASETS["mixed"]().repeat(2).shard(N_PROCESSES, 1)

    expected = [images.numpy() for images, _ in share()]
    iterator, n_read = iter(share()), len(expected) * 2 // 3
    for _ in range(n_read):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "share"))
    restored = iter(share())
    tf.train.Checkpoint(iterator=restored).restore(path).assert_consumed()
    for (images, _), wanted in zip(restored, expected[n_read:], strict=True):
        np.testing.assert_array_equal(images.numpy(), wanted)
