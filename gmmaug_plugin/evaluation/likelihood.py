"""Held-out log-likelihood in bits per pixel, and whether components weigh what unseen photos give them.

The density is over grey levels 0..255, so that bits per pixel are comparable to the 8 bits that a pixel takes
in plain storage (L. Theis, A. van den Oord and M. Bethge, "A note on the evaluation of generative models",
ICLR 2016, section 3.1).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import chisquare

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import Measure, some_unseen
from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture

SOURCE = "Theis, van den Oord & Bethge, ICLR 2016, section 3.1"
SLACK = 1.0
"""Bits per pixel that unseen photos may take more than the photos fitted on: photos fitted on always take
less, by about half a bit for some hundred photos and a sound model."""

PLAIN_BITS = 8.0

_LEAST_EXPECTED = 5.0
"""Photos expected in a cell of the chi-square test (W. G. Cochran, *Biometrics* 10, 1954, section 4)."""

_CHUNK = 128
_NUMPY = NumpyEngine()


class ScoredModel(Protocol):
    """What a model must know to be measured here."""

    @property
    def image_size(self) -> int:
        """Height and width of its images in pixels."""

    def score_samples(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Natural log-density of uint8 images (n, h, w) in grey levels 0..255, (n,)."""


def bits_per_pixel(model: ScoredModel, images: NDArray[np.uint8]) -> float:
    """Mean of -log2 of the density, per pixel of the model.

    Args:
        model: Any model that scores images.
        images: uint8 (n, h, w), of any size.

    Example:
        >>> class Uniform:
        ...     image_size = 4
        ...
        ...     def score_samples(self, images):
        ...         return np.full(len(images), -16 * np.log(256.0))
        >>> bits_per_pixel(Uniform(), np.zeros((3, 4, 4), np.uint8))
        8.0
    """
    nats = -float(np.mean(model.score_samples(images)))
    return nats / model.image_size**2 / float(np.log(2.0))


def measure_likelihood(
    model: ScoredModel, held_back: NDArray[np.uint8], training: NDArray[np.uint8]
) -> Measure:
    """Compare what held-back photos take with what the photos fitted on take.

    The real figure is that of the photos fitted on: a gap means that the model knows them by heart. Good is
    at most 1 bit more than that, and below the 8 bits of plain storage.

    Args:
        model: Any model that scores images.
        held_back: Photos that the model has not seen, uint8 (n, h, w).
        training: Photos that it was fitted on, or some of them.
    """
    value, real = bits_per_pixel(model, held_back), bits_per_pixel(model, training)
    by_heart = value > real + SLACK
    told = f"The model describes photos that it has never seen in {value:.2f} bits per pixel"
    if by_heart:
        verdict = f"{told}, but those it was fitted on in {real:.2f}: it knows them by heart."
    elif value >= PLAIN_BITS:
        verdict = f"{told}, no fewer than the 8 of plain storage: it does not know what photos look like."
    else:
        verdict = (
            f"{told}, those it was fitted on in {real:.2f} (plain storage: 8): what it learned is general."
        )
    return Measure(
        name="bits_per_pixel",
        title="Held-out log-likelihood",
        value=value,
        real=real,
        unit="bits per pixel",
        good=not by_heart and value < PLAIN_BITS,
        verdict=verdict,
        source=SOURCE,
    )


