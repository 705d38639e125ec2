"""``gmmaug report``, and the report that ``gmmaug-fit --report`` writes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.cli.running import (
    ModelFile,
    PhotosPath,
    QuietOption,
    StrictOption,
    read_photos,
    resize_of,
    say,
)
from gmmaug_plugin.evaluation.measuring import measure_model
from gmmaug_plugin.evaluation.report import gather, write_report
from gmmaug_plugin.evaluation.subject import subject_of, with_templates
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.trial import Trial, detector_of, split_photos
from gmmaug_plugin.images import PhotoSet, SkippedPhoto
from gmmaug_plugin.models.image_model import ImageModel


def report_command(
    model: ModelFile,
    photos: PhotosPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where index.html and report.json go.")
    ],
    features: Annotated[
        bool | None,
        typer.Option(
            "--features/--no-features",
            help="Measure in a small network's features too; if TensorFlow and two classes are there.",
        ),
    ] = None,
    random_state: Annotated[int, typer.Option(help="Seed of samples and measures.")] = 0,
    strict: StrictOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell whether a model copies or blurs, on a page to read and as JSON."""
    began = time.perf_counter()
    check_report(output)
    loaded = load_model(model)
    photo_set = read_photos(
        photos, image_size=loaded.image_size, resize=resize_of(loaded), strict=strict, quiet=quiet
    )
    training, held_back = _seen_and_unseen(loaded, photo_set)
    detector = detector_of(training, held_back, random_state=random_state)
    if detector is not None:
        detector = with_templates(detector, loaded, random_state=random_state)
    measurements = measure_model(
        subject_of(loaded, training),
        training,
        held_back,
        detector=detector,
        features=features,
        random_state=random_state,
        quiet=quiet,
    )
    notes = list(measurements.notes)
    if held_back is None:
        notes.append(_why_none_is_unseen(loaded))
    contents = gather(
        loaded,
        training,
        held_back,
        measurements.measures,
        detector=detector,
        skipped=photo_set.skipped,
        notes=notes,
        model_name=model.name,
        random_state=random_state,
    )
    page = write_report(output, contents)
    if not quiet:
        say(f"Wrote {page} in {time.perf_counter() - began:.1f} s")


def check_report(folder: Path) -> None:
    """Refuse what would fail after minutes: a folder that cannot be, or libraries that are not there."""
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not nearest.is_dir():
        raise ValueError(f"The report's place must be a folder. Received: {folder}")
    for module in ("matplotlib", "jinja2"):
        require(module, extra="report")


def write_trial_report(
    folder: Path, trial: Trial, skipped: Sequence[SkippedPhoto], model_name: str, *, random_state: int
) -> Path:
    """Write the report of a fit, on the photos that were held back from it."""
    contents = gather(
        trial.tried,
        trial.training,
        trial.held_back,
        trial.measurements.measures,
        detector=trial.detector,
        skipped=skipped,
        notes=trial.measurements.notes,
        model_name=model_name,
        random_state=random_state,
    )
    return write_report(folder, contents)


def _why_none_is_unseen(model: ImageModel) -> str:
    if not model.info.get("n_held_back"):
        return "The model was fitted on all of these photos; none was held back to measure on."
    if not model.info.get("options", {}).get("refit", True):
        return "Which of these photos the model has not seen is not known: its file is of another version."
    return (
        "The model was fitted on all of these photos. What photos it had not seen told of it, before it was "
        "fitted again, is in its file: gmmaug inspect --json."
    )


def _seen_and_unseen(model: ImageModel, photo_set: PhotoSet) -> tuple[PhotoSet, PhotoSet | None]:
    """The photos that a model was fitted on, and those it has not seen.

    Which were held back follows from their content; but a model that was fitted again has seen them all.

    Raises:
        ValueError: The model was fitted on other photos, so whether it copies could not be told.
    """
    _check_photos(model, photo_set)
    options = model.info.get("options", {})
    if options.get("refit", True) or not options.get("holdout"):
        return photo_set, None
    training, held_back = split_photos(photo_set, FitOptions(holdout=options["holdout"]))
    if held_back is None or held_back.fingerprint != model.info.get("photos_held_back"):
        return photo_set, None
    return training, held_back


def _check_photos(model: ImageModel, photo_set: PhotoSet) -> None:
    if tuple(photo_set.class_names) != tuple(model.class_names):
        raise ValueError(
            f"The photos' classes must be the model's, {list(model.class_names)}. "
            f"Received: {list(photo_set.class_names)}"
        )
    # Files of before fingerprints tell at least how many photos there were.
    known, counts = model.info.get("photos"), model.info.get("photos_per_class", {}).values()
    if photo_set.fingerprint != known if known else sum(counts) != len(photo_set.images):
        raise ValueError(
            f"The photos must be those that the model was fitted on, {sum(counts)}: whether it copies others "
            f"says nothing. Received: {len(photo_set.images)} photos, other ones"
        )
