"""Progress of long work: a bar on a terminal, silence everywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[], None]


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Show a progress bar on standard error while the body runs.

    Nothing is shown when ``quiet`` is set or standard error is no terminal.

    Args:
        description: What is being done, a few words.
        total: Number of steps.
        quiet: Never show the bar.

    Yields:
        A function to call after every finished step; any thread may call it.

    Example:
        >>> with progress_bar("Reading photos", 3) as advance:
        ...     for _ in range(3):
        ...         advance()
    """
    if quiet or not sys.stderr.isatty():
        yield lambda: None
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
        yield lambda: progress.advance(task)
