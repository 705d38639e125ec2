"""What a report holds: plain arrays and values, ready to be drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.likelihood import Calibration
from gmmaug_plugin.evaluation.measures import Measure

Tone = Literal["good", "bad", "open"]
Closeness = Literal["copy", "near", "far"]


def closeness(ratio: float, near: float) -> Closeness:
    """Say in a word how close a sample is to its nearest photo.

    Args:
        ratio: Its distance over the distance below which it counts as a copy.
        near: The ratio below which it counts as near.

    Example:
        >>> closeness(0.4, 1.2), closeness(1.1, 1.2), closeness(2.0, 1.2)
        ('copy', 'near', 'far')
    """
    if ratio < 1.0:
        return "copy"
    return "near" if ratio < near else "far"


@dataclass(frozen=True, eq=False)
class Pair:
    """A sample and the training photo nearest to it.

    Attributes:
        space: Where they were compared: "raw", "contrast" or "high_pass".
        sample: uint8 (s, s).
        photo: uint8 (s, s), turned and mirrored as it matched.
        ratio: Their distance over the distance below which it counts as a copy.
        closeness: The same in a word.
        sample_index: Which of the samples compared, from 0.
        photo_index: Which of the training photos, from 0.
    """

    space: str
    sample: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    ratio: float
    closeness: Closeness
    sample_index: int
    photo_index: int


@dataclass(frozen=True)
class Nearness:
    """How close all compared samples come to the training photos, in one space.

    Attributes:
        space: "raw", "contrast" or "high_pass".
        n_samples: Samples compared.
        n_copies: Those below the copy distance.
        n_near: Others whose ratio is below ``near``.
        near: The ratio that only one in ten held-back photos comes below; without any, a usual value.
        real_share: Share (0..1) of real photos that count as copies of other real photos; None if unknown.
    """

    space: str
    n_samples: int
    n_copies: int
    n_near: int
    near: float
    real_share: float | None


@dataclass(frozen=True)
class Curve:
    """A criterion over candidate numbers of components, of one class; the lowest value is best.

    Attributes:
        class_name: The class; empty for photos without classes.
        criterion: "aic", "bic", "heldout", …
        n_components: The candidates, ascending.
        values: Of every candidate, nats per photo.
        standard_errors: Of every value; None where there are none.
        best: The candidate of the lowest value.
        chosen: The number of components that the model has; None if unknown.
        decides: Whether this is the criterion that the choice was made by.
    """

    class_name: str
    criterion: str
    n_components: tuple[int, ...]
    values: tuple[float, ...]
    standard_errors: tuple[float, ...] | None
    best: int
    chosen: int | None
    decides: bool


@dataclass(frozen=True)
class Refusal:
    """A number of components that was considered and not taken."""

    class_name: str
    n_components: int
    reason: str


@dataclass(frozen=True, eq=False)
class Component:
    """One component of the mixture.

    Attributes:
        class_name: Its class; empty for photos without classes.
        share: Its weight within the class, 0..1.
        n_photos: How many of the class's photos that is; None if unknown.
        held_back_share: Its mean responsibility for the class's held-back photos, 0..1; None without any.
        mean_image: uint8 (s, s): the image in its middle; None for components that are not shown.
    """

    class_name: str
    share: float
    n_photos: float | None
    held_back_share: float | None
    mean_image: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Table:
    """A table of text and numbers.

    Attributes:
        caption: What it shows.
        columns: Headings; the first column names the rows.
        rows: One cell per column; None where there is nothing to tell.
        note: How to read it.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """The report in one sentence."""

    tone: Tone
    sentence: str


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything a report shows. What a model does not have is empty, and the page says so.

    All images are uint8 (…, s, s) with s at most 128: larger ones are reduced.

    Attributes:
        model_name: The model's file name, never a path; empty if it was not saved.
        kind: The kind of model, for example "pca".
        subject: What the samples are, in a few words.
        image_size: Height and width of the model's images in pixels.
        class_names: In label order; empty for a model of unlabelled photos.
        n_held_back: Photos held back to measure on.
        seed: Of every random choice in the report.
        verdict: The report in one sentence.
        summary: A few sentences for somebody who reads nothing else.
        samples: (n, s, s), by class.
        sample_labels: int32 (n,); None without classes.
        variations: (photos, strengths, s, s).
        variation_labels: int32 (photos,); None without classes.
        strengths: Of the variations, ascending from 0.
        default_strength: The one the model varies photos with unless told otherwise.
        pairs: Samples beside their nearest photos; within a space the nearest come first.
        nearness: Of all compared samples, one per space of ``pairs``.
        measures: The model's figures beside those of real photos.
        eigen_images: (m, s, s), of the greatest variance first; mid-grey is zero.
        explained_variance_ratio: Share of the photos' variance along every dimension, greatest first.
        criterion_curves: By class; the one that decided comes first.
        refusals: Candidates that were not taken, and why.
        components: By class, greatest first.
        notes: On what was not measured, and why.
        calibration: Tables that compare what the model expects with held-back photos.
        calibration_test: Whether held-back photos fall to the components as their weights say; None if
            unknown.
        skipped: Files left out, and why; safe to print.
        options: Of the fit.
        versions: Of the libraries it was fitted with.
        info: Whatever else the model tells of its making.
    """

    model_name: str
    kind: str
    subject: str
    image_size: int
    class_names: tuple[str, ...]
    n_held_back: int
    seed: int
    verdict: Verdict
    summary: tuple[str, ...]
    samples: NDArray[np.uint8]
    sample_labels: NDArray[np.int32] | None
    variations: NDArray[np.uint8]
    variation_labels: NDArray[np.int32] | None
    strengths: tuple[float, ...]
    default_strength: float
    pairs: tuple[Pair, ...]
    nearness: tuple[Nearness, ...]
    measures: tuple[Measure, ...]
    eigen_images: NDArray[np.uint8]
    explained_variance_ratio: tuple[float, ...]
    criterion_curves: tuple[Curve, ...]
    refusals: tuple[Refusal, ...]
    components: tuple[Component, ...]
    notes: tuple[str, ...]
    calibration: tuple[Table, ...]
    calibration_test: Calibration | None
    skipped: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
