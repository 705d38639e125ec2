"""Dask clusters on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster


@contextmanager
def local_cluster(n_workers: int) -> Iterator[Client]:
    """A client of worker processes of one thread; any free port, since other tests run beside these."""
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, memory_limit="1GiB", dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
