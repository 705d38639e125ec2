"""A Gaussian mixture: drawing, densities, and two ways to fit it.

:func:`fit_diagonal` calls scikit-learn. :func:`fit_full` gives the same full covariances as scikit-learn, but
many times faster: a covariance of m points in q > m dimensions is ``reg_covar * I`` plus a matrix of rank
below m, so expectation maximisation needs products of m rows instead of factorisations of q x q matrices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.floating]

_REG_COVAR, _MAX_ITER, _TOLERANCE = 1e-6, 100, 1e-3  # scikit-learn's defaults
_NO_MEMBER = 1e-12  # responsibilities below this are rounding errors


@dataclass(frozen=True, eq=False, repr=False)
class Gaussians:
    """A Gaussian mixture of K components in q dimensions.

    Covariance k is ``diag(variances[k]) + factors[k].T @ factors[k]``. A diagonal covariance has a factor of
    no rows, a full one fitted to m points needs only m rows instead of q x q numbers.

    Attributes:
        weights: (K,), with the sum 1.
        means: (K, q).
        variances: (K, q), positive.
        factors: K arrays (m, q), m different for each.
    """

    weights: Floats
    means: Floats
    variances: Floats
    factors: tuple[Floats, ...]

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw one point, (q,)."""
        cumulated = np.cumsum(self.weights)
        k = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
        q = self.means.shape[1]
        normal = rng.standard_normal(q + len(self.factors[k]))
        along_axes = np.sqrt(self.variances[k].astype(np.float64)) * normal[:q]
        return np.asarray(self.means[k] + along_axes + normal[q:] @ self.factors[k])

    def log_joint(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of weight times density of each component, in nats, for points (n, q): (n, K).

        It is constants + linear z - (z^T V^-1 z - |A z|^2) / 2, with A = L^-1 F V^-1 and
        L L^T = I + F V^-1 F^T for a covariance V + F^T F (Woodbury identity: K. B. Petersen and
        M. S. Pedersen, *The Matrix Cookbook*, 2012, section 3.2.2).
        """
        means, variances = self.means.astype(np.float64), self.variances.astype(np.float64)
        log_det = np.log(variances).sum(axis=1)
        linear, whiteners = means / variances, []
        for k, factor in enumerate(self.factors):
            weighted = factor.astype(np.float64) / variances[k]
            root = np.linalg.cholesky(np.eye(len(factor)) + weighted @ factor.T)
            log_det[k] += 2.0 * np.log(np.diag(root)).sum()
            whiteners.append(np.linalg.solve(root, weighted))
            linear[k] -= means[k] @ whiteners[k].T @ whiteners[k]
        quadratic = (points * points) @ (1.0 / variances).T
        ranks = np.array([len(factor) for factor in self.factors])
        filled = np.flatnonzero(ranks)
        if len(filled):  # all factors in one product: many small ones take longer
            squares, begins = (points @ np.concatenate(whiteners).T) ** 2, np.cumsum(ranks) - ranks
            quadratic[:, filled] -= np.add.reduceat(squares, begins[filled], axis=1)
        with np.errstate(divide="ignore"):  # a component without members has the weight 0
            constants = np.log(self.weights)
        constants -= 0.5 * (log_det + (linear * means).sum(axis=1) + means.shape[1] * np.log(2.0 * np.pi))
        return points @ linear.T - 0.5 * quadratic + constants


def fit_diagonal(
    points: NDArray[np.float64], n_components: int, floor: float, seed: int
) -> tuple[Gaussians, float]:
    """Fit diagonal covariances to points (n, q) with scikit-learn; no variance is below ``floor``.

    Returns:
        The mixture and the mean log-likelihood of the points, in nats.
    """
    from sklearn.mixture import GaussianMixture

    estimator = GaussianMixture(n_components, covariance_type="diag", reg_covar=floor, random_state=seed)
    estimator.fit(points)
    factors = (np.empty((0, points.shape[1])),) * n_components
    found = Gaussians(estimator.weights_, estimator.means_, estimator.covariances_, factors)
    return found, float(estimator.score(points))


def fit_full(X: NDArray[np.float64], n_components: int, seed: int) -> tuple[Gaussians, float]:
    """Fit as ``GaussianMixture(n_components, covariance_type="full", random_state=seed)`` does.

    Start, steps and stopping rule are scikit-learn's (A. P. Dempster et al., *JRSS B* 39, 1977).

    Returns:
        The mixture, in float64, and the mean log-likelihood of the points X (n, q), in nats.
    """
    from sklearn.cluster import KMeans

    labels = KMeans(n_components, n_init=1, random_state=seed).fit(X).labels_
    mixture = _maximise(X, np.eye(n_components)[labels])
    likelihood = -np.inf
    for _ in range(_MAX_ITER):
        log_joint = mixture.log_joint(X)
        densities = logsumexp(log_joint, axis=1)
        mixture = _maximise(X, np.exp(log_joint - densities[:, None]))
        previous, likelihood = likelihood, float(densities.mean())
        if abs(likelihood - previous) < _TOLERANCE:
            break
    return mixture, float(logsumexp(mixture.log_joint(X), axis=1).mean())


def _maximise(X: NDArray[np.float64], responsibilities: NDArray[np.float64]) -> Gaussians:
    counts = responsibilities.sum(axis=0) + 10 * np.finfo(np.float64).eps
    means = responsibilities.T @ X / counts[:, None]
    factors = []
    for mean, count, column in zip(means, counts, responsibilities.T, strict=True):
        members = np.flatnonzero(column > _NO_MEMBER)
        rows = (X[members] - mean) * np.sqrt(column[members] / count)[:, None]
        if len(rows) > X.shape[1]:
            rows = np.linalg.qr(rows, mode="r")
        factors.append(rows[rows.any(axis=1)])
    return Gaussians(counts / counts.sum(), means, np.full(means.shape, _REG_COVAR), tuple(factors))
