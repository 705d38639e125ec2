"""Reports for several tests: a whole one, one with hostile names, and one without optional parts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation import CopyDetector, Measure, Measurements
from gmmaug_plugin.evaluation.report import write_report
from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.photos import PhotoSet, SkippedPhoto
from gmmaug_plugin.pool import Pool

HOSTILE_TEXT = "<script>document.title='owned'</script><img src=x onerror=\"alert(1)\">"
HOSTILE_NAMES = (
    HOSTILE_TEXT,
    "\"quoted' & &amp; {{ 7 * 7 }} {% raw %}\nsecond line\u202e",
    "🌸" * 3 + " $x^{$ _\udcff",
    "</style></script><!-- ]]>" + "long" * 50,
)

MEASURES = (
    Measure("copies_raw", "Copies, raw pixels", 0.8, 3.4, "%", True, "As few as photos.", "A, 2020"),
    Measure("contrast", "Contrast", 40.0, 58.6, "gray levels", False, "Foggy.", "B, 2018"),
    Measure("recall", "Recall", 80.0, float("nan"), "%", None, "Not judged.", "C, 2016"),
)

CANDIDATES = [
    {"options": {"bandwidth": 0.1}, "distance": 90.5, "refused": 0.1},
    {"options": {"bandwidth": 0.2}, "distance": 60.25, "refused": 0.2},
]
CHOICES = {
    "local": {"candidates": CANDIDATES, "chosen": {"bandwidth": 0.2}, "choice": "bandwidth 0.2: nearest"},
    "pca": [
        {
            "choice": "3 by AIC",
            "curve": [{"n_components": k, "aic": (k - 3) ** 2, "bic": k} for k in (1, 3, 9)],
        }
    ],
    "broken": [{"curve": [{"n_components": "many"}]}, 7, {"candidates": [{}]}],
}


def make(names: tuple[str, ...], **record: Any) -> tuple[Pool, PhotoSet]:
    """A pool of 40 images beside 40 photos; its first two images are photos."""
    images, labels, _ = make_flowers(80, image_size=32, n_classes=len(names), random_state=1)
    photos = PhotoSet(images[:40], labels[:40].astype(np.int32), names)
    drawn = np.concatenate([photos.images[:2, :, ::-1], images[42:]])
    of_drawn = np.concatenate([labels[:2], labels[42:]]).astype(np.int32)
    return Pool(drawn, of_drawn, names, record=FitRecord(**record)), photos


@pytest.fixture(scope="session")
def write_whole_report() -> Callable[[Path], Path]:
    """Writes a report with all its parts into a folder."""

    def write(folder: Path) -> Path:
        pool, photos = make(
            ("daisy", "rose"),
            model="local",
            options={"image_size": 32, "allow_copies": False, "nested": {"a": [1, 2]}},
            versions={"numpy": "2.0"},
            photos_per_class={"daisy": 20, "rose": 20},
            notes=("Class rose is small.", "Measured on few."),
            redrawn={"daisy": 3, "rose": 0},
            choices=CHOICES,
        )
        return write_report(
            folder,
            pool,
            replace(photos, skipped=(SkippedPhoto("a.jpg", "broken image"),)),
            Measurements(MEASURES, 40, notes=("Measured on few.",)),
            detector=CopyDetector(photos.images, photos.labels),
            eigen_images={"daisy": np.eye(1024, dtype=np.float32)[:3].reshape(3, 32, 32)},
        )

    return write


@pytest.fixture(scope="session")
def pages(
    write_whole_report: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The three reports on disk, not to be changed."""
    folder = tmp_path_factory.mktemp("reports")
    hostile, photos = make(
        HOSTILE_NAMES, options={HOSTILE_TEXT: {HOSTILE_TEXT: [HOSTILE_TEXT]}}, notes=(HOSTILE_TEXT,)
    )
    verdict = Measure("copies_raw", HOSTILE_TEXT, 9.0, 1.0, "</td>", False, HOSTILE_TEXT, HOSTILE_TEXT)
    bare = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    return {
        "whole": write_whole_report(folder / "whole"),
        "hostile": write_report(
            folder / "hostile",
            hostile,
            replace(photos, skipped=(SkippedPhoto(f"{HOSTILE_TEXT}.jpg", "f" * 250),)),
            Measurements((verdict,), 40),
            detector=CopyDetector(photos.images, photos.labels),
        ),
        "bare": write_report(folder / "bare", Pool(bare), PhotoSet(bare)),
    }
