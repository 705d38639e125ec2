"""The work of a fit on the machines of a Dask cluster.

Everything sent away is a task that the scheduler knows how to do again: blocks of photos are read from a
file that all machines see, and what is made of them and kept stays a task's result. A worker that dies costs
the time its results took, and nothing else.
"""

import operator
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from gmmaug_plugin.fitting.pieces import Pieces, own_arguments
from gmmaug_plugin.fitting.workers import Client, Here
from gmmaug_plugin.progress import Advance

T = TypeVar("T")
P = TypeVar("P")

Future = Any
"""A ``distributed.Future``."""

_SMALL = (int, float, str, bool, type(None))
"""Arguments that go along with every task; others are sent to the scheduler once."""


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
    except ImportError as error:
        raise ImportError(
            "Fitting on a cluster needs Dask, which is not installed. Install it with: "
            'pip install "gmmaug-plugin[dask]"'
        ) from error
    try:
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

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do tasks in this process."""
        return self._here(tasks)

    def send(self, tasks: Sequence[Callable[[], T]], done: Advance | None = None) -> list[T]:
        """Do tasks on the cluster."""
        futures = [submit(self._client, task) for task in tasks]
        if done is not None:
            for future in futures:
                future.add_done_callback(lambda _: done())
        return _gather(self._client, futures)

    def spread(self, pieces: Sequence[P]) -> "ClusterPieces[P]":
        """Hand pieces out; they are kept by the scheduler too, so they should be small."""
        return ClusterPieces(self._client, [submit(self._client, _itself, piece) for piece in pieces])


class ClusterPieces(Pieces[P]):
    """Pieces that are results of tasks on a cluster."""

    def __init__(self, client: Client, futures: Sequence[Future]) -> None:
        self._client, self._futures = client, list(futures)

    def __len__(self) -> int:
        return len(self._futures)

    def pick(self, indices: Sequence[int]) -> "ClusterPieces[P]":
        """Some of the pieces."""
        return ClusterPieces(self._client, [self._futures[index] for index in indices])

    def keep(
        self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None
    ) -> "ClusterPieces[T]":
        """What a function makes of the pieces, where it is made; see :class:`Pieces`."""
        return ClusterPieces(self._client, self._submit(function, shared, each))

    def map(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> list[T]:
        """What a function makes of the pieces, in order; see :class:`Pieces`."""
        return _gather(self._client, self._submit(function, shared, each))

    def sum(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> T:
        """What a function makes of the pieces, added up from the first to the last; see :class:`Pieces`."""
        total, *others = self._submit(function, shared, each)
        for other in others:
            total = submit(self._client, operator.add, total, other)
        result: T = _gather(self._client, [total])[0]
        return result

    def _submit(
        self, function: Callable[..., T], shared: Sequence[Any], each: Sequence[Any] | None
    ) -> list[Future]:
        once = [
            one if isinstance(one, _SMALL) or callable(one) else submit(self._client, _itself, one)
            for one in shared
        ]
        own = own_arguments(each, len(self))
        return [
            submit(self._client, function, piece, *mine, *once)
            for piece, mine in zip(self._futures, own, strict=True)
        ]


def submit(client: Client, function: Callable[..., Any], *arguments: Any) -> Future:
    """Hand a task to the scheduler, under a name that its dashboard can group."""
    name = getattr(getattr(function, "func", function), "__name__", "task")
    return client.submit(_alone, function, *arguments, key=f"{name.strip('_')}-{uuid.uuid4().hex}")


def _gather(client: Client, futures: Sequence[Future]) -> list[Any]:
    return list(client.gather(list(futures)))


def _alone(function: Callable[..., T], *arguments: Any) -> T:
    """Call with one thread for every product, as the workers of one process do: so bytes are the same."""
    with threadpool_limits(1):
        return function(*arguments)


def _itself(piece: P) -> P:
    return piece
