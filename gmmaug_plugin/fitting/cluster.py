"""The work of a fit on the machines of a Dask cluster.

Everything sent away is a task that the scheduler knows how to do again: blocks of photos are read from a
file that all machines see, and what is made of them and kept stays a task's result. A worker that dies costs
the time its results took, and nothing else. While there is no worker at all, the work waits: clusters may
start theirs when there is something to do.
"""

import operator
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from gmmaug_plugin.fitting.pieces import Pieces, own_arguments
from gmmaug_plugin.fitting.together import one_thread
from gmmaug_plugin.fitting.workers import Client, Here
from gmmaug_plugin.progress import Advance

T = TypeVar("T")
P = TypeVar("P")

Future = Any
"""A ``distributed.Future``."""

_SMALL = (int, float, str, bool, type(None))
"""Arguments that go along with every task; others are sent to the scheduler once."""

_GLANCE = 0.2
"""Seconds after which those who wait look whether there is still something to wait for."""

_PATIENCE = 30.0
"""Seconds without a result after which it is looked whether there are workers."""


class ClusterError(OSError):
    """The cluster could not do the work."""


def connect(address: str) -> Client:
    """Connect to a Dask scheduler.

    Args:
        address: Such as ``tcp://10.0.0.1:8786``.

    Raises:
        ImportError: Dask is not installed.
        ValueError: No scheduler answers there.

    Example:
        >>> connect("tcp://10.0.0.1:8786")  # doctest: +SKIP
    """
    try:
        from distributed import Client as DaskClient
        from distributed.comm import resolve_address
    except ImportError as error:
        raise ImportError(
            "Fitting on a cluster needs Dask, which is not installed. Install it with: "
            'pip install "gmmaug-plugin[dask]"'
        ) from error
    try:
        # A client of an address that is none is never quite closed.
        resolve_address(address)
        return DaskClient(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"A Dask scheduler must answer at the address, such as tcp://10.0.0.1:8786. Received: {address!r}"
        ) from error


class Cluster:
    """Workers of a Dask cluster.

    Args:
        client: Of the cluster.
        here: Does what cannot be sent.
    """

    def __init__(self, client: Client, here: Here) -> None:
        self._client, self._here = client, here
        self._over = threading.Event()

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do tasks in this process."""
        return self._here(tasks)

    def send(self, tasks: Sequence[Callable[[], T]], done: Advance | None = None) -> list[T]:
        """Do tasks on the cluster; ``done`` is called in this thread."""
        return self.gather([self.submit(task) for task in tasks], done)

    def spread(self, pieces: Sequence[P]) -> "ClusterPieces[P]":
        """Hand pieces out; they are kept by the scheduler too, so they should be small."""
        return ClusterPieces(self, [self.submit(_itself, piece) for piece in pieces])

    def submit(self, function: Callable[..., Any], *arguments: Any, urgent: bool = False) -> Future:
        """Hand a task to the scheduler, under a name that its dashboard can group.

        Args:
            function: What is called.
            arguments: What with; results of other tasks among them.
            urgent: Whether it goes before all that waits.
        """
        self._check_going_on()
        name = getattr(getattr(function, "func", function), "__name__", "task")
        key = f"{name.strip('_')}-{uuid.uuid4().hex}"
        call = (function,) if function in _WITHOUT_PRODUCTS else (_alone, function)
        return self._client.submit(*call, *arguments, key=key, priority=int(urgent))

    def gather(self, futures: Sequence[Future], done: Advance | None = None) -> list[Any]:
        """Bring results here, in order.

        Args:
            futures: Of the results.
            done: Told of each, as soon as it is there.

        Raises:
            ClusterError: Workers die of the work, or the scheduler is gone. Errors of the tasks themselves
                come as they are.
        """
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        ended: SimpleQueue[Future] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        try:
            for _ in futures:
                if self._next(ended).status != "finished":
                    break
                if done is not None:
                    done()
            self._check_going_on()
            return list(self._client.gather(list(futures)))
        except KilledWorker as error:
            raise ClusterError(
                "Workers of the Dask cluster died one after another of the same task, most likely for want "
                "of memory: give each worker more of it, or make blocks smaller (block_size, --block-size). "
                f"Received: {error}"
            ) from error
        except CancelledError as error:
            raise ClusterError(
                "The scheduler of the Dask cluster is gone, or has been told to drop the work: start it "
                f"again, then fit again. Received: {error}"
            ) from error

    def end(self) -> None:
        """Let nobody wait any longer. The scheduler drops what nobody waits for."""
        self._over.set()

    def _check_going_on(self) -> None:
        if self._over.is_set():
            raise ClusterError("The work on the cluster must go on. Received: its end")
        if self._client.status in ("closing", "closed"):
            raise ClusterError(
                "The client of the Dask cluster must be open, and its scheduler there. "
                "Received: a closed client"
            )

    def _next(self, ended: "SimpleQueue[Future]") -> Future:
        """The next task that has ended."""
        began = time.monotonic()
        while True:
            try:
                return ended.get(timeout=_GLANCE)
            except Empty:
                self._check_going_on()
            if time.monotonic() - began > _PATIENCE:
                began = time.monotonic()
                if self._client.status == "running" and not self._client.nthreads():
                    warnings.warn(
                        "The Dask cluster has no worker: the fit waits until it has one. Ctrl-C ends it.",
                        stacklevel=2,
                    )


class ClusterPieces(Pieces[P]):
    """Pieces that are results of tasks on a cluster."""

    def __init__(self, cluster: Cluster, futures: Sequence[Future]) -> None:
        self._cluster, self._futures = cluster, list(futures)

    def __len__(self) -> int:
        return len(self._futures)

    def pick(self, indices: Sequence[int]) -> "ClusterPieces[P]":
        """Some of the pieces."""
        return ClusterPieces(self._cluster, [self._futures[index] for index in indices])

    def keep(
        self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None
    ) -> "ClusterPieces[T]":
        """What a function makes of the pieces, where it is made; see :class:`Pieces`."""
        return ClusterPieces(self._cluster, self._submit(function, shared, each))

    def map(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> list[T]:
        """What a function makes of the pieces, in order; see :class:`Pieces`."""
        return self._cluster.gather(self._submit(function, shared, each))

    def sum(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> T:
        """What a function makes of the pieces, added up from the first to the last; see :class:`Pieces`."""
        total, *others = self._submit(function, shared, each)
        for other in others:
            # Before more is made that takes memory until it is added.
            total = self._cluster.submit(operator.add, total, other, urgent=True)
        result: T = self._cluster.gather([total])[0]
        return result

    def _submit(
        self, function: Callable[..., T], shared: Sequence[Any], each: Sequence[Any] | None
    ) -> list[Future]:
        once = [
            one if isinstance(one, _SMALL) or callable(one) else self._cluster.submit(_itself, one)
            for one in shared
        ]
        own = own_arguments(each, len(self))
        return [
            self._cluster.submit(function, piece, *mine, *once)
            for piece, mine in zip(self._futures, own, strict=True)
        ]


def _alone(function: Callable[..., T], *arguments: Any) -> T:
    """Call with one thread for every product, as the workers of one process do: so bytes are the same."""
    with one_thread():
        return function(*arguments)


def _itself(piece: P) -> P:
    return piece


_WITHOUT_PRODUCTS = (_itself, operator.add)
"""Nothing in these has threads to be limited, which takes longer than they do."""
