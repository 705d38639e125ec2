"""Datasets whose images are read by the workers of a ``tf.data`` service, in processes of their own."""

from contextlib import contextmanager

import pytest

tf = pytest.importorskip("tensorflow")

from gmmaug_plugin.tensorflow import gmm_dataset, mix  # noqa: E402
from tests.factories import random_pool  # noqa: E402
from tests.scale.processes import free_ports, programs  # noqa: E402
from tests.scale.service_worker import start_worker  # noqa: E402
from tests.scale.setting import ALL, BATCH, DATASETS, POOL, photos, real, tally, tally_of  # noqa: E402

service = tf.data.experimental.service
Policy = service.ShardingPolicy
DYNAMIC = [Policy.DYNAMIC, "distributed_epoch"]
N_WORKERS = 2
LONG = 12_800
"""Images in a dataset that is still being read when a worker goes or comes."""


def address(dispatcher):
    return dispatcher.target.split("://")[1]


def start_workers(dispatcher, n, *, port=0):
    return [start_worker(address(dispatcher), port) for _ in range(n)]


@contextmanager
def worker_programs(dispatcher, folder, n, *, port=0):
    """Workers in processes of their own, once they have registered."""
    logs = {folder / f"worker {index}.txt": {} for index in range(n)}
    with programs(logs, "tests.scale.service_worker", address(dispatcher), str(port)) as workers:
        for worker in workers:
            worker.wait_for("registered")
        yield workers


def distribute(dataset, dispatcher, mode, **options):
    return dataset.apply(service.distribute(mode, dispatcher.target, **options))


@pytest.fixture(scope="module")
def dispatcher(tmp_path_factory):
    """Of a service of processes of their own."""
    dispatcher = service.DispatchServer()
    with worker_programs(dispatcher, tmp_path_factory.mktemp("service"), N_WORKERS):
        yield dispatcher


@pytest.fixture(scope="module")
def static_dispatcher():
    """Of a service whose workers are fixed from the start, as static sharding needs."""
    dispatcher = service.DispatchServer(service.DispatcherConfig(worker_addresses=["localhost"] * N_WORKERS))
    workers = start_workers(dispatcher, N_WORKERS)
    yield dispatcher
    for worker in workers:
        worker.stop()


@pytest.mark.parametrize("mode", DYNAMIC)
def test_dynamic_sharding_gives_each_image_of_the_local_dataset_once(dispatcher, mode):
    dataset = gmm_dataset(POOL, 700).batch(7)
    local = tally_of(dataset)
    assert len(local) == local.total() == 700
    assert tally_of(distribute(dataset, dispatcher, mode)) == local


def test_dynamic_sharding_repeats_and_joins_datasets_as_they_are(dispatcher):
    images = real()
    dataset = images.concatenate(gmm_dataset(POOL, 150, like=images)).batch(BATCH).repeat(3)
    local = tally_of(dataset)
    assert set(local.values()) == {3}
    assert tally_of(distribute(dataset, dispatcher, Policy.DYNAMIC)) == local


def test_dynamic_sharding_reads_other_images_in_every_epoch(dispatcher):
    dataset = gmm_dataset(POOL, 130, rerandomize_each_iteration=True).batch(7).repeat(2)
    made = tally_of(distribute(dataset, dispatcher, Policy.DYNAMIC))
    assert made.total() == 260
    # A service goes on elsewhere in the pool's order, where some images may come again.
    assert len(made) > 200


@pytest.mark.parametrize("epochs", [1, 4])
def test_dynamic_sharding_mixes_each_real_image_once_an_epoch(dispatcher, epochs):
    # 114 real images fill batches of 6 evenly, but not those of each worker.
    images, labels = (part[:114] for part in photos())
    known = tally(images)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).repeat(epochs)
    mixed = mix(dataset, POOL, ratio=0.25, batch_size=BATCH, static_shape=False)
    batches = [batch.numpy() for batch, _ in distribute(mixed, dispatcher, Policy.DYNAMIC)]
    made = tally(image for batch in batches for image in batch)
    kept = {image: times for image, times in made.items() if image in known}
    new = made.total() - sum(kept.values())
    assert all(times == 1 for image, times in made.items() if image not in known)
    assert kept == dict.fromkeys(known, epochs)
    full = [batch for batch in batches if len(batch) == BATCH]
    assert len(batches) - len(full) <= N_WORKERS
    shares = {sum(image.tobytes() not in known for image in batch) for batch in full}
    assert shares == {2}
    assert new >= 2 * len(full)


