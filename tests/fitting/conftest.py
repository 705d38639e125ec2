"""A Dask cluster for all tests of fitting."""

from collections.abc import Iterator

import pytest
from distributed import Client

from tests.fitting.clusters import local_cluster


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of two worker processes."""
    with local_cluster(2) as client:
        yield client
