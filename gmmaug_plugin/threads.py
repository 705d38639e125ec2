"""The number of usable cores, and a limit on the threads of numerical libraries."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_users = 0
_blas: Any = None


def core_count() -> int:
    """Number of cores that this process may use, by its affinity.

    Example:
        >>> core_count() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited_threads() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread while a ``with`` body runs.

    Many small products are slower with several threads than with one, and the rounding of k-means depends on
    the order in which its threads end. Bodies may be nested, and overlap in several threads. The limit of
    BLAS holds for the process until the last body ends; the limit of OpenMP holds for one thread, so threads
    started in a body need a body of their own. Entering takes milliseconds: put a whole loop into the body.

    Example:
        >>> with limited_threads():
        ...     pass
    """
    global _users  # noqa: PLW0603 - as the limit, it belongs to the process
    controller = ThreadpoolController()
    with _lock:
        _users += 1
        if _users == 1:
            _from_short_thread(lambda: _limit_blas(controller))
    try:
        with controller.select(user_api="openmp").limit(limits=1):
            yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _from_short_thread(_blas.restore_original_limits)


def _limit_blas(controller: ThreadpoolController) -> None:
    global _blas  # noqa: PLW0603
    _blas = controller.select(user_api="blas").limit(limits=1)


def _from_short_thread(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread that ends at once, so that any other thread can lift the limit again."""
    thread = Thread(target=work)
    thread.start()
    thread.join()
