"""Reports that several tests look at: of a whole model, of one with hostile names, and of hardly anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report import ReportContents, gather, write_report
from gmmaug_plugin.evaluation.report.contents import Refusal
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.models.pca_mixture import PCAMixture
from tests.factories import fit_pca as fit

from .stand_ins import HOSTILE_NAMES, HOSTILE_TEXT, BareModel

MEASURES = (
    Measure(
        "copies_raw", "Copies, raw pixels", 0.8, 3.4, "%", True, "As few as photos.", "A, 2020, section 3"
    ),
    Measure("copies_contrast", "Copies, contrast-normalised", 9.5, 2.4, "%", False, "Too many.", "A, 2020"),
    Measure(
        "sliced_wasserstein_32", "Sliced Wasserstein distance", 375.0, 17.0, "", False, "Fog.", "B, 2018"
    ),
    Measure("bits_per_pixel", "Held-out likelihood", 7.04, None, "bits per pixel", None, "Cost.", "C, 2016"),
)


def drawn(n: int, names: tuple[str, ...]) -> PhotoSet:
    images, labels, _ = make_flowers(n, image_size=32, n_classes=len(names))
    return load_photos(images, [names[label] for label in labels])


def _fit(photos: PhotoSet, **options: Any) -> PCAMixture:
    """So few photos are copied by anything; and what is held back here is held back from the fit."""
    return fit(photos, allow_copies=True, holdout=0.0, quiet=True, **options)


def parted(photos: PhotoSet) -> tuple[PhotoSet, PhotoSet]:
    """Every fifth photo of a class held back."""
    held = np.arange(len(photos.images)) % 10 >= 8
    return photos.take(np.flatnonzero(~held)), photos.take(np.flatnonzero(held))


@pytest.fixture(scope="session")
def flowers() -> tuple[PhotoSet, PhotoSet]:
    return parted(drawn(80, ("daisy", "rose")))


@pytest.fixture(scope="session")
def model(flowers: tuple[PhotoSet, PhotoSet]) -> PCAMixture:
    return _fit(flowers[0], n_components=(2, 3, 4), criterion="heldout", variance=20)


@pytest.fixture(scope="session")
def whole(model: PCAMixture, flowers: tuple[PhotoSet, PhotoSet]) -> ReportContents:
    training, held_back = flowers
    detector = CopyDetector(training.images, training.labels, held_back.images, held_back.labels)
    contents = gather(
        model,
        training,
        held_back,
        MEASURES,
        detector=detector,
        model_name="flowers.safetensors",
        notes=("Precision is not measured: too few photos.",),
        n_compared=50,
    )
    return replace(contents, refusals=(Refusal("daisy", 20, "copies 31% (real photos 2.4%)"),))


@pytest.fixture(scope="session")
def hostile() -> ReportContents:
    training, held_back = parted(drawn(100, HOSTILE_NAMES))
    model = _fit(training, n_components=(1, 2), variance=10)
    verdict = replace(
        MEASURES[0], title=HOSTILE_TEXT, verdict=HOSTILE_TEXT, source=HOSTILE_TEXT, unit="</td>"
    )
    contents = gather(
        replace(model, info={**model.info, HOSTILE_TEXT: {HOSTILE_TEXT: [HOSTILE_TEXT]}}),
        training,
        held_back,
        (verdict,),
        detector=CopyDetector(training.images, training.labels),
        skipped=(f"{HOSTILE_TEXT}.jpg (broken image)", "f" * 250),
        model_name=f"{HOSTILE_TEXT}.safetensors",
        n_samples=10,
        n_compared=10,
    )
    return replace(contents, refusals=tuple(Refusal(name, 9, HOSTILE_TEXT) for name in HOSTILE_NAMES))


@pytest.fixture(scope="session")
def bare() -> ReportContents:
    model = BareModel()
    return gather(model, load_photos(model.images))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def pages(
    whole: ReportContents,
    hostile: ReportContents,
    bare: ReportContents,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The three reports on disk, not to be changed."""
    folder = tmp_path_factory.mktemp("reports")
    reports = {"whole": whole, "hostile": hostile, "bare": bare}
    return {name: write_report(folder / name, contents) for name, contents in reports.items()}
