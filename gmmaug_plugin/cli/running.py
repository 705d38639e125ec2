"""Running a command: errors in a line, Ctrl-C without a traceback, results on standard output."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from gmmaug_plugin.photos import PhotoSet

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

_STDERR = 2

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="Artifact written by gmmaug-fit.")]
PhotosPath = Annotated[
    Path, typer.Argument(metavar="PHOTOS", help="Folder (a sub-folder per class, or flat), .npy or .npz.")
]
LabelOption = Annotated[str | None, typer.Option(help="Class, by name or number.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at a photo that cannot be used.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Threads that draw; one for each processor core if not given.")
]


def run(command: Callable[[], Any]) -> None:
    """Run a command; an error that a user can mend is one line, without a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    warnings.showwarning = lambda message, *_: say_error(f"Warning: {message}")
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal's encoding lacks must not undo the work.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command()
    except _Interrupted:
        _fail("Interrupted; nothing is left half-written.", INTERRUPTED)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        _fail(f"Error: {error}", 1)


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")


def say_error(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(text + "\n")


def named_skips(photo_set: PhotoSet) -> None:
    """Name the files that were skipped on standard error."""
    for skipped in photo_set.skipped:
        say_error(f"Skipped {skipped}")


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Keep messages of C libraries about damaged files off standard error; ours still go there."""
    own = sys.stderr
    try:
        at_terminal = own.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):
        at_terminal = False
    if not at_terminal:
        yield
        return
    own.flush()
    kept = os.dup(_STDERR)
    with (
        open(kept, "w", buffering=1, encoding=own.encoding, errors=own.errors) as ours,  # noqa: PTH123
        open(os.devnull, "wb") as nowhere,  # noqa: PTH123
    ):
        sys.stderr = ours
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            yield
        finally:
            ours.flush()
            os.dup2(kept, _STDERR)
            sys.stderr = own


def check_folder(output: Path) -> None:
    """Raise :class:`ValueError` unless the folder that an output goes to is there."""
    if not output.parent.is_dir():
        raise ValueError(f"The output's folder must exist. Received: {output}")


class _Interrupted(BaseException):
    """Ctrl-C: no KeyboardInterrupt, which typer would answer before we can."""


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Interrupted


def _fail(message: str, status: int) -> NoReturn:
    say_error(message)
    raise SystemExit(status)
