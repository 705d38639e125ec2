"""The maximisation step: the likeliest mixture given responsibilities, for every type of covariance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from gmmaug_plugin.fitting.starts import Codes, Responsibilities
from gmmaug_plugin.models.mixture import Mixture

CovarianceType = Literal["full", "tied", "diag", "spherical"]
COVARIANCE_TYPES: tuple[CovarianceType, ...] = get_args(CovarianceType)

_NO_MEMBER = 1e-12
"""Responsibilities below this are rounding."""
_NO_COUNT = 10 * np.finfo(np.float64).eps
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


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows that a mixture is maximised from; those of several sets of rows may be added.

    Attributes:
        counts: Sum of every component's responsibilities, (K,).
        sums: Rows weighted by them, (K, q).
        seconds: Second moments: (K, q) along the axes for "diag" and "spherical", (q, q) of all rows for
            "tied", (K, q, q) for "full".
        log_density: Sum over rows under the mixture that the responsibilities are of, nats.
        n: Number of rows.
    """

    counts: NDArray[np.float64]
    sums: NDArray[np.float64]
    seconds: NDArray[np.float64]
    log_density: float
    n: int

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.counts + other.counts,
            self.sums + other.sums,
            self.seconds + other.seconds,
            self.log_density + other.log_density,
            self.n + other.n,
        )


def moments_of(
    X: Codes,
    squares: Codes,
    responsibilities: Responsibilities,
    covariance_type: CovarianceType,
    *,
    log_density: float = 0.0,
) -> Moments:
    """Moments of rows.

    Args:
        X: The rows, (n, q).
        squares: X squared.
        responsibilities: (n, K).
        covariance_type: Of the mixture to come.
        log_density: Sum over the rows, nats.
    """
    if covariance_type == "tied":
        seconds = X.T @ X
    elif covariance_type == "full":
        seconds = np.stack([(X * column[:, None]).T @ X for column in responsibilities.T])
    else:
        seconds = responsibilities.T @ squares
    counts = responsibilities.sum(axis=0)
    return Moments(counts, responsibilities.T @ X, np.asarray(seconds), log_density, len(X))


def maximise(moments: Moments, covariances: "Covariances") -> Mixture:
    """Return the likeliest mixture with these moments."""
    counts = moments.counts + _NO_COUNT
    K, q = moments.sums.shape
    means = moments.sums / counts[:, None]
    weights, each = counts / counts.sum(), np.arange(K, dtype=np.int32)
    if covariances.type in ("diag", "spherical"):
        spread = moments.seconds / counts[:, None] - means * means
        variances = _axis_variances(np.maximum(spread, 0.0), covariances)
        return _mixture(weights, means, variances, [np.empty((0, q))] * K, each)
    if covariances.type == "tied":
        scatter = (moments.seconds - (means.T * counts) @ means) / counts.sum()
        factors, groups = [_factorise(scatter, covariances)], np.zeros(K, np.int32)
    else:
        scatters = moments.seconds / counts[:, None, None] - means[:, :, None] * means[:, None, :]
        factors, groups = [_factorise(one, covariances) for one in scatters], each
    return _mixture(weights, means, np.tile(covariances.diagonal, (len(factors), 1)), factors, groups)


def maximise_rows(
    X: Codes, squares: Codes, responsibilities: Responsibilities, covariances: "Covariances"
) -> Mixture:
    """Return the likeliest mixture given responsibilities (n, K); ``squares`` is X squared.

    The same as :func:`maximise` of the rows' moments, but that full covariances of components with fewer
    members than dimensions go through Gram matrices of these.
    """
    if covariances.type != "full":
        return maximise(moments_of(X, squares, responsibilities, covariances.type), covariances)
    K = responsibilities.shape[1]
    counts = responsibilities.sum(axis=0) + _NO_COUNT
    means = responsibilities.T @ X / counts[:, None]
    factors = [
        _factor_component(X, responsibilities[:, k], means[k], counts[k], covariances) for k in range(K)
    ]
    variances = np.tile(covariances.diagonal, (K, 1))
    return _mixture(counts / counts.sum(), means, variances, factors, np.arange(K, dtype=np.int32))


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


def _mixture(
    weights: Codes, means: Codes, variances: Codes, factors: Sequence[Codes], groups: NDArray[np.int32]
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