def test_static_shapes_are_for_those_who_do_not_shard_dynamically():
    options = {"ratio": 0.25, "batch_size": BATCH}
    images = real().take(114)
    lengths = {static: mix(images, POOL, **options, static_shape=static) for static in (True, False)}
    assert lengths[True].element_spec[0].shape[0] == BATCH
    assert lengths[False].element_spec[0].shape[0] is None
    assert tally_of(lengths[True]) == tally_of(lengths[False])
    assert len(lengths[True]) == len(lengths[False])


def test_without_sharding_every_worker_reads_everything(dispatcher):
    dataset = gmm_dataset(POOL, 130).batch(7)
    made = tally_of(distribute(dataset, dispatcher, Policy.OFF))
    assert made == dict.fromkeys(tally_of(dataset), N_WORKERS)


@pytest.mark.parametrize("name", ["synthetic", "joined"])
def test_static_sharding_falls_back_to_batches_and_loses_none(static_dispatcher, name):
    local = tally_of(DATASETS[name]())
    dataset = DATASETS[name]()
    assert tally_of(distribute(dataset, static_dispatcher, Policy.FILE_OR_DATA)) == local


def test_static_sharding_of_a_mixture_keeps_its_batches_whole(static_dispatcher):
    # Its synthetic images are others than those of the local mixture: a service counts epochs otherwise.
    mixed = DATASETS["mixed"]()
    made = tally_of(distribute(mixed, static_dispatcher, Policy.FILE_OR_DATA))
    known = tally(photos()[0])
    assert set(made.values()) == {1}
    assert known <= made
    assert made.total() == tally_of(mixed).total()


def test_static_sharding_by_files_is_refused_where_there_are_none(static_dispatcher):
    dataset = gmm_dataset(POOL, 130).batch(7)
    with pytest.raises(tf.errors.NotFoundError, match="unshardable"):
        list(distribute(dataset, static_dispatcher, Policy.FILE))


@pytest.mark.skipif(not ALL, reason="takes long: GMMAUG_ALL_TESTS=1")
def test_when_a_worker_dies_and_comes_back_no_image_comes_twice(tmp_path):
    # At its old address: a trainer waits for it there, since the images that it had in hand may yet come.
    dataset = gmm_dataset(random_pool(LONG), LONG).batch(16)
    dispatcher = service.DispatchServer()
    workers = start_workers(dispatcher, 1)
    (port,) = free_ports(1)
    with worker_programs(dispatcher, tmp_path, 1, port=port) as (doomed,):
        iterator = iter(distribute(dataset, dispatcher, Policy.DYNAMIC, max_outstanding_requests=2))
        made = tally_of(next(iterator) for _ in range(50))
        doomed.kill()
        workers += start_workers(dispatcher, 1, port=port)
        made += tally_of(iterator)
    assert set(made.values()) == {1}
    assert made <= tally_of(dataset)
    # What is lost is what the dead worker had in hand, not its half of all.
    assert made.total() > 0.6 * LONG
    for worker in workers:
        worker.stop()


def test_when_a_worker_joins_each_image_comes_once():
    dataset = gmm_dataset(random_pool(LONG), LONG).batch(16)
    dispatcher = service.DispatchServer()
    workers = start_workers(dispatcher, 2)
    iterator = iter(distribute(dataset, dispatcher, Policy.DYNAMIC, max_outstanding_requests=2))
    made = tally_of(next(iterator) for _ in range(50))
    workers += start_workers(dispatcher, 1)
    made += tally_of(iterator)
    assert made == tally_of(dataset)
    for worker in workers:
        worker.stop()
