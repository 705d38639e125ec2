"""The density of a multi-scale mixture, written out: loops over positions, dense covariances, Jacobians."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import ConditionalMixture, MultiscaleMixture
from tests.factories import component_covariance
from tests.multiscale_models import random_multiscale

FLAT, RISE, BEND = np.array([1.0, 1, 1]), np.array([-1.0, 0, 1]), np.array([1.0, -2, 1])
CONTRASTS = [
    (FLAT, RISE, 0.5),
    (FLAT, BEND, 0.25),
    (RISE, FLAT, 0.5),
    (RISE, RISE, 0.5),
    (RISE, BEND, 0.25),
    (BEND, FLAT, 0.25),
    (BEND, RISE, 0.25),
    (BEND, BEND, 0.125),
]
"""Along rows of the neighbourhood's columns, along columns, and the factor."""


def contrasts_at(coarse: np.ndarray, i: int, j: int) -> list[float]:
    size = len(coarse)

    def inside(k: int) -> int:
        return -k if k < 0 else 2 * (size - 1) - k if k >= size else k

    around = np.array([[coarse[inside(i + a), inside(j + b)] for b in (-1, 0, 1)] for a in (-1, 0, 1)])
    return [factor * (down @ around @ along) for down, along, factor in CONTRASTS]


def positions_of(coarse: np.ndarray, details: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The phase of every position, and its context and details."""
    size = len(coarse)

    def known(i: int, j: int, swap: bool) -> list[float]:
        h, v, g = details[:, i, j] if 0 <= i < size and 0 <= j < size else np.zeros(3)
        return [v, h, g] if swap else [h, v, g]

    for i in range(size):
        for j in range(size):
            if (i % 2, j % 2) == (0, 0):
                yield 0, np.array([*contrasts_at(coarse, i, j), *known(i, j, False)])
            elif (i % 2, j % 2) == (1, 1):
                corners = [(i - 1, j - 1), (i - 1, j + 1), (i + 1, j - 1), (i + 1, j + 1)]
                context = [one for corner in corners for one in known(*corner, False)]
                yield 1, np.array([*contrasts_at(coarse, i, j), *context, *known(i, j, False)])
            elif (i % 2, j % 2) == (0, 1):
                beside = [(i, j - 1), (i, j + 1), (i - 1, j), (i + 1, j)]
                context = [one for place in beside for one in known(*place, False)]
                yield 2, np.array([*contrasts_at(coarse, i, j), *context, *known(i, j, False)])
            else:  # as the position (even, odd) of the transposed image
                beside = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
                context = [one for place in beside for one in known(*place, True)]
                yield 2, np.array([*contrasts_at(coarse.T, j, i), *context, *known(i, j, True)])


def slow_score(model: MultiscaleMixture, image: np.ndarray) -> float:
    """The log-density of an image: loops over positions, dense covariances, Jacobians one by one."""
    grey = image.astype(float)
    tones = 127.5 + 65.75 * np.log((grey + 4) / (259 - grey))
    total = np.log(65.75 * (1 / (grey + 4) + 1 / (259 - grey))).sum()
    by_class = np.zeros(model.n_classes)
    for level in reversed(range(len(model.levels))):
        blocks = tones.reshape(len(tones) // 2, 2, -1, 2).transpose(0, 2, 1, 3)
        a, b, c, d = (blocks[:, :, i, j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
        tones = (a + b + c + d) / 4
        details = np.stack([a - b + c - d, a + b - c - d, a - b - c + d]) / 4
        total -= tones.size * 4 * np.log(2)
        vectors: list[list[np.ndarray]] = [[], [], []]
        for phase, vector in positions_of(tones, details):
            vectors[phase].append(vector)
        for phase, mixture in enumerate(model.levels[level]):
            both = np.array(vectors[phase])
            for label in range(model.n_classes):
                parts = np.stack([_log_joints(mixture, both, m) for m in (both.shape[1], both.shape[1] - 3)])
                own = np.isin(mixture.classes, [label, -1])
                joint, context = logsumexp(parts[:, own], axis=1)
                by_class[label] += (joint - context).sum()
    return total + logsumexp(by_class + base_log_density(model.base, tones.ravel()))


def _log_joints(mixture: ConditionalMixture, vectors: np.ndarray, m: int) -> np.ndarray:
    """Log weight times density of the first m numbers, (K, N)."""
    covariances = mixture.full_roots() @ np.swapaxes(mixture.full_roots(), 1, 2)
    laws = zip(mixture.weights, mixture.means, covariances, strict=True)
    return np.stack(
        [np.log(w) + multivariate_normal(mean[:m], S[:m, :m]).logpdf(vectors[:, :m]) for w, mean, S in laws]
    )


def base_log_density(base: Mixture, numbers: np.ndarray) -> np.ndarray:
    """Log-density of a base together with every class, (C,)."""
    laws = [
        multivariate_normal(base.means[k], component_covariance(base, k)) for k in range(len(base.weights))
    ]
    joint = np.array([np.log(w) + law.logpdf(numbers) for w, law in zip(base.weights, laws, strict=True)])
    return np.array([logsumexp(joint[base.classes == label]) for label in range(base.n_classes)])


@pytest.mark.parametrize("shared", [True, False])
def test_the_density_is_that_of_base_details_and_jacobians(shared: bool) -> None:
    """Of an image with every kind of edge, and of a draw of the model: by loops over all positions."""
    model = random_multiscale(shared=shared, seed=2)
    flower = make_flowers(1, image_size=32, n_classes=1)[0][0]
    for image in (flower, model.sample(1, seed=0)[0][0]):
        assert model.score_samples(image)[0] == pytest.approx(slow_score(model, image), rel=1e-10)
