"""Work in several threads whose results do not depend on how many there are."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

T = TypeVar("T")


class Run(Protocol):
    """Does tasks and returns their results in order, whichever was finished first."""

    def __call__(self, tasks: Iterable[Callable[[], T]]) -> list[T]:
        """Do the tasks."""


def in_turn(tasks: Iterable[Callable[[], T]]) -> list[T]:
    """Do tasks one after the other, in the caller's thread."""
    return [task() for task in tasks]


@contextmanager
def workers() -> Iterator[Run]:
    """Threads that do tasks, while every product and decomposition keeps to one thread.

    Libraries of linear algebra share one product out over their threads and round differently with
    each number of them; so does k-means. Here the tasks are shared out instead, each stays in one
    thread, and none sees another: the same tasks give the same bytes on any number of cores. There
    are as many workers as those libraries would have had threads, so ``OMP_NUM_THREADS`` and
    ``threadpoolctl`` are heeded. The limit holds for the whole process while the body runs.

    Yields:
        What does the tasks. A task must not call it.
    """
    n_workers = max((library["num_threads"] for library in threadpool_info()), default=1)
    # OpenMP keeps its number of threads per thread, so every worker sets its own.
    pool = ThreadPoolExecutor(n_workers, initializer=threadpool_limits, initargs=(1, "openmp"))

    def run(tasks: Iterable[Callable[[], T]]) -> list[T]:
        futures = [pool.submit(task) for task in tasks]
        return [future.result() for future in futures]

    with warnings.catch_warnings(), threadpool_limits(1):
        # Filters are the whole process's: threads that set and reset them each on its own undo one another's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            yield run
        finally:
            pool.shutdown(cancel_futures=True)
