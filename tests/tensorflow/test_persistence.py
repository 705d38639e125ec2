"""Datasets that are serialised, saved, checkpointed and sent to a ``tf.data`` service."""

import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_pool

FAIL_ON_STATE = 2
service = tf.data.experimental.service
POOL = random_pool(500)
PHOTOS = random_pool(60, seed=1)


def real():
    return tf.data.Dataset.from_tensor_slices((PHOTOS.images, PHOTOS.labels))


MAKERS = {
    "single": lambda: gmm_dataset(POOL, 150).batch(7),
    "fresh": lambda: gmm_dataset(POOL, 150, like=real().batch(7), rerandomize_each_iteration=True),
    "batches": lambda: gmm_dataset(POOL, 150, like=real().batch(7)),
    "mixed": lambda: mix(real(), POOL, ratio=0.4, batch_size=7),
}


@pytest.fixture(params=MAKERS)
def make(request):
    """A function that makes the same dataset at every call."""
    return MAKERS[request.param]


def collect(batches):
    return [np.concatenate(part) for part in zip(*((a.numpy(), b.numpy()) for a, b in batches), strict=True)]


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_graph_has_no_python_and_no_state(make):
    graph = tf.raw_ops.DatasetToGraphV2(
        input_dataset=make()._variant_tensor,
        external_state_policy=FAIL_ON_STATE,
        strip_device_assignment=True,
    )
    definition = tf.compat.v1.GraphDef.FromString(graph.numpy())
    operations = {node.op for node in definition.node}
    operations |= {node.op for function in definition.library.function for node in function.node_def}
    assert not {
        name for name in operations if "PyFunc" in name or "Variable" in name or "Generator" in name
    } - {"DummySeedGenerator"}


def test_saved_and_loaded_it_is_the_same(make, tmp_path):
    make().save(str(tmp_path / "saved"))
    assert_same(collect(tf.data.Dataset.load(str(tmp_path / "saved"))), collect(make()))


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_checkpoint_resumes_in_the_middle_of_an_epoch(make, share, tmp_path):
    # In the second of three epochs: neither the first one's images nor the count of epochs may come back.
    epoch = sum(1 for _ in make())
    iterator = iter(make().repeat(3))
    for _ in range(epoch + round(share * epoch)):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "middle"))
    expected = collect(iterator)
    restored = iter(make().repeat(3))
    tf.train.Checkpoint(iterator=restored).restore(path).assert_consumed()
    assert_same(collect(restored), expected)


@pytest.fixture(scope="module")
def dispatcher():
    dispatcher = service.DispatchServer()
    config = service.WorkerConfig(
        dispatcher_address=dispatcher.target.split("://")[1],
        heartbeat_interval_ms=100,
        dispatcher_timeout_ms=1000,
    )
    workers = [service.WorkerServer(config) for _ in range(2)]
    yield dispatcher
    for worker in workers:
        worker.stop()


def distribute(dataset, mode, dispatcher):
    return dataset.apply(service.distribute(mode, dispatcher.target))


@pytest.mark.parametrize("name", ["fresh", "batches"])
def test_a_service_divides_the_images_without_duplicates(name, dispatcher):
    dataset = MAKERS[name]()
    images, _ = collect(distribute(dataset, service.ShardingPolicy.DYNAMIC, dispatcher))
    assert sorted(image.tobytes() for image in images) == sorted(
        image.tobytes() for image in POOL.sample(150, seed=0)[0]
    )


def test_a_service_takes_a_large_pool(dispatcher):
    large = random_pool(3500, image_size=128)
    assert large.images.nbytes > 50e6
    images, _ = collect(
        distribute(gmm_dataset(large, 40).batch(8), service.ShardingPolicy.DYNAMIC, dispatcher)
    )
    assert len(np.unique(images, axis=0)) == 40
