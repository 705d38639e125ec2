"""Expectation maximisation for Gaussian mixtures with a sound noise floor."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.fitting.maximisation import (
    COVARIANCE_TYPES,
    Covariances,
    CovarianceType,
    Moments,
    maximise,
    maximise_rows,
    moments_of,
)
from gmmaug_plugin.fitting.pieces import Pieces
from gmmaug_plugin.fitting.starts import Codes, Responsibilities, k_means_start
from gmmaug_plugin.images.storage import release
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture

_NUMPY = NumpyEngine()
_AT_ONCE = 4096
"""Rows of a block that are weighed at a time."""


@dataclass(frozen=True)
class Estimate:
    """A fitted mixture and how it was reached.

    Attributes:
        mixture: The mixture, in float64.
        log_densities: Of every row, (n,), nats.
        n_iterations: Steps of expectation maximisation.
        converged: Whether the likelihood had stopped rising.
    """

    mixture: Mixture
    log_densities: NDArray[np.float64]
    n_iterations: int
    converged: bool

    @cached_property
    def log_likelihood(self) -> float:
        """Mean over rows, nats."""
        return float(self.log_densities.mean())


def fit_mixture(
    X: Codes,
    n_components: int,
    *,
    covariance_type: CovarianceType = "diag",
    floor: float | NDArray[np.float64] = 0.0,
    reg_covar: float = 0.0,
    max_iter: int = 100,
    tol: float = 1e-3,
    n_init: int = 1,
    random_state: int = 0,
) -> Estimate:
    """Fit a mixture by expectation maximisation, started by k-means.

    Steps, start and stopping rule are scikit-learn's (A. P. Dempster et al., *JRSS B* 39, 1977);
    with ``reg_covar`` the result is its ``GaussianMixture``'s to rounding.

    Args:
        X: Codes (n, q).
        n_components: Number of components, K.
        covariance_type: full, tied, diag or spherical.
        floor: Least variance of any direction: a number, or one per dimension (q,).
        reg_covar: Added to all variances instead of a floor.
        max_iter: Most iterations of one start.
        tol: Stop when the mean log-likelihood rises by less than this.
        n_init: Number of starts; the likeliest result is kept.
        random_state: Seed of the first start; the others follow.

    Returns:
        The estimate, its mixture in float64.

    Raises:
        ValueError: More components than rows, an unknown covariance type, or both or neither of
            ``floor`` and ``reg_covar``: a mixture without either shrinks onto single photos.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> fit_mixture(X, 2, floor=0.1).mixture.n_components
        2
    """
    one_of("covariance_type", covariance_type, COVARIANCE_TYPES)
    if not 1 <= n_components <= len(X):
        raise ValueError(
            f"n_components must be from 1 to the number of photos ({len(X)}). Received: {n_components}"
        )
    if (reg_covar > 0) == (np.min(floor) > 0):
        raise ValueError(
            "Exactly one of floor and reg_covar must be positive. "
            f"Received: floor={floor!r}, reg_covar={reg_covar!r}"
        )
    covariances = Covariances(
        covariance_type, np.broadcast_to(np.asarray(floor, np.float64), X.shape[1:]), reg_covar
    )
    starts = (
        climb(
            X, k_means_start(X, n_components, random_state + start), covariances, max_iter=max_iter, tol=tol
        )
        for start in range(n_init)
    )
    return likeliest(starts)


def climb(
    X: Codes, start: Responsibilities, covariances: Covariances, *, max_iter: int, tol: float
) -> Estimate:
    """Maximise the likelihood of rows in memory from a start: responsibilities (n, K)."""
    squares = X * X

    def step(mixture: Mixture) -> tuple[Mixture, float]:
        responsibilities, log_densities = _expect(X, squares, mixture)
        return maximise_rows(X, squares, responsibilities, covariances), float(log_densities.mean())

    first = maximise_rows(X, squares, start, covariances)
    mixture, iterations, converged = _iterate(first, step, max_iter=max_iter, tol=tol)
    log_densities = logsumexp(mixture.log_joint(_NUMPY, X, squares), axis=1)
    return Estimate(mixture, log_densities, iterations, converged)


def climb_blocks(
    blocks: Pieces[Codes], start: Mixture, covariances: Covariances, *, max_iter: int, tol: float
) -> Estimate:
    """Maximise the likelihood of rows in blocks from a mixture.

    Every step is a sum of :class:`~gmmaug_plugin.fitting.maximisation.Moments` over the blocks, so they may
    be anywhere. It is the step that :func:`climb` takes, to rounding.

    Args:
        blocks: The rows, (n_b, q) each.
        start: Where to start.
        covariances: How covariances are estimated.
        max_iter: Most iterations.
        tol: Stop when the mean log-likelihood, in nats, rises by less.
    """

    def step(mixture: Mixture) -> tuple[Mixture, float]:
        moments = blocks.sum(_block_moments, mixture, covariances.type)
        return maximise(moments, covariances), moments.log_density / moments.n

    mixture, iterations, converged = _iterate(start, step, max_iter=max_iter, tol=tol)
    log_densities = np.concatenate(blocks.map(_block_log_densities, mixture))
    return Estimate(mixture, log_densities, iterations, converged)


def _iterate(
    mixture: Mixture, step: Callable[[Mixture], tuple[Mixture, float]], *, max_iter: int, tol: float
) -> tuple[Mixture, int, bool]:
    """Take steps until the mean log-likelihood, which a step tells of the mixture given, stops rising."""
    log_likelihood, converged, iterations = -np.inf, False, 0
    while not converged and iterations < max_iter:
        previous = log_likelihood
        mixture, log_likelihood = step(mixture)
        converged = abs(log_likelihood - previous) < tol
        iterations += 1
    return mixture, iterations, converged


def _expect(X: Codes, squares: Codes, mixture: Mixture) -> tuple[Responsibilities, NDArray[np.float64]]:
    """The expectation step: responsibilities (n, K), and log-densities (n,) in nats."""
    log_joint = mixture.log_joint(_NUMPY, X, squares)
    log_densities = np.asarray(logsumexp(log_joint, axis=1))
    return np.exp(log_joint - log_densities[:, None]), log_densities


def _block_moments(block: Codes, mixture: Mixture, covariance_type: CovarianceType) -> Moments:
    total = None
    for begin in range(0, len(block), _AT_ONCE):
        X = block[begin : begin + _AT_ONCE].astype(np.float64)
        squares = X * X
        responsibilities, log_densities = _expect(X, squares, mixture)
        moments = moments_of(
            X, squares, responsibilities, covariance_type, log_density=float(log_densities.sum())
        )
        total = moments if total is None else total + moments
    release(block)
    if total is None:
        raise ValueError("A block must have a row. Received: an empty block")
    return total


def _block_log_densities(block: Codes, mixture: Mixture) -> NDArray[np.float64]:
    found = [
        logsumexp(mixture.log_joint(_NUMPY, block[begin : begin + _AT_ONCE].astype(np.float64)), axis=1)
        for begin in range(0, len(block), _AT_ONCE)
    ]
    release(block)
    return np.concatenate(found)


def likeliest(estimates: Iterable[Estimate]) -> Estimate:
    """The estimate of the greatest likelihood, the first of equals."""
    return max(estimates, key=lambda estimate: estimate.log_likelihood)
