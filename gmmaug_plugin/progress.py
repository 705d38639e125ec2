"""Progress of long work: a bar with speed and time left on a terminal, silence everywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Advance(Protocol):
    """The function that :func:`progress_bar` yields; any thread may call it."""

    def __call__(self, steps: float = 1) -> None:
        """Count finished steps."""

    def expect(self, steps: float) -> None:
        """Add to the total: more work has turned up."""


@contextmanager
def progress_bar(
    description: str, total: float | None, *, quiet: bool = False, unit: str = ""
) -> Iterator[Advance]:
    """Show a progress bar on standard error while the body runs.

    Nothing is shown when ``quiet`` is set or standard error is no terminal.

    Args:
        description: What is being done, a few words.
        total: Number of steps known so far; None if unknown.
        quiet: Never show the bar.
        unit: Plural name of a step, as "images": shows the speed, "12.3 images/s". Empty: no speed is shown.

    Yields:
        A function to call after every finished step; its ``expect`` adds steps found on the way.

    Example:
        >>> with progress_bar("Reading photos", 3, unit="photos") as advance:
        ...     for _ in range(3):
        ...         advance()
    """
    if quiet or not sys.stderr.isatty():
        yield _Silence()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if unit:
        columns.append(TextColumn("{task.fields[speed]}", justify="right"))
    left = TimeRemainingColumn(elapsed_when_finished=True)
    with Progress(*columns, left, console=Console(stderr=True)) as progress:
        yield _Bar(progress, progress.add_task(description, total=total, speed=""), unit)


class _Silence:
    def __call__(self, steps: float = 1) -> None: ...

    def expect(self, steps: float) -> None: ...


class _Bar:
    def __init__(self, progress: "Progress", task: "TaskID", unit: str) -> None:
        self._progress, self._task, self._unit = progress, progress.tasks[task], unit
        self._lock = Lock()

    def __call__(self, steps: float = 1) -> None:
        self._progress.advance(self._task.id, steps)
        if self._unit:
            speed = self._task.speed or self._task.completed / max(self._task.elapsed or 0, 1e-6)
            digits = f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"  # never with an exponent
            self._progress.update(self._task.id, speed=f"{digits} {self._unit}/s")

    def expect(self, steps: float) -> None:
        with self._lock:
            self._progress.update(self._task.id, total=(self._task.total or 0) + steps)
