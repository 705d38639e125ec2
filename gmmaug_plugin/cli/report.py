"""``gmmaug report``, and the report that ``gmmaug-fit --report`` writes."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.cli.running import (
    ModelFile,
    PhotosPath,
    QuietOption,
    StrictOption,
    named_skips,
    say,
    silent_libraries,
)
from gmmaug_plugin.extras import require
from gmmaug_plugin.fitting.measuring import Fit, measured
from gmmaug_plugin.fitting.rerendering import rerendered_rows
from gmmaug_plugin.mixtures.pca import PCAMixture
from gmmaug_plugin.photos import PhotoSet, load_photos
from gmmaug_plugin.pool import Pool


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
    strict: StrictOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a pool beside its photos: a page to read, and JSON.

    Example: gmmaug report flowers.safetensors photos/ -o report/
    """
    began = time.perf_counter()
    check_report(output)
    pool = load_model(model)
    options = pool.record.options
    with silent_libraries():
        photo_set = load_photos(
            photos,
            image_size=pool.image_size,
            resize=options.get("resize", "stretch"),
            color=pool.channels == 3,
            strict=strict,
            quiet=quiet,
        )
    named_skips(photo_set)
    _check_photos(pool, photo_set)
    with silent_libraries():
        found = measured(Fit(_unmeasured(pool), photo_set, _mixtures(pool)), features=features, quiet=quiet)
    page = write_fit_report(output, found)
    if not quiet:
        say(f"Wrote {page} in {time.perf_counter() - began:.1f} s")


def write_fit_report(folder: Path, found: Fit) -> Path:
    """Write the report of a measured fit."""
    from gmmaug_plugin.evaluation.report import write_report

    record = found.pool.record
    rerendered = None
    if record.model == "local":
        rerendered = rerendered_rows(found.photos, record.options, seed=record.seed)
    eigen_images = {
        name: mixture.eigen_images
        for name, mixture in zip(found.pool.class_names or ("",), found.mixtures, strict=False)
        if isinstance(mixture, PCAMixture)
    }
    return write_report(
        folder,
        found.pool,
        found.photos,
        found.measurements,
        detector=found.detector,
        rerendered=rerendered,
        eigen_images=eigen_images or None,
    )


def _mixtures(pool: Pool) -> tuple[PCAMixture, ...]:
    """The PCA mixtures that a pool's file holds, in label order."""
    found = []
    for number in range(len(pool.class_names) or 1):
        prefix = f"pca.{number}."
        arrays = {
            name.removeprefix(prefix): array for name, array in pool.arrays.items() if name.startswith(prefix)
        }
        if arrays:
            found.append(PCAMixture.from_arrays(arrays))
    return tuple(found)


def check_report(folder: Path) -> None:
    """Refuse a report that would fail after minutes: no possible folder, or libraries missing."""
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not nearest.is_dir():
        raise ValueError(f"The report's place must be a folder. Received: {folder}")
    for module in ("matplotlib", "jinja2"):
        require(module, extra="report")


def _unmeasured(pool: Pool) -> Pool:
    """The pool with a record that is measured anew."""
    return replace(pool, record=replace(pool.record, measures=()))


def _check_photos(pool: Pool, photo_set: PhotoSet) -> None:
    if tuple(photo_set.class_names) != tuple(pool.class_names):
        raise ValueError(
            f"The photos' classes must be the pool's, {list(pool.class_names)}. "
            f"Received: {list(photo_set.class_names)}"
        )
    if pool.record.photos and photo_set.fingerprint != pool.record.photos:
        n = sum(pool.record.photos_per_class.values())
        raise ValueError(
            f"The photos must be the {n} that the pool was drawn from: only beside these can copies be "
            f"found. Received: {len(photo_set.images)} photos, other ones"
        )
