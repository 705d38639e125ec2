"""All measures of a set of images beside the photos they were drawn from."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.contrast import measure_contrast
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, CopyRates, Space
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.frechet import measure_frechet
from gmmaug_plugin.evaluation.manifolds import measure_manifolds
from gmmaug_plugin.evaluation.measures import Measure, as_gray
from gmmaug_plugin.evaluation.sliced_wasserstein import measure_sliced_wasserstein
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

MOST_COMPARED = 1000
"""Images, and photos on either side, that are compared: the figures need no more."""

FEWEST_PHOTOS = 4
FEWEST_FOR_FEATURES = 80
"""Photos: a half to train the network, two quarters of twenty to compare."""

FEWEST_PER_CLASS = 8
"""Photos that at least two classes must have for features."""

MOST_TRAINED_ON = 10_000
"""Photos that the network for features is trained on: more would not be seen four times."""

_COPY_SOURCE = "Meehan, Chaudhuri & Dasgupta, AISTATS 2020, section 2; see gmmaug_plugin.evaluation.copies"
_COPY_TITLES: dict[Space, tuple[str, str]] = {
    "raw": ("Copies, raw pixels", "pixel by pixel"),
    "contrast": ("Copies, brightness and contrast evened out", "apart from brightness and contrast"),
    "high_pass": ("Copies, fine structure alone", "in their fine structure"),
}


@dataclass(frozen=True)
class Measurements:
    """Measures of images, each with the photos' own figure beside it.

    Attributes:
        measures: Copies, sliced Wasserstein distances, contrast, features.
        n_images: Number of images measured.
        copies: Shares of copies; None without a detector.
        feature_accuracy: Share of unseen photos that the network behind the features gets right; None
            without features.
        feature_chance: What guessing the most frequent class would get; None without features.
        notes: Plain sentences on what was not measured, and why.
    """

    measures: tuple[Measure, ...]
    n_images: int
    copies: CopyRates | None = None
    feature_accuracy: float | None = None
    feature_chance: float | None = None
    notes: tuple[str, ...] = ()

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
        """Everything as plain JSON values."""
        return {
            "n_images": self.n_images,
            "measures": [measure.as_json() for measure in self.measures],
            "copies": None if self.copies is None else self.copies.as_json(),
            "feature_accuracy": self.feature_accuracy,
            "feature_chance": self.feature_chance,
            "notes": list(self.notes),
        }


def measure_images(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32] | None,
    training: PhotoSet,
    *,
    detector: CopyDetector | None,
    features: bool | None = None,
    random_state: int = 0,
    quiet: bool = True,
) -> Measurements:
    """Measure images, with the real photos' own figures beside.

    Images and one part of the photos are compared with another part of the photos, all of equal size and
    with classes in the photos' proportion: at most 1,000 and half of the photos, or a quarter for features,
    since the other half trains the network. So no figure differs because one set is larger or has other
    shares of classes.

    Args:
        images: uint8 (n, size, size) or (n, size, size, 3), at least 2, drawn independently.
        labels: int32 (n,), indices into ``training.class_names``; None without classes.
        training: The photos that the images were drawn from.
        detector: Finds copies; None leaves them out.
        features: Measure in the features of a network too; None does if Keras is installed, the photos
            have at least two classes of 8, and there are at least 80; otherwise a note says why not.
        random_state: Seed of every random choice.
        quiet: Show no progress.

    Returns:
        The measures.

    Raises:
        ValueError: There are fewer than 2 images or 4 photos, or features are asked for with too few photos
            or classes.
        ImportError: Features are asked for without Keras.

    Example:
        >>> found = measure_images(pool.images, pool.labels, photos, detector=None)  # doctest: +SKIP
        >>> found["contrast"].verdict  # doctest: +SKIP
        'Contrast of an image is 57.1 gray levels, of the photos 58.6: the images are as the photos.'
    """
    whole_number("random_state", random_state, 0)
    as_gray("images", images, 2)
    photos = resize_images(as_gray("photos", training.images), images.shape[1])
    photo_labels = training.labels
    if len(photos) < FEWEST_PHOTOS:
        raise ValueError(f"Measures need at least {FEWEST_PHOTOS} photos. Received: {len(photos)}")
    notes = [detector.note] if detector is not None and detector.note else []
    with_features = _wants_features(features, photo_labels, notes)
    rng = np.random.default_rng([random_state, 6])
    with progress_bar("Measuring", 4, quiet=quiet) as advance:
        rows = _in_proportion(labels, photo_labels, len(images), rng)
        if len(rows) < len(images):
            notes.append(f"Measured on {len(rows):,} of {len(images):,} images, classes as in the photos.")
        chosen = as_gray("images", images[rows])
        chosen_labels = None if labels is None else labels[rows]
        copies = None if detector is None else detector.rates(images[rows], chosen_labels)
        measures = [] if copies is None else [_copies(space, copies) for space in SPACES]
        advance()
        order = _by_turns(photo_labels, len(photos), rng)
        measures += measure_sliced_wasserstein(
            chosen, photos[order[: 2 * MOST_COMPARED]], random_state=random_state
        )
        advance()
        measures += measure_contrast(chosen, photos)
        advance()
        network = None
        if with_features and photo_labels is not None:
            network, found = _feature_measures(chosen, photos, photo_labels, random_state, notes)
            measures += found
        advance()
    accuracy, chance = (None, None) if network is None else (network.accuracy, network.chance)
    return Measurements(tuple(measures), len(rows), copies, accuracy, chance, tuple(notes))


def _wants_features(features: bool | None, labels: NDArray[np.int32] | None, notes: list[str]) -> bool:
    """Whether to measure features; says why not in the notes, or raises if they were asked for."""
    if features is False:
        return False
    counts = np.zeros(0) if labels is None else np.bincount(labels)
    n_classes = int((counts >= FEWEST_PER_CLASS).sum())
    reason = None
    if n_classes < 2:
        reason = f"that takes at least 2 classes of {FEWEST_PER_CLASS} photos. Received: {n_classes} such"
    elif counts.sum() < FEWEST_FOR_FEATURES:
        reason = f"that takes at least {FEWEST_FOR_FEATURES} photos. Received: {int(counts.sum())}"
    elif features is None and (find_spec("keras") is None or find_spec("tensorflow") is None):
        reason = 'Keras is not installed. Install it with: pip install "gmmaug-plugin[tensorflow]"'
    if reason is None:
        return True
    sentence = f"Precision, recall and Fréchet distance are not measured: {reason}"
    if features:
        raise ValueError(sentence)
    notes.append(sentence)
    return False


def _copies(space: Space, copies: CopyRates) -> Measure:
    """The share of copies in a space: good where chance explains the difference to real photos."""
    value, real = 100 * copies.rates[space], 100 * copies.real_rates[space]
    title, way = _COPY_TITLES[space]
    good = space not in copies.exceeds()
    verdict = (
        f"{value:.1f} % of the images are copies of training photos {way}, "
        f"{'and' if good else 'where'} {real:.1f} % of the photos seem copies of others: "
        f"{'no more than chance explains.' if good else 'too many.'}"
    )
    return Measure(f"copies_{space}", title, value, real, "%", good, verdict, _COPY_SOURCE)


def _feature_measures(
    images: NDArray[np.uint8],
    photos: NDArray[np.uint8],
    labels: NDArray[np.int32],
    random_state: int,
    notes: list[str],
) -> tuple[FeatureExtractor, list[Measure]]:
    """Measure in the features of a network trained on photos that are not compared."""
    n = min(len(images), len(photos) // 4)
    rng = np.random.default_rng([random_state, 7])
    order = _by_turns(labels, len(photos), rng)
    compared, trained_on = rng.permutation(order[: 2 * n]), order[2 * n :][:MOST_TRAINED_ON]
    network = FeatureExtractor(
        photos[trained_on],
        labels[trained_on],
        photos[compared],
        labels[compared],
        random_state=random_state,
    )
    notes.append(
        f"The network behind precision, recall and Fréchet distance gets the class of "
        f"{100 * network.accuracy:.0f} % of unseen photos right; guessing gets {100 * network.chance:.0f} %."
    )
    of_images, ours, reference = (
        network(one) for one in (images[:n], photos[compared[:n]], photos[compared[n:]])
    )
    measures = [
        *measure_manifolds(of_images, ours, reference),
        measure_frechet(of_images, ours, reference),
    ]
    if network.trusted:
        return network, measures
    doubt = f" But the network gets only {100 * network.accuracy:.0f} % of unseen photos right: no judge."
    return network, [replace(one, good=None, verdict=one.verdict + doubt) for one in measures]


def _in_proportion(
    labels: NDArray[np.int32] | None,
    photo_labels: NDArray[np.int32] | None,
    n_images: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Rows of at most 1,000 images, every beginning with classes as frequent as in the photos."""
    if labels is None or photo_labels is None:
        return _by_turns(None, n_images, rng)[:MOST_COMPARED]
    present = np.unique(labels)
    shares = np.array([(photo_labels == label).mean() for label in present])
    shares = np.maximum(shares, 1e-9) / np.maximum(shares, 1e-9).sum()
    counts = np.array([(labels == label).sum() for label in present])
    n = min(n_images, MOST_COMPARED, int((counts / shares).min()))
    quotas = np.clip(np.rint(n * shares).astype(int), 1, counts)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == one))[:m] for one, m in zip(present, quotas, strict=True)]
    )
    return rows[_by_turns(labels[rows], len(rows), rng)]


def _by_turns(labels: NDArray[np.int32] | None, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """A random order, any beginning of which has every class in about its share."""
    order = rng.permutation(n)
    if labels is None:
        return order
    progress = np.empty(n)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        progress[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(progress, kind="stable")
