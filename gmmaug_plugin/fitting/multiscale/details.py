"""The mixtures of a level's details, and how many components they have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.multiscale.gaussians import (
    Gaussians,
    Vectors,
    climb,
    from_labels,
    log_likelihoods,
    n_parameters,
    split,
)
from gmmaug_plugin.fitting.multiscale.positions import Positions
from gmmaug_plugin.fitting.options import Criterion
from gmmaug_plugin.fitting.starts import k_means_labels
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS, ConditionalMixture

FLOOR = 1.0 / 48.0
"""Variance of what rounding photos to whole grey levels does to the finest details: 1/12 for a pixel (W. R.
Bennett, *Bell System Technical Journal* 27, 1948, section 3), a quarter of that for a difference of four by
four. It is added to all variances, of coarser levels too, where less was worse on photos held back."""

LADDER = (4, 8, 16, 32, 64)
"""Numbers of components that ``"auto"`` tries."""

_GREATEST = float(np.finfo(np.float16).max)

_START = 4
_START_VECTORS, _FEW_VECTORS, _MANY_VECTORS = 4_000, 12_000, 16_000
_ITERATIONS, _POLISHING = 5, 3
_WEIGHT_OF_ENERGY = 3.0


@dataclass(frozen=True, eq=False)
class Rung:
    """A candidate of one step.

    Attributes:
        mixture: The mixture.
        log_likelihoods: Of the vectors it is judged by, nats.
        n_original: Positions that these stand for.
    """

    mixture: Gaussians
    log_likelihoods: NDArray[np.float64]
    n_original: int


def climb_ladder(
    positions: Positions, judged: Positions, candidates: Sequence[int], *, random_state: int
) -> dict[int, Rung]:
    """Fit ever more components to the same vectors, each mixture split from the one before.

    Args:
        positions: The vectors to fit.
        judged: The vectors to judge by; the same unless others are held out.
        candidates: Numbers of components.
        random_state: Seed of k-means, which starts the smallest one.

    Returns:
        By number of components; those that the vectors do not suffice for are left out, but for the smallest.
    """
    D, N = positions.vectors.shape
    rungs: dict[int, Rung] = {}
    for K in sorted(candidates):
        if rungs and K * (D + 1) > N:
            break
        mixture = _fit(positions.vectors, min(K, N), rungs, random_state)
        rungs[K] = Rung(mixture, log_likelihoods(judged.vectors, mixture), judged.n_original)
    return rungs


def polish(positions: Positions, mixture: Gaussians, max_iter: int, tol: float) -> ConditionalMixture:
    """Go on with all vectors, then round to the precision of the artifact."""
    polished, _ = climb(positions.vectors, mixture, floor=FLOOR, max_iter=min(max_iter, _POLISHING), tol=tol)
    return conditional_mixture(polished)


def criterion_value(rung: Rung, criterion: Criterion) -> float:
    """AIC or BIC per position, or the negative log-likelihood of positions held out; lower is better."""
    mean = float(rung.log_likelihoods.mean())
    if criterion == "heldout":
        return -mean
    price = 2.0 if criterion == "aic" else float(np.log(rung.n_original))
    K, D = rung.mixture.means.shape
    return price * n_parameters(K, D) / rung.n_original - 2.0 * mean


def standard_error(rung: Rung, criterion: Criterion) -> float:
    """Standard error of :func:`criterion_value` over positions, the mixture being given."""
    scale = 1.0 if criterion == "heldout" else 2.0
    return scale * float(rung.log_likelihoods.std(ddof=1)) / float(np.sqrt(rung.n_original))


def conditional_mixture(mixture: Gaussians) -> ConditionalMixture:
    """A mixture of all classes in the precision of the artifact, heaviest components first."""
    order = np.argsort(-mixture.weights, kind="stable")
    roots = np.linalg.cholesky(mixture.covariances[order])
    rows, columns = np.tril_indices(roots.shape[1])
    return ConditionalMixture(
        weights=mixture.weights[order] / mixture.weights.sum(),
        means=mixture.means[order].astype(np.float32),
        roots=np.clip(roots[:, rows, columns], -_GREATEST, _GREATEST).astype(np.float16),
        classes=np.full(len(order), EVERY_CLASS, np.int32),
    )


def _fit(X: Vectors, K: int, smaller: Mapping[int, Rung], random_state: int) -> Gaussians:
    """Fit from the greatest mixture known, split, or from k-means."""
    few = X[:, :_FEW_VECTORS]
    known = max(smaller, default=0)
    mixture = smaller[known].mixture if known else _start(X, min(K, _START), random_state)
    if not known:
        mixture, _ = climb(few, mixture, floor=FLOOR, max_iter=_ITERATIONS)
    while mixture.n_components < K:
        mixture = split(mixture, K - mixture.n_components)
        part = X[:, :_MANY_VECTORS] if mixture.n_components > 32 else few
        mixture, _ = climb(part, mixture, floor=FLOOR, max_iter=_ITERATIONS)
    return mixture


def _start(X: Vectors, K: int, random_state: int) -> Gaussians:
    """Clusters of vectors by shape and by energy: details of photos differ in both."""
    some = X[:, :_START_VECTORS]
    scaled = some.T / (some.std(axis=1) + 1e-3)
    energy = 1e-2 + np.square(scaled).mean(axis=1, keepdims=True)
    points = np.concatenate([scaled / np.sqrt(energy), _WEIGHT_OF_ENERGY * np.log(energy)], axis=1)
    labels = k_means_labels(points, K, random_state, max_iter=20)
    return from_labels(some, labels, K, floor=FLOOR)
