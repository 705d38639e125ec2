"""``gmmaug evaluate``: whether a pool helps a classifier of these photos."""

import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from gmmaug_plugin.cli.running import (
    PhotosPath,
    QuietOption,
    StrictOption,
    check_folder,
    named_skips,
    say,
    say_error,
    silent_libraries,
)
from gmmaug_plugin.evaluation.usefulness import StudyFile, Usefulness, study_usefulness
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting import fit
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.photos import PhotoSet, load_photos
from gmmaug_plugin.pool import Pool

_WIDTH = 180
"""Width of tables where standard output is no terminal."""


def evaluate_command(
    photos: PhotosPath,
    model: Annotated[str, typer.Option(metavar="local|pca", help="The mixture that draws.")] = "local",
    ratio: Annotated[
        list[float] | None,
        typer.Option(metavar="RATIO", help="Share of synthetic images; repeatable. [default: 0.25, 0.5]"),
    ] = None,
    photos_per_class: Annotated[
        int | None, typer.Option(help="Photos of each class to train on; two thirds of them if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Paired repetitions, each with other photos.")] = 3,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps; by the number of photos if not given.")
    ] = None,
    image_size: Annotated[int, typer.Option(min=16, help="Height and width to train at.")] = 64,
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Time to use, instead of --seeds.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="JSON", help="Write all figures there; a stopped study goes on."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random choices.")] = 0,
    strict: StrictOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a small classifier with and without a pool, and say whether it helps.

    Example: gmmaug evaluate photos/ --budget 15
    """
    began = time.perf_counter()
    require("tensorflow", extra="tensorflow")
    FitOptions(model=model, image_size=image_size)  # type: ignore[arg-type]
    if output is not None:
        check_folder(output)
        if output.is_dir():
            raise ValueError(f"The output must be a file. Received: a folder, {output}")
    with silent_libraries():
        photo_set = load_photos(photos, image_size=image_size, strict=strict, quiet=quiet)
    named_skips(photo_set)
    if photo_set.labels is None:
        raise ValueError("A classifier needs a folder for each class. Received: photos without classes")
    depends_on = {
        "model": model,
        "photos_per_class": photos_per_class,
        "steps": steps,
        "seed": seed,
        "image_size": image_size,
    }
    file = None
    if output is not None:
        file = StudyFile(output, photo_set.images, photo_set.labels, depends_on=depends_on)
    finished = () if file is None else file.finished()

    def draw_pool(images: NDArray[np.uint8], labels: NDArray[np.int32], own_seed: int) -> Pool:
        some = PhotoSet(images, labels, photo_set.class_names)
        return fit(some, model=model, seed=own_seed, quiet=True)

    try:
        with silent_libraries():
            found = study_usefulness(
                photo_set.images,
                photo_set.labels,
                photo_set.class_names,
                draw_pool=draw_pool,
                photos_per_class=photos_per_class,
                n_seeds=seeds,
                steps=steps,
                ratios=ratio or [0.25, 0.5],
                image_size=image_size,
                budget=budget,
                random_state=seed,
                finished=finished,
                on_run=None if file is None else file.write,
                quiet=quiet,
            )
    except BaseException:
        if output is not None and output.exists():
            say_error(f"What was finished is in {output}; the same command goes on from there")
        raise
    if not quiet:
        _show(found, output, time.perf_counter() - began)


def _show(found: Usefulness, output: Path | None, seconds: float) -> None:
    say(found.verdict)
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for one in found.tables():
        table = Table(*one.headings, title=one.title, title_justify="left")
        for row in one.rows:
            table.add_row(*row)
        console.print(table)
    for line in found.reductions:
        say(line)
    where = "" if output is None else f"; all figures are in {output}"
    say(f"Trained {len(found.runs)} classifiers in {seconds / 60:.1f} minutes{where}")
