"""Expectation maximisation for Gaussian mixtures with a sound noise floor."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import logsumexp

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.fitting.starts import Codes, Responsibilities, k_means_start
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture

CovarianceType = Literal["full", "tied", "diag", "spherical"]
COVARIANCE_TYPES: tuple[CovarianceType, ...] = get_args(CovarianceType)

_NUMPY = NumpyEngine()
_NO_MEMBER = 1e-12
"""Responsibilities below this are rounding."""
_NO_DIRECTION = 1e-12
"""Eigenvalues of a Gram matrix below this share of the greatest are rounding."""


@dataclass(frozen=True)
class Covariances:
    """How covariances are estimated.

    Attributes:
        type: full, tied, diag or spherical, as in scikit-learn.
        floor: No direction's variance falls below this, float64 (q,), one per axis: covariances are
            the likeliest with S - diag(floor) positive semidefinite, so in the metric that turns
            the floor into the identity, eigenvalues are raised to 1.
        regularisation: Added to every variance, as scikit-learn's ``reg_covar``.
    """

    type: CovarianceType
    floor: NDArray[np.float64]
    regularisation: float = 0.0

    @property
    def diagonal(self) -> NDArray[np.float64]:
        """The diagonal part (q,) of full and tied covariances."""
        return self.floor + self.regularisation

    @property
    def metric(self) -> NDArray[np.float64]:
        """Unit of length along every axis, (q,)."""
        return np.ones_like(self.floor) if self.regularisation else np.sqrt(self.floor)

    def factor_lengths(self, eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
        """Length of the factor row along each eigenvector: what the diagonal part leaves to it."""
        given = 0.0 if self.regularisation else 1.0
        return np.sqrt(np.maximum(eigenvalues - given, 0.0))


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
    """Maximise the likelihood from a start: responsibilities (n, K)."""
    squares = X * X
    mixture = _maximise(X, squares, start, covariances)
    log_likelihood, converged, iterations = -np.inf, False, 0
    while not converged and iterations < max_iter:
        log_joint = mixture.log_joint(_NUMPY, X, squares)
        log_density = logsumexp(log_joint, axis=1)
        mixture = _maximise(X, squares, np.exp(log_joint - log_density[:, None]), covariances)
        previous, log_likelihood = log_likelihood, float(log_density.mean())
        converged = abs(log_likelihood - previous) < tol
        iterations += 1
    return Estimate(mixture, logsumexp(mixture.log_joint(_NUMPY, X, squares), axis=1), iterations, converged)


def likeliest(estimates: Iterable[Estimate]) -> Estimate:
    """The estimate of the greatest likelihood, the first of equals."""
    return max(estimates, key=lambda estimate: estimate.log_likelihood)


def n_parameters(n_components: int, n_dimensions: int, covariance_type: CovarianceType) -> int:
    """Number of free parameters of a mixture, as scikit-learn counts them."""
    K, q = n_components, n_dimensions
    of_covariances = {
        "full": K * q * (q + 1) // 2,
        "tied": q * (q + 1) // 2,
        "diag": K * q,
        "spherical": K,
    }
    return of_covariances[covariance_type] + K * q + K - 1


def _maximise(
    X: Codes, squares: Codes, responsibilities: NDArray[np.float64], covariances: Covariances
) -> Mixture:
    """Return the likeliest mixture given responsibilities (n, K); ``squares`` is X squared."""
    K, q = responsibilities.shape[1], X.shape[1]
    counts = responsibilities.sum(axis=0) + 10 * np.finfo(np.float64).eps
    means = responsibilities.T @ X / counts[:, None]
    weights, each = counts / counts.sum(), np.arange(K, dtype=np.int32)
    if covariances.type in ("diag", "spherical"):
        spread = responsibilities.T @ squares / counts[:, None] - means * means
        variances = _axis_variances(np.maximum(spread, 0.0), covariances)
        return _mixture(weights, means, variances, [np.empty((0, q))] * K, each)
    if covariances.type == "tied":
        scatter = (X.T @ X - (means.T * counts) @ means) / counts.sum()
        factors, groups = [_factorise(scatter, covariances)], np.zeros(K, np.int32)
    else:
        factors = [
            _factor_component(X, responsibilities[:, k], means[k], counts[k], covariances) for k in range(K)
        ]
        groups = each
    variances = np.tile(covariances.diagonal, (len(factors), 1))
    return _mixture(weights, means, variances, factors, groups)


def _mixture(
    weights: Codes, means: Codes, variances: Codes, factors: list[Codes], groups: NDArray[np.int32]
) -> Mixture:
    """A mixture of one class whose parameters stay in float64 while the fit goes on."""
    offsets = np.cumsum([0, *map(len, factors)]).astype(np.int32)
    single_class = np.zeros(len(weights), np.int32)
    return Mixture(
        weights,
        means,  # type: ignore[arg-type]
        variances,  # type: ignore[arg-type]
        np.concatenate(factors),
        offsets,
        groups,
        single_class,
    )


def _axis_variances(spread: Codes, covariances: Covariances) -> Codes:
    """Variances (K, q) of diagonal and spherical components from their spread along each axis."""
    if covariances.type == "spherical":
        spread = np.stack([_spherical_variances(row, covariances.floor) for row in spread])
    return np.maximum(spread + covariances.regularisation, covariances.floor)


def _spherical_variances(spread: Codes, floor: Codes) -> Codes:
    """Return the likeliest common variance c of all axes where an axis j never falls below floor j.

    Given which axes lie above their floor, c is the mean of their spread; axes rise above it in the
    order of their floors, so one of q candidates is the maximum.
    """
    order = np.argsort(floor)
    means = np.cumsum(spread[order]) / np.arange(1, len(spread) + 1)
    candidates = np.unique(np.maximum(means, floor[order]))[:, None]
    variances = np.maximum(np.maximum(candidates, floor), np.finfo(np.float64).tiny)
    costs = (np.log(variances) + spread / variances).sum(axis=1)
    return np.full(len(spread), candidates[np.argmin(costs), 0])


def _factor_component(
    X: Codes, responsibilities: Codes, mean: Codes, count: float, covariances: Covariances
) -> Codes:
    """Factor rows of one full covariance; with fewer members than dimensions, through their Gram matrix."""
    members = responsibilities > _NO_MEMBER
    rows = (X[members] - mean) * np.sqrt(responsibilities[members] / count)[:, None]
    if len(rows) == 0:
        return np.empty((0, X.shape[1]))
    if len(rows) >= X.shape[1]:
        return _factorise(rows.T @ rows, covariances)
    if covariances.regularisation:
        # Nothing is raised to a floor, so the rows are factors as they are.
        return rows
    rows /= covariances.metric
    eigenvalues, vectors = eigh(rows @ rows.T)
    lengths = covariances.factor_lengths(eigenvalues)
    kept = (lengths > 0) & (eigenvalues > _NO_DIRECTION * eigenvalues[-1])
    directions = (vectors[:, kept].T @ rows) / np.sqrt(eigenvalues[kept])[:, None]
    return np.asarray(lengths[kept, None] * directions * covariances.metric)


def _factorise(scatter: Codes, covariances: Covariances) -> Codes:
    """Factor rows of the covariance with a given scatter matrix (q, q)."""
    metric = covariances.metric
    eigenvalues, vectors = eigh(scatter / np.outer(metric, metric))
    lengths = covariances.factor_lengths(eigenvalues)
    kept = lengths > 0
    return np.asarray(lengths[kept, None] * vectors[:, kept].T * metric)
