"""What is set for the whole process as long as anybody in it works."""

import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

T = TypeVar("T")


class Together(Generic[T]):
    """A setting of the whole process, made for the first who needs it and taken back after the last.

    Those who each set something and then what they found before undo one another's, wherever they overlap. A
    thread of its own sets and resets, since some libraries keep settings per thread; there is none while
    nobody works, so that a process may fork then.

    Args:
        begin: Makes the setting, puts what takes it back on the stack, and tells what was there before.
    """

    def __init__(self, begin: Callable[[ExitStack], T]) -> None:
        self._begin, self._lock, self._inside = begin, threading.Lock(), 0
        self._keeper: ThreadPoolExecutor
        self._stack: ExitStack
        self._before: T

    @contextmanager
    def __call__(self) -> Iterator[T]:
        """Keep the setting while the body runs; yields what was there before."""
        with self._lock:
            if self._inside == 0:
                self._start()
            self._inside += 1
        try:
            yield self._before
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._end(wait=True)

    def _start(self) -> None:
        self._keeper, self._stack = ThreadPoolExecutor(1), ExitStack()
        try:
            self._before = self._keeper.submit(self._begin, self._stack).result()
        except BaseException:
            # Interrupted while its thread starts, a pool does not know it: Python would wait for it at exit.
            self._end(wait=False)
            raise

    def _end(self, *, wait: bool) -> None:
        try:
            ended = self._keeper.submit(self._stack.close)
            if wait:
                ended.result()
        finally:
            self._keeper.shutdown(wait=wait)


def _limit_threads(stack: ExitStack) -> int:
    before = max((library["num_threads"] for library in threadpool_info()), default=1)
    stack.enter_context(threadpool_limits(1))
    return int(before)


def _ignore_convergence(stack: ExitStack) -> None:
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", ConvergenceWarning)


_one_thread = Together(_limit_threads)

no_word_of_convergence = Together(_ignore_convergence)
"""Keeps k-means from warning of fewer different rows than clusters."""


@contextmanager
def one_thread() -> Iterator[int]:
    """Keep every product and decomposition of this process to one thread; yields how many there were.

    OpenMP keeps its number of threads per thread, so it is set for the caller's, too.
    """
    with _one_thread() as before, threadpool_limits(1):
        yield before
