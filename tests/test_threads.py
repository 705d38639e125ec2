import os
import threading

import numpy as np
import pytest
import sklearn.cluster  # noqa: F401 - brings OpenMP
from threadpoolctl import threadpool_info

from gmmaug_plugin.threads import core_count, limited_threads


def n_threads(api: str) -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == api}


def test_overlapping_threads_are_limited_and_leave_no_limit_behind() -> None:
    np.ones((8, 8)) @ np.ones((8, 8))
    before = n_threads("blas"), n_threads("openmp")
    entered, leave = threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def other() -> None:
        with limited_threads():
            seen.extend([n_threads("openmp"), n_threads("blas")])
            entered.set()
            leave.wait(20)

    first, second = threading.Thread(target=other), threading.Thread(target=other)
    with limited_threads():
        first.start()
        assert entered.wait(20)
        with limited_threads():
            leave.set()
            first.join()
        assert n_threads("openmp") == n_threads("blas") == {1}
    assert (n_threads("blas"), n_threads("openmp")) == before
    second.start()
    second.join()
    assert seen == [{1}] * 4
    assert (n_threads("blas"), n_threads("openmp")) == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_only_cores_that_the_process_may_use_count() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert core_count() == 1
    finally:
        os.sched_setaffinity(0, allowed)
