"""All measures of a set of images, next to the same measures of the photos they were drawn from."""

from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import image_stack
from gmmaug_plugin.evaluation.contrast import measure_contrast
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, CopyRates, Space
from gmmaug_plugin.evaluation.feature_distances import NEIGHBOR, measure_features
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.measure import Measure
from gmmaug_plugin.evaluation.sliced_wasserstein import measure_sliced_wasserstein
from gmmaug_plugin.photos import PhotoSet, to_grayscale
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

Labels = NDArray[np.int32] | None

MOST_COMPARED = 1000  # images, and photos on either side: more would not change the figures
FEWEST_PHOTOS = 4
FEWEST_FOR_FEATURES = 80  # photos: a half to train the network, two quarters of twenty to compare
FEWEST_PER_CLASS = 8  # photos that at least two classes must have for features
MOST_TRAINED_ON = 10_000  # photos for the network: in its 700 steps it sees each at least four times

_COPY_SOURCE = "Meehan, Chaudhuri & Dasgupta, AISTATS 2020, section 2; see gmmaug_plugin.evaluation.copies"
_COPY_TITLES: dict[Space, tuple[str, str]] = {
    "raw": ("Copies, raw pixels", "compared pixel by pixel"),
    "contrast": ("Copies, brightness and contrast normalized", "apart from brightness and contrast"),
    "high_pass": ("Copies, fine structure only", "in fine structure"),
}