def responsibilities(model: object, images: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Probability of every component, given an image.

    Args:
        model: The model.
        images: uint8 (n, h, w), of any size (they are resized to the model's).

    Returns:
        Float64 (n, K), rows sum to one; None for a model that is no :class:`PCAMixture`.
    """
    if not isinstance(model, PCAMixture):
        return None
    grey = ImageLayout.of(images).to_grey(images, model.image_size)
    found = np.empty((len(grey), model.n_components))
    for begin in range(0, len(grey), _CHUNK):
        codes = model.basis.encode(_NUMPY, grey[begin : begin + _CHUNK] - model.basis.mean)
        found[begin : begin + _CHUNK] = softmax(model.mixture.log_joint(_NUMPY, codes), axis=1)
    return found


@dataclass(frozen=True)
class Calibration:
    """Whether unseen photos fall to the components as the model expects them to.

    Attributes:
        n_photos: Number of held-back photos that were looked at.
        n_components: Number of components, K.
        largest_responsibility: Mean over photos of the likeliest component's probability: near 1 where
            components are far apart.
        used_components: Components that are the likeliest for at least one photo.
        expected_components: How many that would be, if photos fell to components by their weights.
        weights: The components' weights, (K,).
        shares: Share of the photos that falls to each component, (K,): the mean responsibilities.
        chi_square: Of photos per component against the weights, each photo put into one component drawn
            from its responsibilities, rare components taken together until 5 photos are expected;
            None if fewer than two groups are left.
        degrees_of_freedom: Of the chi-square; None as above.
        p_value: Chance of so large a chi-square in a model that is right; None as above.
        photos_per_class: Class name ("" without classes) -> number of photos fitted on.
        held_back_per_class: Class name -> number of held-back photos.
        components_per_class: Class name -> number of components.
        good: Whether the p-value is at least 0.01; None without one.
        verdict: One plain sentence.
    """

    n_photos: int
    n_components: int
    largest_responsibility: float
    used_components: int
    expected_components: float
    weights: tuple[float, ...]
    shares: tuple[float, ...]
    chi_square: float | None
    degrees_of_freedom: int | None
    p_value: float | None
    photos_per_class: Mapping[str, int]
    held_back_per_class: Mapping[str, int]
    components_per_class: Mapping[str, int]
    good: bool | None
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """The figures as plain JSON values, rounded to four significant figures."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def measure_calibration(
    model: object,
    held_back: NDArray[np.uint8],
    *,
    held_back_labels: NDArray[np.integer] | None = None,
    labels: NDArray[np.integer] | None = None,
    n_training: int = 0,
    random_state: int = 0,
) -> Calibration | None:
    """Measure how held-back photos fall to a mixture's components.

    Args:
        model: The model.
        held_back: Photos that the model has not seen, uint8 (n, h, w), n at least 1; of more than 2,000 so
            many at random are looked at.
        held_back_labels: Their classes, (n,), for a model of labelled photos.
        labels: Classes of the photos fitted on.
        n_training: Number of photos fitted on; needed without labels only.
        random_state: Seed of the draws from responsibilities.

    Returns:
        The figures; None for a model that is no :class:`PCAMixture`.
    """
    whole_number("random_state", random_state, 0)
    found = responsibilities(model, held_back[some_unseen(len(held_back), random_state)])
    if found is None or not isinstance(model, PCAMixture):
        return None
    weights, n = model.mixture.weights, len(found)
    rng = np.random.default_rng([random_state, 5])
    reached = np.cumsum(found, axis=1) <= rng.random((n, 1)) * found.sum(axis=1, keepdims=True)
    drawn = np.minimum(reached.sum(axis=1), len(weights) - 1)
    test = fit_to_weights(np.bincount(drawn, minlength=len(weights)), weights)
    used = len(np.unique(found.argmax(axis=1)))
    expected = float((1 - (1 - weights) ** n).sum())
    names = model.class_names or ("",)
    return Calibration(
        n_photos=n,
        n_components=len(weights),
        largest_responsibility=float(found.max(axis=1).mean()),
        used_components=used,
        expected_components=expected,
        weights=tuple(weights.tolist()),
        shares=tuple(found.mean(axis=0).tolist()),
        chi_square=test and test[0],
        degrees_of_freedom=test and test[1],
        p_value=test and test[2],
        photos_per_class=_per_class(names, labels, n_training),
        held_back_per_class=_per_class(names, held_back_labels, len(held_back)),
        components_per_class=_per_class(names, model.mixture.classes, len(weights)),
        good=test and test[2] >= 0.01,
        verdict=_verdict(test, used, expected, len(weights)),
    )


def fit_to_weights(
    counts: NDArray[np.integer], weights: NDArray[np.float64]
) -> tuple[float, int, float] | None:
    """Chi-square, degrees of freedom and p-value of counts against weights (K. Pearson, 1900).

    The rarest components are taken together until each group expects at least 5.

    Returns:
        None if fewer than two groups are left.

    Example:
        >>> fit_to_weights(np.array([30, 10]), np.array([0.5, 0.5]))[:2]
        (10.0, 1)
    """
    total = int(counts.sum())
    groups: list[list[float]] = [[0.0, 0.0]]
    for component in np.argsort(weights, kind="stable"):
        if groups[-1][1] >= _LEAST_EXPECTED:
            groups.append([0.0, 0.0])
        groups[-1][0] += float(counts[component])
        groups[-1][1] += float(weights[component]) * total
    if groups[-1][1] < _LEAST_EXPECTED and len(groups) > 1:
        observed, expected = groups.pop()
        groups[-1] = [groups[-1][0] + observed, groups[-1][1] + expected]
    if len(groups) < 2:
        return None
    table = np.array(groups)
    found = chisquare(table[:, 0], table[:, 1] * (table[:, 0].sum() / table[:, 1].sum()))
    return float(found.statistic), len(groups) - 1, float(found.pvalue)


def _per_class(names: tuple[str, ...], labels: NDArray[np.integer] | None, n: int) -> dict[str, int]:
    counts = [n] if labels is None else np.bincount(labels, minlength=len(names)).tolist()
    return dict(zip(names, counts, strict=len(counts) == len(names)))


def _verdict(test: tuple[float, int, float] | None, used: int, expected: float, n_components: int) -> str:
    told = f"Held-back photos fall to {used} of {n_components} components, about {expected:.0f} were expected"
    if test is None:
        return f"{told}; there are too few of either for a judgement."
    if test[2] >= 0.01:
        return f"{told}, and as often to each as its weight says."
    return (
        f"{told}, but not as often to each as its weight says: the weights hold for the fitted photos only."
    )
