"""``gmmaug-fit`` and ``gmmaug fit``: photos to a file."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gmmaug_plugin.cli.option_fields import read_values, with_options
from gmmaug_plugin.cli.report import check_report, write_fit_report
from gmmaug_plugin.cli.running import (
    PhotosPath,
    QuietOption,
    StrictOption,
    WorkersOption,
    named_skips,
    say,
    say_error,
    silent_libraries,
)
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting.measuring import Fit
from gmmaug_plugin.fitting.options import FitOptions, read_options
from gmmaug_plugin.fitting.pipeline import fit_photos
from gmmaug_plugin.fitting.reading import read_photos
from gmmaug_plugin.mixtures.local import LocalOptions
from gmmaug_plugin.mixtures.pca import PCAOptions
from gmmaug_plugin.photos.files import printable


@with_options(FitOptions, LocalOptions, PCAOptions)
def fit_command(
    photos: PhotosPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, NAME.safetensors.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a report there, index.html and report.json.")
    ] = None,
    lossless: Annotated[
        bool,
        typer.Option("--lossless", help="Keep the images exactly; the file is larger."),
    ] = False,
    workers: WorkersOption = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Draw on the Dask cluster of this scheduler."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the same fit where it was interrupted.")
    ] = False,
    strict: StrictOption = False,
    quiet: QuietOption = False,
    **options: Any,
) -> None:
    """Draw a pool of new images from photos and write it to one file.

    Example: gmmaug-fit photos/ -o flowers.safetensors
    """
    began = time.perf_counter()
    output = output.expanduser()
    _check_target(output)
    if report is not None:
        check_report(report)
    fit_options, mixture_options, given = read_options(read_values(options))
    with _cluster(scheduler) as client:
        with silent_libraries():
            photo_set, fit_options = read_photos(photos, None, fit_options, strict=strict, quiet=quiet)
        named_skips(photo_set)
        try:
            with silent_libraries():
                found = fit_photos(
                    photo_set,
                    fit_options,
                    mixture_options,
                    given,
                    workers=workers,
                    client=client,
                    resume=resume,
                    features=None if report is not None else False,
                    quiet=quiet,
                )
                found.pool.save(output, lossless=lossless)
            found.forget()
        except (ValueError, TypeError):
            raise  # the same command would fail again
        except BaseException:
            say_error("The same command with --resume goes on from what was drawn.")
            raise
    if report is not None:
        write_fit_report(report, found)
    if not quiet:
        say(_summary(found, output, time.perf_counter() - began))
        if report is not None:
            say(f"Wrote {report / 'index.html'}")


@contextmanager
def _cluster(scheduler: str | None) -> Iterator[Any]:
    """A client of the cluster, connected before photos are read; None without a scheduler."""
    if scheduler is None:
        yield None
        return
    distributed = require("distributed", extra="dask")
    if not re.fullmatch(r"[a-z]+://.+:\d+", scheduler):
        raise ValueError(f"--scheduler must be like tcp://HOST:PORT. Received: {scheduler}")
    try:
        client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(
            "No Dask scheduler answers there; start one with: dask scheduler. "
            f"Received: --scheduler {scheduler}"
        ) from error
    with client:
        yield client


def _summary(found: Fit, output: Path, seconds: float) -> str:
    """What was drawn, what is known of it, and where it is."""
    pool, record = found.pool, found.pool.record
    skipped = f" ({record.n_skipped} files skipped)" if record.n_skipped else ""
    lines = [f"{sum(record.photos_per_class.values())} photos{skipped}, {pool!r}"]
    chosen = [record.choices["local"]] if "local" in record.choices else record.choices.get("pca", [])
    names = pool.class_names if len(chosen) > 1 else ("options",) * len(chosen)
    lines += [f"{printable(name)}: {one['choice']}" for name, one in zip(names, chosen, strict=True)]
    n_redrawn = sum(record.redrawn.values())
    if n_redrawn:
        n_drawn = len(pool) + n_redrawn
        lines.append(f"{n_drawn} drawn, {n_redrawn} refused as copies of photos, {len(pool)} kept")
    lines += [printable(note) for note in record.notes]
    lines.append(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB) in {seconds:.1f} s")
    return "\n".join(lines)


def _check_target(output: Path) -> None:
    """Refuse a target that could not be written after minutes of drawing."""
    if output.suffix != ".safetensors":
        raise ValueError(f"The output must be named NAME.safetensors. Received: {output}")
    if output.is_dir():
        raise ValueError(f"The output must be a file. Received: a folder, {output}")
    nearest = next(one for one in output.absolute().parents if one.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise PermissionError(f"The output's folder must be one to write in. Received: {output}")
