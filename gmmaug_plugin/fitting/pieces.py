"""Data in pieces, and what is done to all of them: mapped, kept, added up.

The sums of a fit are sums over blocks of photos. Written against :class:`Pieces`, one text serves threads on
this machine and processes on others.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
P = TypeVar("P")


class Run(Protocol):
    """Does tasks and returns their results in order, whichever was finished first."""

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do the tasks."""


class Pieces(ABC, Generic[P]):
    """Pieces of data that stay where they are; functions come to them.

    Functions are called with a piece, that piece's own argument where ``each`` is given, and the shared
    arguments. They must be importable by name, and so must what they are given be picklable, since pieces may
    lie in other processes.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Number of pieces."""

    @abstractmethod
    def pick(self, indices: Sequence[int]) -> "Pieces[P]":
        """Some of the pieces."""

    @abstractmethod
    def keep(
        self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None
    ) -> "Pieces[T]":
        """What a function makes of the pieces, kept where it was made."""

    @abstractmethod
    def map(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> list[T]:
        """What a function makes of the pieces, brought here, in order."""

    @abstractmethod
    def sum(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> T:
        """What a function makes of the pieces, added up from the first to the last.

        The order is always the same, so that rounding is.
        """


class HerePieces(Pieces[P]):
    """Pieces in this process.

    Args:
        pieces: The pieces.
        run: Does the work.
        at_once: How many results of a sum are waited for together: they take memory until they are added.
    """

    def __init__(self, pieces: Sequence[P], run: Run, *, at_once: int) -> None:
        self._pieces, self._run, self._at_once = pieces, run, at_once

    def __len__(self) -> int:
        return len(self._pieces)

    def pick(self, indices: Sequence[int]) -> "HerePieces[P]":
        """Some of the pieces."""
        return self._of([self._pieces[index] for index in indices])

    def keep(
        self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None
    ) -> "HerePieces[T]":
        """What a function makes of the pieces; see :class:`Pieces`."""
        return self._of(self.map(function, *shared, each=each))

    def map(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> list[T]:
        """What a function makes of the pieces, in order; see :class:`Pieces`."""
        return self._run(self._tasks(function, shared, each))

    def sum(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> T:
        """What a function makes of the pieces, added up; see :class:`Pieces`."""
        tasks = self._tasks(function, shared, each)
        return add_up(
            result
            for begin in range(0, len(tasks), self._at_once)
            for result in self._run(tasks[begin : begin + self._at_once])
        )

    def _of(self, pieces: Sequence[T]) -> "HerePieces[T]":
        return HerePieces(pieces, self._run, at_once=self._at_once)

    def _tasks(
        self, function: Callable[..., T], shared: Sequence[Any], each: Sequence[Any] | None
    ) -> list[Callable[[], T]]:
        return [
            _Task(function, (piece, *own, *shared))
            for piece, own in zip(self._pieces, own_arguments(each, len(self._pieces)), strict=True)
        ]


class _Task(Generic[T]):
    """A call to be made."""

    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self._function, self._arguments = function, arguments

    def __call__(self) -> T:
        return self._function(*self._arguments)


def own_arguments(each: Sequence[Any] | None, n: int) -> Iterator[tuple[Any, ...]]:
    """Every piece's own arguments: one, or none."""
    return iter([()] * n if each is None else [(one,) for one in each])


def add_up(results: Iterator[T]) -> T:
    """Add results in order; there must be one."""
    total = next(results)
    for result in results:
        total = total + result  # type: ignore[operator]
    return total
