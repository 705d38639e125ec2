"""Progress of long work: a bar with speed and time left on a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    description: str, total: float | None, *, quiet: bool = False, unit: str = ""
) -> Iterator[Callable[..., None]]:
    """Show a progress bar on standard error while the body runs, if that is a terminal.

    Args:
        description: The work, in a few words.
        total: Number of steps; None if unknown.
        quiet: Never show the bar.
        unit: Plural name of a step, as "images", to show the speed, "12.3 images/s".

    Yields:
        A thread-safe function to call after every finished step, or with the number of finished steps.

    Example:
        >>> with progress_bar("Reading photos", 3, unit="photos") as advance:
        ...     for _ in range(3):
        ...         advance()
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():  # None under Windows' pythonw
        yield lambda steps=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if unit:
        columns.append(TextColumn("{task.fields[speed]}", justify="right"))
    left = TimeRemainingColumn(elapsed_when_finished=True)
    with Progress(*columns, left, console=Console(stderr=True)) as progress:
        number = progress.add_task(description, total=total, speed="")

        def advance(steps: float = 1) -> None:
            progress.advance(number, steps)
            if unit:
                task = progress.tasks[number]
                speed = task.speed or task.completed / max(task.elapsed or 0, 1e-6)
                digits = f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"  # never with an exponent
                progress.update(number, speed=f"{digits} {unit}/s")

        yield advance
