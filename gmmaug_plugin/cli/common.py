"""Shared by the commands: arguments, the check of outputs, one-line errors, Ctrl-C without a traceback."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from numpy.typing import NDArray

from gmmaug_plugin.files import temporary_beside
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.pictures import grid, save_png

INTERRUPTED = 130  # exit status after Ctrl-C, as in shells
_STDERR = 2

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A pool's file, written by gmmaug-fit.")]
PhotosPath = Annotated[
    Path, typer.Argument(metavar="PHOTOS", help="Folder (a sub-folder per class, or flat), .npy or .npz.")
]
PictureOutput = Annotated[
    Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write, NAME.png.")
]
LabelOption = Annotated[str | None, typer.Option(help="Class, by name or number.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at a photo that cannot be used.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Threads that draw. \\[default: one per processor core]")
]


def run(command: Callable[[], Any]) -> None:
    """Run a command. Errors that users can correct are one line without a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    warnings.showwarning = lambda message, *_: typer.echo(f"Warning: {message}", err=True)
    if isinstance(sys.stdout, TextIOWrapper):
        # The terminal's encoding may lack a character of a class name.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command()
    except _Interrupted:
        _fail("Interrupted; nothing is left half-written.", INTERRUPTED)
    except MemoryError:
        _fail("Error: memory is full. Draw fewer or smaller images: --images, --image-size.", 1)
    except (ValueError, OSError, ImportError) as error:
        _fail(f"Error: {error}", 1)


def write_grid(images: NDArray[np.uint8], output: Path) -> None:
    """Write images as one picture."""
    save_png(images[0] if len(images) == 1 else grid(images), output)
    typer.echo(f"Wrote {output}: {len(images)} image{'s' if len(images) > 1 else ''}")


def name_skipped(photo_set: PhotoSet) -> None:
    """Say on standard error how the photos' folder was understood, and name the files that were skipped."""
    for note in photo_set.notes:
        typer.echo(f"Note: {note}", err=True)
    for skipped in photo_set.skipped:
        typer.echo(f"Skipped {skipped}", err=True)


def check_output(path: Path, *, suffix: str | None = None) -> Path:
    """Refuse an output that could not be written, before the work starts; missing folders are allowed.

    Args:
        path: The output.
        suffix: Suffix of a file, as ".png"; None if the output is a folder.

    Returns:
        The path, with "~" replaced by the home folder.
    """
    path = path.expanduser()
    if suffix is not None and (path.suffix != suffix or path.is_dir()):
        raise ValueError(f"The output must be a file named NAME{suffix}. Received: {path}")
    places = path.absolute().parents if suffix is not None else (path, *path.absolute().parents)
    folder = next((place for place in places if place.exists()), places[-1])  # a drive may be missing
    if not folder.is_dir():
        found = "a file" if folder.exists() else "missing"
        raise ValueError(f"The output must be in a folder; {folder} is {found}. Received: {path}")
    try:
        # os.access knows neither Windows' access lists nor folders that a server protects.
        probe = temporary_beside(folder / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PermissionError(
            f"The output must be in a folder that you can write to. Received: {path} ({error.strerror})"
        ) from error
    return path


@contextmanager
def silent_libraries() -> Iterator[None]:
    """Discard messages that C libraries write to standard error about damaged files, not those of Python."""
    if sys.stderr is None:  # closed by the caller
        yield
        return
    kept = os.dup(_STDERR)
    with (
        open(kept, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace") as ours,  # noqa: PTH123
        open(os.devnull, "wb") as nowhere,  # noqa: PTH123
        redirect_stderr(ours),
    ):
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)


class _Interrupted(BaseException):
    """Ctrl-C. Typer would catch a KeyboardInterrupt."""


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Interrupted


def _fail(message: str, status: int) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(status)
