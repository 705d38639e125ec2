"""The notebook's mixture with scikit-learn's values, many times as fast.

``PCA(0.99, whiten=True)``, then ``GaussianMixture(K, covariance_type="full")`` for K = 1, 11, 21, …, 591; the
AIC chooses. A full covariance of m photos in q > m dimensions has rank below m beside ``reg_covar``, so the
steps of expectation maximisation below take products of m rows where scikit-learn factorises q x q matrices.
"""

import warnings

import numpy as np
from scipy.special import logsumexp

from gmmaug_plugin.mixtures.gaussians import Floats, Gaussians

NUMBERS_OF_COMPONENTS = tuple(range(1, 600, 10))
"""The notebook's candidates."""

VARIANCE = 0.99
"""The share of the variance that the notebook's PCA keeps."""

_REG_COVAR, _MAX_ITER, _TOLERANCE = 1e-6, 100, 1e-3
"""scikit-learn's defaults."""

_NO_MEMBER = 1e-12
"""Responsibilities below this are rounding."""


def fit_full(X: Floats, n_components: int, seed: int) -> tuple[Gaussians, float]:
    """Fit as ``GaussianMixture(n_components, covariance_type="full", random_state=seed)`` does.

    Start, steps and stopping rule are scikit-learn's (A. P. Dempster et al., *JRSS B* 39, 1977).

    Args:
        X: Points (n, q).
        n_components: 1..n.
        seed: Of the k-means that the fit starts from.

    Returns:
        The mixture, in float64, and the mean log-likelihood of the points, in nats.
    """
    mixture = _maximise(X, _k_means(X, n_components, seed))
    likelihood = -np.inf
    for _ in range(_MAX_ITER):
        log_joint = mixture.log_joint(X)
        densities = logsumexp(log_joint, axis=1)
        mixture = _maximise(X, np.exp(log_joint - densities[:, None]))
        previous, likelihood = likelihood, float(densities.mean())
        if abs(likelihood - previous) < _TOLERANCE:
            break
    return mixture, float(logsumexp(mixture.log_joint(X), axis=1).mean())


def _k_means(X: Floats, n_components: int, seed: int) -> Floats:
    """Responsibilities (n, K), zero or one."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Fewer different photos than clusters: the other clusters stay empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = KMeans(n_components, n_init=1, random_state=seed).fit(X).labels_
    return np.asarray(np.eye(n_components)[labels])


def _maximise(X: Floats, responsibilities: Floats) -> Gaussians:
    counts = responsibilities.sum(axis=0) + 10 * np.finfo(np.float64).eps
    means = responsibilities.T @ X / counts[:, None]
    factors = []
    for mean, count, column in zip(means, counts, responsibilities.T, strict=True):
        members = np.flatnonzero(column > _NO_MEMBER)
        rows = (X[members] - mean) * np.sqrt(column[members] / count)[:, None]
        if len(rows) > X.shape[1]:
            rows = np.linalg.qr(rows, mode="r")
        factors.append(rows[rows.any(axis=1)])
    return Gaussians.of(counts / counts.sum(), means, np.full(means.shape, _REG_COVAR), factors)
