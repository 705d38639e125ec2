"""Datasets under ``tf.distribute``: several devices in one process, and several processes."""

import json
import pickle
from collections import Counter

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402
from tests.scale.processes import free_ports, programs  # noqa: E402
from tests.scale.setting import (  # noqa: E402
    ALL,
    BATCH,
    DATASETS,
    POOL,
    RATIO,
    photos,
    real,
    shard_mixed,
    tally,
    tally_of,
)

several_processes = pytest.mark.skipif(
    not ALL, reason="starts several training processes: GMMAUG_ALL_TESTS=1"
)
N_PROCESSES = 2
N_SYNTHETIC = round(RATIO * BATCH)


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """What one process with two devices saw."""
    folder = tmp_path_factory.mktemp("mirrored")
    with programs({folder / "log.txt": {}}, "tests.scale.mirrored_trainer", str(folder)) as (trainer,):
        trainer.wait()
    return pickle.loads((folder / "mirrored.pickle").read_bytes())


@pytest.fixture(scope="module")
def trainers(tmp_path_factory):
    """What two processes saw, each."""
    folder = tmp_path_factory.mktemp("trainers")
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(N_PROCESSES)]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": i}} for i in range(N_PROCESSES)]
    logs = {folder / f"log {i}.txt": {"TF_CONFIG": json.dumps(task)} for i, task in enumerate(tasks)}
    with programs(logs, "tests.scale.strategy_trainer", str(folder)) as started:
        for trainer in started:
            trainer.wait()
    return [pickle.loads((folder / f"{i}.pickle").read_bytes()) for i in range(N_PROCESSES)]


@pytest.fixture(scope="module")
def local():
    """How often each image is in the datasets where nothing is distributed."""
    return {name: tally_of(make()) for name, make in DATASETS.items()}


def global_steps(results, key):
    """Images of each step, of all replicas of all processes."""
    of_processes = [result["seen"][key] for result in results]
    assert len({len(steps) for steps in of_processes}) == 1
    return [
        [image for replicas in step for replica in replicas for image in replica]
        for step in zip(*of_processes, strict=True)
    ]


def total(steps):
    return tally(image for step in steps for image in step)


def assert_share_of_each_step(steps):
    known = tally(photos()[0])
    shares = [Counter(image.tobytes() not in known for image in step) for step in steps]
    assert all(share == {True: N_SYNTHETIC, False: BATCH - N_SYNTHETIC} for share in shares[:-1])
    assert sum(share[False] for share in shares) == len(known)


@pytest.mark.parametrize("name", DATASETS)
def test_two_devices_see_each_image_once(mirrored, local, name):
    steps = global_steps([mirrored], (name, "AUTO"))
    assert total(steps) == local[name]


@pytest.mark.parametrize("policy", ["AUTO", "DATA", "OFF", "FILE"])
def test_two_devices_share_every_mixed_batch_whatever_the_policy(mirrored, local, policy):
    steps = global_steps([mirrored], ("mixed", policy))
    assert total(steps) == local["mixed"]
    assert_share_of_each_step(steps)
    assert [len(part) for part in mirrored["seen"]["mixed", policy][0]] == [BATCH // 2] * 2


def test_keras_trains_on_two_devices(mirrored):
    fit = mirrored["fit"]
    assert np.isfinite(fit["loss"]).all()
    assert fit["loss"][1] < fit["loss"][0]
    assert fit["steps"] == 2 * len(DATASETS["mixed"]())


@several_processes
@pytest.mark.parametrize("name", DATASETS)
def test_two_processes_see_each_image_once(trainers, local, name):
    assert total(global_steps(trainers, (name, "DATA"))) == local[name]


@several_processes
@pytest.mark.parametrize("policy", ["AUTO", "DATA"])
def test_two_processes_share_every_mixed_batch(trainers, local, policy):
    steps = global_steps(trainers, ("mixed", policy))
    assert total(steps) == local["mixed"]
    assert_share_of_each_step(steps)


@several_processes
def test_without_sharding_each_process_sees_everything(trainers, local):
    for trainer in trainers:
        assert total(global_steps([trainer], ("mixed", "OFF"))) == local["mixed"]


@several_processes
def test_processes_may_take_batches_by_themselves(trainers, local):
    steps = global_steps(trainers, ("mixed", "own batches"))
    assert total(steps) == local["mixed"]
    known = tally(photos()[0])
    for step in steps[:-1]:
        assert len(step) == N_PROCESSES * BATCH
        assert sum(image.tobytes() not in known for image in step) == N_PROCESSES * N_SYNTHETIC


@several_processes
def test_processes_may_mix_photos_of_their_own(trainers):
    assert_share_of_each_step(global_steps(trainers, ("mixed", "own photos")))


@several_processes
def test_sharding_by_files_is_refused_where_there_are_none(trainers):
    for trainer in trainers:
        assert "unshardable source dataset" in trainer["files"]


def test_the_programs_seed_changes_no_images():
    def images():
        mixed = mix(real(), POOL, ratio=RATIO, batch_size=BATCH)
        fresh = gmm_dataset(POOL, 20, rerandomize_each_iteration=True).batch(20)
        return [batch.numpy() for part in (mixed, fresh) for batch, _ in part.repeat(2)]

    without = images()
    try:
        tf.random.set_seed(1)
        seeded = images()
        tf.random.set_seed(2)
        seeded_otherwise = images()
    finally:
        tf.random.set_seed(0)
    for batches in zip(without, seeded, seeded_otherwise, strict=True):
        np.testing.assert_array_equal(batches[0], batches[1])
        np.testing.assert_array_equal(batches[0], batches[2])


@pytest.mark.parametrize("way", ["own batches", "own photos"])
def test_a_share_goes_on_from_a_checkpoint(way, tmp_path):
    def share(index):
        if way == "own photos":
            return shard_mixed(N_PROCESSES, index).repeat(2)
        return DATASETS["mixed"]().repeat(2).shard(N_PROCESSES, index)

    for index in range(N_PROCESSES):
        expected = [images.numpy() for images, _ in share(index)]
        iterator = iter(share(index))
        done = len(expected) * 2 // 3
        for _ in range(done):
            next(iterator)
        path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / f"{way} {index}"))
        restored = iter(share(index))
        tf.train.Checkpoint(iterator=restored).restore(path).assert_consumed()
        rest = [images.numpy() for images, _ in restored]
        assert len(rest) == len(expected) - done
        for one, other in zip(rest, expected[done:], strict=True):
            np.testing.assert_array_equal(one, other)
