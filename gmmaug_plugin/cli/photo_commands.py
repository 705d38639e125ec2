"""Commands that draw from photos: ``gmmaug fit`` (also ``gmmaug-fit``) and ``gmmaug vary``."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gmmaug_plugin.cli import common
from gmmaug_plugin.cli.options_from_fields import read_values, with_options
from gmmaug_plugin.cli.report_commands import check_report, write_pool_report
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting import FitOptions, fit, vary
from gmmaug_plugin.fitting.options import read_options
from gmmaug_plugin.fitting.reading import read_photos
from gmmaug_plugin.mixtures import LocalOptions, PCAOptions
from gmmaug_plugin.photos import printable, read_photo
from gmmaug_plugin.pool import Pool


@with_options(FitOptions)
@with_options(LocalOptions, panel="Local mixture")
@with_options(PCAOptions, panel="PCA mixture")
def fit_command(
    photos: common.PhotosPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, NAME.safetensors.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a report there, index.html and report.json.")
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Store every gray level. \\[default: smaller, 45 dB]")
    ] = False,
    workers: common.WorkersOption = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Draw on the Dask cluster of this scheduler."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted fit.")] = False,
    strict: common.StrictOption = False,
    quiet: common.QuietOption = False,
    **options: Any,
) -> None:
    """Draw a pool of new images from photos and write it to one file.

    Example: gmmaug-fit photos/ -o flowers.safetensors
    """
    began = time.perf_counter()
    output = common.check_output(output, suffix=".safetensors")
    report = report and check_report(report)
    values = read_values(options)
    fit_options, _ = read_options(values)
    with _cluster(scheduler) as client, common.silent_libraries():
        photo_set, _ = read_photos(photos, None, fit_options, strict=strict, quiet=quiet)
        common.name_skipped(photo_set)
        try:
            pool = fit(
                photo_set,
                output=output,
                lossless=lossless,
                workers=workers,
                client=client,
                resume=resume,
                quiet=quiet,
                **values,
            )
        except ValueError:
            raise  # the same command would fail again
        except BaseException:
            typer.echo("The same command with --resume goes on from what was drawn.", err=True)
            raise
        seconds = time.perf_counter() - began
        page = report and write_pool_report(report, pool, photo_set, features=None, quiet=quiet)
    if not quiet:
        typer.echo(_summary(pool, photo_set.notes))
        typer.echo(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB) in {seconds:.1f} s")
        if page is not None:
            typer.echo(f"Wrote {page}")


@with_options(FitOptions, only=("image_size", "color", "symmetry", "resize", "seed"))
def vary_command(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to re-render.")],
    photos: Annotated[
        Path, typer.Option("--photos", metavar="PHOTOS", help="Folder of photos to draw from.")
    ],
    output: common.PictureOutput,
    strength: Annotated[
        float, typer.Option(help="Distance from the photo's layout: 0.05 (near) to 1 (far).")
    ] = 0.5,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 1,
    label: common.LabelOption = None,
    workers: common.WorkersOption = None,
    quiet: common.QuietOption = False,
    **options: Any,
) -> None:
    """Re-render a photo: its layout, drawn from other photos of its class. The picture shows the photo first.

    Example: gmmaug vary photos/daisy/1.jpg --photos photos/ -n 8 -o varied.png
    """
    output = common.check_output(output, suffix=".png")
    values = read_values(options)
    with common.silent_libraries():
        photo_set, _ = read_photos(photos, None, FitOptions(**values), strict=False, quiet=quiet)
        common.name_skipped(photo_set)
        images = vary(
            photo, photo_set, label=label, n=n, strength=strength, workers=workers, quiet=quiet, **values
        )
        resize = values.get("resize", "stretch")
        original = read_photo(
            photo, image_size=images.shape[1], resize=resize, color=images.ndim == 4, like=photo_set
        )
    common.write_grid(np.concatenate([original[None], images]), output)


@contextmanager
def _cluster(scheduler: str | None) -> Iterator[Any]:
    """Connect to a cluster before photos are read; yields None without a scheduler."""
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
            f"No Dask scheduler answers; start one with: dask scheduler. Received: --scheduler {scheduler}"
        ) from error
    with client:
        yield client


def _summary(pool: Pool, said: Sequence[str]) -> str:
    """The number of photos and images, the choice of options, refused copies, and notes not yet said."""
    record = pool.record
    skipped = f" ({record.n_skipped} files skipped)" if record.n_skipped else ""
    lines = [f"{sum(record.photos_per_class.values())} photos{skipped}, {repr(pool).splitlines()[0]}"]
    chosen = [record.choices["local"]] if "local" in record.choices else record.choices.get("pca", [])
    names = pool.class_names if len(chosen) > 1 else ("options",) * len(chosen)
    lines += [f"{name}: {one['choice']}" for name, one in zip(names, chosen, strict=True)]
    n_redrawn = sum(record.redrawn.values())
    if n_redrawn:
        n_drawn = len(pool) + n_redrawn
        lines.append(f"{n_drawn} drawn, {n_redrawn} refused as copies of photos, {len(pool)} kept")
    lines += [note for note in record.notes if note not in said]
    return "\n".join(map(printable, lines))
