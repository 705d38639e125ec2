"""Progress of long work: a bar with speed and time left on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Advance:
    """The function that :func:`progress_bar` yields. Thread-safe."""

    def __init__(
        self, progress: "Progress | None" = None, task: "TaskID | None" = None, unit: str = ""
    ) -> None:
        self._progress, self._task, self._unit = progress, task, unit

    def __call__(self, steps: float = 1) -> None:
        """Count finished steps."""
        if self._progress is None or self._task is None:
            return
        self._progress.advance(self._task, steps)
        if self._unit:
            task = self._progress.tasks[self._task]
            speed = task.speed or task.completed / max(task.elapsed or 0, 1e-6)
            digits = f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"  # never with an exponent
            self._progress.update(self._task, speed=f"{digits} {self._unit}/s")


@contextmanager
def progress_bar(
    description: str, total: float | None, *, quiet: bool = False, unit: str = ""
) -> Iterator[Advance]:
    """Show a progress bar on standard error while the body runs, if that is a terminal.

    Args:
        description: The work, in a few words.
        total: Number of steps; None if unknown.
        quiet: Never show the bar.
        unit: Plural name of a step, as "images", to show the speed, "12.3 images/s".

    Yields:
        A function to call after every finished step.

    Example:
        >>> with progress_bar("Reading photos", 3, unit="photos") as advance:
        ...     for _ in range(3):
        ...         advance()
    """
    if quiet or not sys.stderr.isatty():
        yield Advance()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if unit:
        columns.append(TextColumn("{task.fields[speed]}", justify="right"))
    left = TimeRemainingColumn(elapsed_when_finished=True)
    with Progress(*columns, left, console=Console(stderr=True)) as progress:
        yield Advance(progress, progress.add_task(description, total=total, speed=""), unit)