@dataclass(frozen=True)
class Measurements:
    """Measures of a set of images.

    Attributes:
        measures: Copies, sliced Wasserstein distances, contrast, features.
        n_images: Number of images measured.
        notes: Sentences on what was not measured, and why, and on how far to trust features.
    """

    measures: tuple[Measure, ...] = field(repr=False)
    n_images: int
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __getitem__(self, name: str) -> Measure:
        """The measure of that name.

        Raises:
            KeyError: It was not measured.
        """
        return {measure.name: measure for measure in self.measures}[name]

    def as_json(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
        measures = [measure.as_json() for measure in self.measures]
        return {**vars(self), "measures": measures, "notes": list(self.notes)}


def measure_images(
    images: NDArray[np.uint8],
    labels: Labels,
    training: PhotoSet,
    *,
    detector: CopyDetector | None,
    features: bool | None = None,
    quiet: bool = True,
) -> Measurements:
    """Measure images, and real photos in the same way; the same arguments give the same figures.

    Images and one part of the photos are compared with another part of the photos. All three sets have equal
    size, at most 1,000, and classes in the proportion of the photos, so these do not influence the figures. A
    part is half of the photos at most, or a quarter for features, whose network is trained on the other half.

    Args:
        images: uint8 (n, size, size) or (n, size, size, 3), n at least 2 and size at least 16, drawn
            independently.
        labels: int32 (n,), indices into ``training.class_names``; None without classes.
        training: The photos that the images were drawn from.
        detector: Finds copies; None leaves them out.
        features: Measure also in the feature space of a network; None does so if Keras is installed, two
            classes have at least 8 photos, and there are at least 80 photos; if not, a note gives the reason.
        quiet: Show no progress.

    Returns:
        The measures.

    Raises:
        TypeError: Images are not uint8.
        ValueError: There are fewer than 2 images or 4 photos, or too few images, photos or classes for
            features that were asked for.
        ImportError: Features are asked for without Keras.

    Example:
        >>> found = measure_images(pool.images, pool.labels, photos, detector=None)  # doctest: +SKIP
        >>> found["contrast"].verdict  # doctest: +SKIP
        'Contrast of whole images: 57.1 gray levels, in photos 58.6. The images are like the photos.'
    """
    image_stack("images", images, least=2)
    image_stack("photos", training.images, least=FEWEST_PHOTOS)
    photos = resize_images(to_grayscale(training.images), images.shape[1])
    notes = [detector.note] if detector is not None and detector.note else []
    rng = np.random.default_rng([0, 6])
    with progress_bar("Measuring", 4, quiet=quiet) as advance:
        rows = _in_proportion(labels, training.labels, len(images), rng)
        if len(rows) < len(images):
            notes.append(f"Measured on {len(rows):,} of {len(images):,} images, classes as in the photos.")
        with_features = _wants_features(features, training.labels, len(rows), notes)
        measures: list[Measure] = []
        if detector is not None:
            copies = detector.rates(images[rows], None if labels is None else labels[rows])
            measures += [_copies(space, copies) for space in SPACES]
        advance()
        chosen = to_grayscale(images[rows])
        order = _evenly_mixed(training.labels, len(photos), rng)[: 2 * MOST_COMPARED]
        measures += measure_sliced_wasserstein(chosen, photos[order])
        advance()
        measures += measure_contrast(chosen, photos)
        advance()
        if with_features and training.labels is not None:
            network, found = _feature_measures(chosen, photos, training.labels)
            measures += found
            notes.append(
                "The network behind precision, recall and Fréchet distance classifies "
                f"{100 * network.accuracy:.0f} % of unseen photos correctly; guessing reaches "
                f"{100 * network.chance:.0f} %."
            )
        advance()
    return Measurements(tuple(measures), len(rows), tuple(notes))


def _wants_features(features: bool | None, labels: Labels, n_images: int, notes: list[str]) -> bool:
    """Whether to measure features; otherwise adds a note, or raises if they were asked for."""
    if features is False:
        return False
    counts = np.zeros(0, np.intp) if labels is None else np.bincount(labels)
    n_classes = int((counts >= FEWEST_PER_CLASS).sum())
    if n_classes < 2:
        reason = f"at least 2 classes of {FEWEST_PER_CLASS} photos are needed. Received: {n_classes} such"
    elif counts.sum() < FEWEST_FOR_FEATURES:
        reason = f"at least {FEWEST_FOR_FEATURES} photos are needed. Received: {counts.sum()}"
    elif n_images <= NEIGHBOR:
        reason = f"at least {NEIGHBOR + 1} images are needed. Received: {n_images}"
    elif features is None and (find_spec("keras") is None or find_spec("tensorflow") is None):
        reason = 'Keras is not installed. Install it with: pip install "gmmaug-plugin[tensorflow]"'
    else:
        return True
    sentence = f"Precision, recall and Fréchet distance are not measured: {reason}"
    if features:
        raise ValueError(sentence)
    notes.append(sentence)
    return False


def _copies(space: Space, copies: CopyRates) -> Measure:
    """The share of copies in a space: good where chance explains the difference from real photos."""
    value, real = 100 * copies.rates[space], 100 * copies.real_rates[space]
    title, comparison = _COPY_TITLES[space]
    good = space not in copies.exceeds()
    verdict = (
        f"{value:.1f} % of the images are copies of training photos {comparison}; {real:.1f} % of the photos "
        f"count as copies of each other: {'no more than chance explains' if good else 'too many'}."
    )
    return Measure(f"copies_{space}", title, value, real, "%", good, verdict, _COPY_SOURCE)


def _feature_measures(
    images: NDArray[np.uint8], photos: NDArray[np.uint8], labels: NDArray[np.int32]
) -> tuple[FeatureExtractor, list[Measure]]:
    """Measure in the feature space of a network trained on photos that are not compared."""
    n = min(len(images), len(photos) // 4)
    rng = np.random.default_rng([0, 7])
    order = _evenly_mixed(labels, len(photos), rng)
    compared, trained_on = rng.permutation(order[: 2 * n]), order[2 * n :][:MOST_TRAINED_ON]
    network = FeatureExtractor(photos[trained_on], labels[trained_on], photos[compared], labels[compared])
    sets = images[:n], photos[compared[:n]], photos[compared[n:]]
    measures = measure_features(*(network(one) for one in sets))
    if network.trusted:
        return network, measures
    doubt = "Not judged: the network hardly classifies photos better than guessing does."
    return network, [replace(one, good=None, verdict=doubt) for one in measures]


def _in_proportion(
    labels: Labels, photo_labels: Labels, n_images: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Rows of at most 1,000 images, evenly mixed, with class frequencies as in the photos."""
    if labels is None or photo_labels is None:
        return rng.permutation(n_images)[:MOST_COMPARED]
    present, counts = np.unique(labels, return_counts=True)
    shares = np.maximum([(photo_labels == label).mean() for label in present], 1e-9)
    shares /= shares.sum()
    n = min(n_images, MOST_COMPARED, int((counts / shares).min()))
    quotas = np.clip(np.rint(n * shares).astype(int), 1, counts)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == one))[:m] for one, m in zip(present, quotas, strict=True)]
    )
    return rows[_evenly_mixed(labels[rows], len(rows), rng)]


def _evenly_mixed(labels: Labels, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """A random order; all its beginnings contain each class in about its share."""
    order = rng.permutation(n)
    if labels is None:
        return order
    progress = np.empty(n)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        progress[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(progress, kind="stable")
