"""Progress of long work: a bar on a terminal, silence everywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

Advance = Callable[[], None]


class Steps(Protocol):
    """What :func:`progress_bar` yields; any thread may use it."""

    def __call__(self) -> None:
        """Tell that one step is finished."""

    def expect(self, steps: int) -> None:
        """Add to the total: more work has turned up."""


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Steps]:
    """Show a progress bar on standard error while the body runs.

    Nothing is shown when ``quiet`` is set or standard error is no terminal.

    Args:
        description: What is being done, a few words.
        total: Number of steps known so far.
        quiet: Never show the bar.

    Yields:
        A function to call after every finished step; its ``expect`` adds steps found on the way.

    Example:
        >>> with progress_bar("Reading photos", 3) as advance:
        ...     for _ in range(3):
        ...         advance()
    """
    if quiet or not sys.stderr.isatty():
        yield _Silence()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=total)
        yield _Bar(
            lambda: progress.advance(task), lambda expected: progress.update(task, total=expected), total
        )


class _Silence:
    def __call__(self) -> None: ...

    def expect(self, steps: int) -> None: ...


class _Bar:
    def __init__(self, advance: Advance, set_total: Callable[[int], None], total: int) -> None:
        self._advance, self._set_total, self._total = advance, set_total, total
        self._lock = Lock()

    def __call__(self) -> None:
        self._advance()

    def expect(self, steps: int) -> None:
        with self._lock:
            self._total += steps
            self._set_total(self._total)
