"""Work in several threads whose results do not depend on how many there are."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from gmmaug_plugin.fitting.pieces import HerePieces, Pieces
from gmmaug_plugin.fitting.together import no_word_of_convergence, one_thread
from gmmaug_plugin.images.storage import Images, ImageSource, SharedImages, share_images
from gmmaug_plugin.progress import Advance

T = TypeVar("T")
P = TypeVar("P")

Client = Any
"""A ``distributed.Client``, or None. The package does not need Dask."""


class Workers(Protocol):
    """Those who do the work of a fit."""

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do tasks in this process; results come in order, whichever was finished first."""

    def send(self, tasks: Sequence[Callable[[], T]], done: Advance | None = None) -> list[T]:
        """Do tasks that can be pickled, wherever there is somebody to do them; ``done`` is told of each."""

    def spread(self, pieces: Sequence[P]) -> Pieces[P]:
        """Hand small pieces of data out."""


class Here:
    """Workers in this process.

    Args:
        pool: Threads; None does everything in the caller's.
        n_threads: How many threads the pool has.
    """

    def __init__(self, pool: ThreadPoolExecutor | None = None, n_threads: int = 1) -> None:
        self._pool, self._n_threads = pool, n_threads

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do tasks. What a task asks for in its turn is done in its own thread, one after the other."""
        if self._pool is None or getattr(_thread, "works", False):
            return [task() for task in tasks]
        futures = [self._pool.submit(task) for task in tasks]
        return [future.result() for future in futures]

    def send(self, tasks: Sequence[Callable[[], T]], done: Advance | None = None) -> list[T]:
        """Do tasks here: there is nobody elsewhere."""
        return self([partial(_then, task, done) for task in tasks])

    def spread(self, pieces: Sequence[P]) -> HerePieces[P]:
        """Keep pieces here."""
        return HerePieces(pieces, self, at_once=self._n_threads)


_thread = threading.local()


def _begin_to_work() -> None:
    # OpenMP keeps its number of threads per thread, so every worker sets its own.
    threadpool_limits(1, "openmp")
    _thread.works = True


in_turn = Here()
"""Does one task after the other, in the caller's thread."""


def _then(task: Callable[[], T], done: Advance | None) -> T:
    result = task()
    if done is not None:
        done()
    return result


@contextmanager
def shared(images: Images, client: Client) -> Iterator[ImageSource]:
    """Images where all workers can read them: in a file, if these are processes of a cluster."""
    if client is None:
        yield images
        return
    here = SharedImages.of(images)
    made = here or share_images(images)
    try:
        yield made
    finally:
        if here is None:
            made.path.unlink(missing_ok=True)


@contextmanager
def workers(client: Client = None) -> Iterator[Workers]:
    """Threads that do tasks, while every product and decomposition keeps to one thread.

    Libraries of linear algebra share one product out over their threads and round differently with
    each number of them; so does k-means. Here the tasks are shared out instead, each stays in one
    thread, and none sees another: the same tasks give the same bytes on any number of cores. There
    are as many workers as those libraries would have had threads, so ``OMP_NUM_THREADS`` and
    ``threadpoolctl`` are heeded. The limit holds for the whole process while the body runs, and until the
    last of several fits at once is done.

    Args:
        client: Of a Dask cluster that does what can be sent away; None does everything here.

    Yields:
        What does the tasks.
    """
    with one_thread() as n_workers, no_word_of_convergence():
        pool = ThreadPoolExecutor(n_workers, initializer=_begin_to_work)
        try:
            here = Here(pool, n_workers)
            if client is None:
                yield here
            else:
                from gmmaug_plugin.fitting.cluster import Cluster

                # Dask has a word on tasks of over 10 MB: a mixture with all its covariances may be larger.
                warnings.filterwarnings("ignore", "Sending large graph")
                cluster = Cluster(client, here)
                try:
                    yield cluster
                finally:
                    # Threads of the pool that wait for the cluster would be waited for.
                    cluster.end()
        finally:
            pool.shutdown(cancel_futures=True)
