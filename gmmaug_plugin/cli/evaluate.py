"""``gmmaug evaluate``: whether a model helps a classifier of these photos."""

import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.cli.running import (
    PhotosPath,
    QuietOption,
    StrictOption,
    check_folder,
    read_photos,
    resize_of,
    say,
    tell,
)
from gmmaug_plugin.evaluation.usefulness import Usefulness, study_usefulness
from gmmaug_plugin.evaluation.usefulness.study_file import StudyFile
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.trial import fit_untried
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.image_model import ImageModel

_WIDTH = 180
"""Columns of a table that no terminal shows."""

_VARIATIONS = ("0.3:0.25", "0.5:0.5", "0.7:0.5")


def evaluate_command(
    photos: PhotosPath,
    model: Annotated[Path, typer.Option("--model", "-m", metavar="MODEL", help="The artifact to judge.")],
    photos_per_class: Annotated[
        int | None, typer.Option(help="Photos of each class to train on; two thirds of them if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Paired repetitions, each with other photos.")] = 3,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps of every arm; by the number of photos.")
    ] = None,
    image_size: Annotated[int, typer.Option(min=16, help="Height and width to train at.")] = 64,
    variation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRENGTH:RATIO",
            help="Vary that share of each batch that strongly; may be repeated. "
            f"Without it, {', '.join(_VARIATIONS)}.",
        ),
    ] = None,
    synthesis: Annotated[
        list[float] | None,
        typer.Option(metavar="RATIO", help="Synthesise that share of each batch; may be repeated."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Time to keep to, by doing less.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="JSON", help="Write all figures there; a stopped study goes on."
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the best strength of variation into the artifact.")
    ] = False,
    random_state: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    strict: StrictOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a small classifier with and without the model, and say whether it helps."""
    began = time.perf_counter()
    require("tensorflow", extra="tensorflow")
    loaded = load_model(model)
    if output is not None:
        check_folder(output)
        if output.is_dir():
            raise ValueError(f"The output must be a file. Received: a folder, {output}")
    pairs = [_read_pair(text) for text in variation or _VARIATIONS]
    photo_set = read_photos(
        photos, image_size=image_size, resize=resize_of(loaded), strict=strict, quiet=quiet
    )
    if photo_set.labels is None:
        raise ValueError("A classifier needs a folder for each class. Received: photos without classes")
    if tuple(photo_set.class_names) != tuple(loaded.class_names):
        raise ValueError(
            f"The photos' classes must be the model's, {list(loaded.class_names)}. "
            f"Received: {list(photo_set.class_names)}"
        )
    options = _fit_options(loaded)
    depends_on = {
        "photos_per_class": photos_per_class,
        "steps": steps,
        "random_state": random_state,
        "fit": options.as_json(),
    }
    file = None
    if output is not None:
        file = StudyFile(output, photo_set.images, photo_set.labels, depends_on=depends_on)
    finished = () if file is None else file.finished()
    try:
        found = study_usefulness(
            photo_set.images,
            photo_set.labels,
            photo_set.class_names,
            fit_model=lambda images, labels: _fit(images, labels, photo_set, options),
            photos_per_class=photos_per_class,
            n_seeds=seeds,
            steps=steps,
            strengths=[strength for strength, _ in pairs],
            ratios=[ratio for _, ratio in pairs],
            synthesis_ratios=synthesis or [0.25, 0.5],
            image_size=image_size,
            budget=None if budget is None else 60 * budget,
            random_state=random_state,
            finished=finished,
            on_run=None if file is None else file.write,
            quiet=quiet,
        )
    except BaseException:
        if output is not None and output.exists():
            tell(f"What was finished is in {output}; the same command goes on from there")
        raise
    if file is not None:
        file.write(found)
    _tell(found, len(finished), output, time.perf_counter() - began, quiet=quiet)
    if write:
        _write_strength(loaded, model, found)


def _read_pair(text: str) -> tuple[float, float]:
    try:
        strength, ratio = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise ValueError(
            f"variation must be STRENGTH:RATIO, two numbers like 0.5:0.25. Received: {text!r}"
        ) from error
    return strength, ratio


def _fit_options(model: ImageModel) -> FitOptions:
    """The options that a model was fitted with, but for trying it: the classifier does that."""
    known = {field.name for field in fields(FitOptions)}
    given = {name: value for name, value in model.info.get("options", {}).items() if name in known}
    strength = model.strengths.synthesis if model.n_templates else "auto"
    return FitOptions(**{**given, "strength": strength, "holdout": 0.0, "allow_copies": True})


def _fit(
    images: NDArray[np.uint8], labels: NDArray[np.int32], photo_set: PhotoSet, options: FitOptions
) -> ImageModel:
    """Fit on the training photos of one repetition: the artifact has seen the photos held back."""
    return fit_untried(PhotoSet(images, labels, photo_set.class_names, ()), options)


def _tell(found: Usefulness, n_before: int, output: Path | None, seconds: float, *, quiet: bool) -> None:
    if quiet:
        return
    width = None if sys.stdout.isatty() else _WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    for one in found.tables():
        table = Table(*one.headings, title=one.title, title_justify="left")
        for row in one.rows:
            table.add_row(*row)
        console.print(table)
    for line in found.reductions:
        say(line)
    say(found.verdict)
    where = "" if output is None else f"; all figures are in {output}"
    before = f", of which {n_before} before" if n_before else ""
    say(f"Trained {len(found.runs)} classifiers{before} in {seconds / 60:.1f} minutes{where}")


def _write_strength(model: ImageModel, path: Path, found: Usefulness) -> None:
    """Write what was found into the artifact, all or nothing; only a strength that helped."""
    strength = found.best_variation_strength
    if strength is None:
        say(f"No strength was found to help, so {path} stays as it is")
        return
    info = {**model.info, "usefulness": {"verdict": found.verdict, "settings": dict(found.settings)}}
    replace(model, strengths=replace(model.strengths, variation=strength), info=info).save(path)
    say(f"Wrote strength {strength:g} of variation into {path}")
