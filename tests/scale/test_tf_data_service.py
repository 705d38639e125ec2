"""Datasets that the workers of a ``tf.data`` service read, in processes of their own."""

import pytest

tf = pytest.importorskip("tensorflow")

from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402
from tests.factories import random_pool  # noqa: E402
from tests.scale.datasets import (  # noqa: E402
    BATCH,
    DATASETS,
    N_SYNTHETIC,
    OPTIONS,
    PHOTOS,
    POOL,
    count,
    count_in,
    real,
    synthetic_in,
)
from tests.scale.processes import free_ports, service_workers  # noqa: E402

service = tf.data.experimental.service
DYNAMIC = service.ShardingPolicy.DYNAMIC
N_WORKERS = 2


@pytest.fixture(scope="module")
def dispatcher():
    dispatcher = service.DispatchServer()
    with service_workers(dispatcher, N_WORKERS):
        yield dispatcher


def distribute(dataset, dispatcher, policy=DYNAMIC, **options):
    return dataset.apply(service.distribute(policy, dispatcher.target, **options))


@pytest.mark.parametrize("name", ["synthetic", "joined"])
def test_workers_share_out_the_images_of_the_local_dataset(dispatcher, name):
    dataset = DATASETS[name]().repeat(3)
    local = count_in(dataset)
    assert set(local.values()) == {3}
    assert count_in(distribute(dataset, dispatcher)) == local


def test_a_mixture_has_every_photo_once_an_epoch_and_its_ratio(dispatcher):
    epochs = 4
    mixed = mix(real(114).repeat(epochs), POOL, **OPTIONS, static_shape=False)
    batches = [images.numpy() for images, _ in distribute(mixed, dispatcher)]
    found = count(image for batch in batches for image in batch)
    known = count(PHOTOS[:114])
    assert {image: times for image, times in found.items() if image in known} == dict.fromkeys(known, epochs)
    assert {times for image, times in found.items() if image not in known} == {1}
    full = [batch for batch in batches if len(batch) == BATCH]
    assert len(batches) - len(full) <= N_WORKERS
    assert {synthetic_in(batch) for batch in full} == {N_SYNTHETIC}


def test_an_endless_mixture_has_its_ratio_and_static_shapes(dispatcher):
    mixed = distribute(mix(real().repeat(), POOL, **OPTIONS), dispatcher)
    assert mixed.element_spec[0].shape[0] == BATCH
    assert {synthetic_in(images.numpy()) for images, _ in mixed.take(40)} == {N_SYNTHETIC}


def test_without_sharding_every_worker_reads_everything(dispatcher):
    dataset = DATASETS["synthetic"]()
    found = count_in(distribute(dataset, dispatcher, service.ShardingPolicy.OFF))
    assert found == dict.fromkeys(count_in(dataset), N_WORKERS)


@pytest.mark.slow
def test_when_a_worker_dies_and_returns_no_image_comes_twice():
    n = 12_800
    dataset = gmm_dataset(random_pool(n), n).batch(16)
    dispatcher = service.DispatchServer()
    # The reader waits for the dead worker at its old address.
    ports = free_ports(2)
    with (
        service_workers(dispatcher, 1, port=ports[0]),
        service_workers(dispatcher, 1, port=ports[1]) as (doomed,),
    ):
        iterator = iter(distribute(dataset, dispatcher, max_outstanding_requests=2))
        found = count_in(next(iterator) for _ in range(50))
        doomed.kill()
        doomed.join()
        with service_workers(dispatcher, 1, port=ports[1]):
            found += count_in(iterator)
    assert set(found.values()) == {1}
    assert found <= count_in(dataset)
    # Only the images that the dead worker had in its buffers are lost, not its half.
    assert found.total() > 0.6 * n
