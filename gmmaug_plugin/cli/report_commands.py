"""Commands that judge a pool: ``gmmaug report`` and ``gmmaug evaluate``."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gmmaug_plugin.cli import common
from gmmaug_plugin.cli.options_from_fields import read_values, with_options
from gmmaug_plugin.evaluation.usefulness import StudyOptions, study_usefulness
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting import FitOptions, fit
from gmmaug_plugin.fitting.pipeline import make_detector, measure_pool
from gmmaug_plugin.mixtures import PCAMixture
from gmmaug_plugin.photos import PhotoSet, load_photos
from gmmaug_plugin.pool import Pool, load_model
from gmmaug_plugin.resizing import resize_images

_WIDTH = 180  # of tables, if standard output is no terminal


def report_command(
    model: common.ModelFile,
    photos: common.PhotosPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where index.html and report.json go.")
    ],
    features: Annotated[
        bool | None,
        typer.Option(
            "--features/--no-features",
            help="Measure in a small network's features too. \\[default: if TensorFlow is installed]",
        ),
    ] = None,
    strict: common.StrictOption = False,
    quiet: common.QuietOption = False,
) -> None:
    """Measure a pool beside its photos: a page to read, and JSON.

    Example: gmmaug report flowers.safetensors photos/ -o report/
    """
    began = time.perf_counter()
    output = check_report(output)
    pool = load_model(model)
    resize, color = pool.record.options.get("resize", "stretch"), pool.channels == 3
    with common.silent_libraries():
        photo_set = load_photos(
            photos, image_size=pool.image_size, resize=resize, color=color, strict=strict, quiet=quiet
        )
        common.name_skipped(photo_set)
        if pool.record.photos and photo_set.fingerprint != pool.record.photos:
            n = sum(pool.record.photos_per_class.values())
            raise ValueError(
                f"The photos must be the {n} that the pool was drawn from: others do not show copies. "
                f"Received: {len(photo_set.images)} other photos"
            )
        page = write_pool_report(output, pool, photo_set, features=features, quiet=quiet)
    if not quiet:
        typer.echo(f"Wrote {page} in {time.perf_counter() - began:.1f} s")


def check_report(folder: Path) -> Path:
    """Refuse a report that would fail after minutes: no possible folder, or a library missing."""
    require("jinja2", extra="report")
    return common.check_output(folder)


def write_pool_report(
    folder: Path, pool: Pool, photo_set: PhotoSet, *, features: bool | None, quiet: bool
) -> Path:
    """Measure a pool beside the photos that it was drawn from, write the report, and return its page."""
    from gmmaug_plugin.evaluation.report import write_report

    if photo_set.class_names != pool.class_names:
        raise ValueError(
            f"The photos' classes must be the pool's, {list(pool.class_names)}. "
            f"Received: {list(photo_set.class_names)}"
        )
    photo_set = replace(photo_set, images=resize_images(photo_set.images, pool.image_size))
    detector = make_detector(photo_set)
    measurements = measure_pool(pool, photo_set, detector, features=features, quiet=quiet)
    eigen_images = {
        name: PCAMixture.from_arrays(pool.arrays, prefix=f"pca.{number}.").eigen_images
        for number, name in enumerate(pool.class_names or ("",))
        if pool.record.model == "pca"
    }
    return write_report(folder, pool, photo_set, measurements, detector=detector, eigen_images=eigen_images)


@with_options(FitOptions, only=("model",))
@with_options(StudyOptions)
def evaluate_command(
    photos: common.PhotosPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="JSON", help="Write all figures there; a stopped study goes on."
        ),
    ] = None,
    strict: common.StrictOption = False,
    quiet: common.QuietOption = False,
    **options: Any,
) -> None:
    """Train a small classifier with and without a pool, and say whether it helps.

    Example: gmmaug evaluate photos/ --budget 15
    """
    began = time.perf_counter()
    output = output and common.check_output(output, suffix=".json")
    values = read_values(options)
    model = values.pop("model", "local")
    study = StudyOptions(**values)
    FitOptions(model=model, image_size=study.image_size)  # refuses wrong values before photos are read

    def draw_pool(training: PhotoSet, seed: int) -> Pool:
        return fit(training, model=model, seed=seed, quiet=True)

    with common.silent_libraries():
        require("tensorflow", extra="tensorflow")
        photo_set = load_photos(photos, image_size=study.image_size, strict=strict, quiet=quiet)
        common.name_skipped(photo_set)
        try:
            found = study_usefulness(
                photo_set, draw_pool, study, file=output, pool_options={"model": model}, quiet=quiet
            )
        except BaseException:
            if output is not None and output.exists():
                typer.echo(f"Finished trainings are in {output}; the same command goes on.", err=True)
            raise
    if quiet:
        return
    typer.echo(found.verdict)
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for one in found.tables() if found.runs else []:
        table = Table(*one.headings, title=one.title, title_justify="left")
        for row in one.rows:
            table.add_row(*row)
        console.print(table)
    minutes = (time.perf_counter() - began) / 60
    where = "" if output is None else f"; all figures are in {output}"
    typer.echo(f"Trained {len(found.runs)} classifiers in {minutes:.1f} minutes{where}")
