"""A Dask cluster for all tests of fitting."""

import warnings
from collections.abc import Iterator

import pytest
from distributed import Client, LocalCluster


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of two worker processes."""
    with warnings.catch_warnings():
        # Another process of the tests may have the usual port.
        warnings.filterwarnings("ignore", "Port .* is already in use")
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, memory_limit="1GiB", dashboard_address=None
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
