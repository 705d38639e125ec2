"""All measures of one model."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.bins import measure_bins
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, Space
from gmmaug_plugin.evaluation.copying import Copying, measure_copying
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.frechet import measure_frechet
from gmmaug_plugin.evaluation.likelihood import (
    Calibration,
    ScoredModel,
    measure_calibration,
    measure_likelihood,
)
from gmmaug_plugin.evaluation.manifolds import measure_manifolds
from gmmaug_plugin.evaluation.measures import Measure, some_unseen
from gmmaug_plugin.evaluation.sliced_wasserstein import measure_sliced_wasserstein
from gmmaug_plugin.evaluation.subject import VARIED, VariedPhotos, as_compared
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

FEWEST_PHOTOS = 4
FEWEST_FOR_BINS = 32
"""Photos: two bins of eight in either half."""

FEWEST_FOR_FEATURES = 80
"""Photos: a half to train the network, two quarters of twenty to compare."""

FEWEST_PER_CLASS = 8
"""Photos that at least two classes must have for features."""

MOST_TAUGHT = 10_000
"""Photos that the network for features is trained on: it sees four times as many at most, repeated."""

MOST_SCORED = 1000
"""Training photos whose likelihood is averaged, taken at random: the mean needs no more."""

_COPY_SOURCE = "Meehan, Chaudhuri & Dasgupta, AISTATS 2020, section 2; see gmmaug_plugin.evaluation.copies"
_COPY_TITLES = {
    "raw": "Copies, raw pixels",
    "contrast": "Copies, brightness and contrast evened out",
    "high_pass": "Copies, fine structure alone",
}
_COPY_WAYS = {
    "raw": "pixel by pixel",
    "contrast": "but for brightness and contrast",
    "high_pass": "in their fine structure",
}


class MeasuredModel(ScoredModel, Protocol):
    """What a model must know for all measures."""

    def sample(
        self, n: int, *, seed: int | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Draw images, uint8 (n, image_size, image_size), and labels (n,), None without classes."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """What was measured.

    Attributes:
        measures: The measures: copies, sliced Wasserstein distances, bins, features, likelihood.
        samples: The images measured, uint8 (n, image_size, image_size).
        sample_labels: Their classes, int32 (n,); None for a model of unlabelled photos.
        copying: How much of it is copied; None without a detector.
        calibration: How held-back photos fall to the components; None without held-back photos, or for
            models without components.
        feature_accuracy: Share of unseen photos that the network behind the features tells right; None
            without features.
        feature_chance: What guessing the most frequent class would get; None without features.
        notes: Plain sentences on what was not measured, and why.
    """

    measures: tuple[Measure, ...]
    samples: NDArray[np.uint8]
    sample_labels: NDArray[np.int32] | None
    copying: Copying | None
    calibration: Calibration | None
    feature_accuracy: float | None
    feature_chance: float | None
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Measure:
        """The measure of that name.

        Raises:
            KeyError: It was not measured.
        """
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """Everything but the images, as plain JSON values."""
        return {
            "n_samples": len(self.samples),
            "measures": [measure.as_json() for measure in self.measures],
            "calibration": self.calibration and self.calibration.as_json(),
            "feature_accuracy": self.feature_accuracy,
            "feature_chance": self.feature_chance,
            "notes": list(self.notes),
        }


def measure_model(
    model: MeasuredModel,
    training: PhotoSet,
    held_back: PhotoSet | None,
    *,
    detector: CopyDetector | None,
    n_samples: int = 500,
    features: bool | None = None,
    random_state: int = 0,
    quiet: bool = True,
) -> Measurements:
    """Measure a model's samples, with the real photos' own figures beside.

    Samples and one part of the photos are compared with another part of the photos, all of equal size: at
    most ``n_samples`` and half of the photos, or a quarter for features, since the other half trains the
    network (10,000 of it at most). So no figure differs because one set is larger, and more photos take
    little more time: from 20,000 on copies are looked for among some of them, which the notes tell.

    Args:
        model: The model.
        training: The photos it was fitted on.
        held_back: Photos that it has not seen; None leaves out likelihood and calibration.
        detector: Tells copies; None leaves them out.
        n_samples: Number of samples.
        features: Measure in the features of a network too; None does if TensorFlow is installed, the photos
            have at least two classes, and there are at least 80.
        random_state: Seed of everything.
        quiet: Show no progress.

    Returns:
        The measures and the samples.

    Raises:
        ValueError: There are fewer than 4 photos, or features are asked for with too few photos or classes.
        ImportError: Features are asked for without TensorFlow.
    """
    whole_number("n_samples", n_samples, 2)
    whole_number("random_state", random_state, 0)
    size = model.image_size
    photos = resize_images(training.images, (size, size))
    if len(photos) < FEWEST_PHOTOS:
        raise ValueError(f"Measures need at least {FEWEST_PHOTOS} photos. Received: {len(photos)}")
    notes: list[str] = []
    with_features = _wants_features(features, training, notes)
    if isinstance(model, VariedPhotos):
        notes.append(VARIED.format(model.strength))
    if detector is not None and detector.note is not None:
        notes.append(detector.note)
    model = as_compared(model, detector)
    rng = np.random.default_rng([random_state, 6])
    with progress_bar("Measuring", 6, quiet=quiet) as advance:
        samples, labels = model.sample(n_samples, seed=random_state)
        advance()
        copying = None
        if detector is not None:
            copying = measure_copying(model, detector, n_samples=n_samples, random_state=random_state)
        measures = [] if copying is None else _copies(copying)
        advance()
        measures += measure_sliced_wasserstein(samples, photos, random_state=random_state)
        advance()
        measures += _bins(samples, photos, rng, random_state, notes)
        advance()
        seen = None
        if with_features:
            seen, found = _feature_measures(samples, photos, training.labels, random_state, notes)
            measures += found
        advance()
        likelihood, calibration = _on_unseen(model, training, photos, held_back, rng, random_state, notes)
        measures += likelihood
        advance()
    accuracy, chance = (None, None) if seen is None else (seen.accuracy, seen.chance)
    return Measurements(
        tuple(measures), samples, labels, copying, calibration, accuracy, chance, tuple(notes)
    )


def _bins(
    samples: NDArray[np.uint8],
    photos: NDArray[np.uint8],
    rng: np.random.Generator,
    random_state: int,
    notes: list[str],
) -> list[Measure]:
    order = rng.permutation(len(photos))
    if len(photos) < FEWEST_FOR_BINS:
        notes.append(f"Kinds of photo are not counted: that takes {FEWEST_FOR_BINS} photos.")
        return []
    n = min(len(samples), len(photos) // 2)
    ours, reference = photos[order[:n]], photos[order[n : 2 * n]]
    return [measure_bins(samples[:n], ours, reference, random_state=random_state)]


def _on_unseen(
    model: MeasuredModel,
    training: PhotoSet,
    photos: NDArray[np.uint8],
    held_back: PhotoSet | None,
    rng: np.random.Generator,
    random_state: int,
    notes: list[str],
) -> tuple[list[Measure], Calibration | None]:
    """What only photos that the model has not seen can tell: likelihood and calibration."""
    if held_back is None or not len(held_back.images):
        notes.append("The likelihood of unseen photos is not measured: none were held back.")
        return [], None
    some = np.sort(rng.permutation(len(photos))[:MOST_SCORED])
    calibration = measure_calibration(
        model,
        held_back.images,
        held_back_labels=held_back.labels,
        labels=training.labels,
        n_training=len(photos),
        random_state=random_state,
    )
    unseen = some_unseen(len(held_back.images), random_state)
    if len(unseen) < len(held_back.images):
        notes.append(
            f"Likelihood and calibration are those of {len(unseen):,} of the {len(held_back.images):,} "
            "held-back photos, chosen at random."
        )
    return [measure_likelihood(model, held_back.images[unseen], photos[some])], calibration


def _wants_features(features: bool | None, training: PhotoSet, notes: list[str]) -> bool:
    """Whether to measure features; says why not in the notes, or raises if they were asked for."""
    counts = np.zeros(0) if training.labels is None else np.bincount(training.labels)
    n_classes = int((counts >= FEWEST_PER_CLASS).sum())
    reason = None
    if n_classes < 2:
        reason = f"that takes at least 2 classes of {FEWEST_PER_CLASS} photos. Received: {n_classes} such"
    elif len(training.images) < FEWEST_FOR_FEATURES:
        reason = f"that takes at least {FEWEST_FOR_FEATURES} photos. Received: {len(training.images)}"
    elif features is None and find_spec("tensorflow") is None:
        reason = 'TensorFlow is not installed. Install it with: pip install "gmmaug-plugin[tensorflow]"'
    if features is False:
        reason = "they were switched off."
    if reason is None:
        return True
    told = f"Precision, recall and Fréchet distance are not measured: {reason}"
    if features:
        raise ValueError(told)
    notes.append(told)
    return False


def _copies(copying: Copying) -> list[Measure]:
    """The share of copies in every space.

    Good where no more than chance explains beside real photos; not judged where as many samples of one
    Gaussian through all photos are copies too.
    """
    return [_copies_in(space, copying) for space in SPACES]


def _copies_in(space: Space, copying: Copying) -> Measure:
    rates = copying.rates
    value, real = 100 * rates.rates[space], 100 * rates.real_rates[space]
    told = f"{value:.1f} % of the samples are copies of training photos {_COPY_WAYS[space]}"
    seem = f"{real:.1f} % of the photos seem copies of others"
    good: bool | None
    if space not in rates.exceeds():
        good, verdict = True, f"{told}, and {seem}: they are no more alike than chance explains."
    elif space in copying.singles_out():
        good, verdict = False, f"{told}, where {seem}: the model copies."
    else:
        single = 0.0 if copying.one_gaussian is None else 100 * copying.one_gaussian.real_rates[space]
        good, verdict = (
            None,
            (
                f"{told}, where {seem}; but so are {single:.1f} % of the samples of one Gaussian through all "
                f"photos. So few photos show through in any blend: that takes more photos, not another model."
            ),
        )
    return Measure(
        name=f"copies_{space}",
        title=_COPY_TITLES[space],
        value=value,
        real=real,
        unit="%",
        good=good,
        verdict=verdict,
        source=_COPY_SOURCE,
    )


def _feature_measures(
    samples: NDArray[np.uint8],
    photos: NDArray[np.uint8],
    labels: NDArray[np.int32] | None,
    random_state: int,
    notes: list[str],
) -> tuple[FeatureExtractor, list[Measure]]:
    """Measure in the features of a network trained on photos that are not compared."""
    if labels is None:
        raise ValueError("Features need labels. Received: None")
    n = min(len(samples), len(photos) // 4)
    rng = np.random.default_rng([random_state, 7])
    order = _by_turns(labels, rng)
    compared, taught = rng.permutation(order[: 2 * n]), order[2 * n :][:MOST_TAUGHT]
    seen = FeatureExtractor(
        photos[taught], labels[taught], photos[compared], labels[compared], random_state=random_state
    )
    notes.append(
        f"Precision, recall and Fréchet distance are told by a network that tells the class of "
        f"{100 * seen.accuracy:.0f} % of unseen photos right; guessing gets {100 * seen.chance:.0f} %."
    )
    of_samples, ours, reference = (
        seen(images) for images in (samples[:n], photos[compared[:n]], photos[compared[n:]])
    )
    measures = [
        *measure_manifolds(of_samples, ours, reference),
        measure_frechet(of_samples, ours, reference),
    ]
    if seen.trusted:
        return seen, measures
    doubt = f" But the network tells only {100 * seen.accuracy:.0f} % of unseen photos right: it is no judge."
    return seen, [replace(one, good=None, verdict=one.verdict + doubt) for one in measures]


def _by_turns(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random order, any beginning of which has every class in about its share."""
    order = rng.permutation(len(labels))
    progress = np.empty(len(labels))
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        progress[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(progress, kind="stable")
