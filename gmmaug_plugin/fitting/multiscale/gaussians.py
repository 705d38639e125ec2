"""Expectation maximisation for mixtures of small Gaussians with full covariances, over many vectors.

The log joint of a component is a linear function of the quadratic features (1, x, x x^T), and its sufficient
statistics are sums of the same features, weighted by responsibilities. So for all components together one
matrix product of a block is the expectation step and one the maximisation step (A. P. Dempster, N. M. Laird
and D. B. Rubin, *JRSS B* 39, 1977, section 4.3; C. M. Bishop, *PRML*, 2006, equations 9.23 to 9.26).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.multiscale.conditional import quadratic_form
from gmmaug_plugin.models.quadratic import BLOCK, n_features, quadratic_blocks, quadratic_features

_APART, _NARROW, _WIDE = 0.2, 0.5, 1.5
"""How the halves of a component are told apart: by deviations, and by factors of their covariance."""

Vectors = NDArray[np.float32]
"""Float32 (D, N), one vector per column."""


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A mixture of K Gaussians of D numbers.

    Attributes:
        weights: (K,), sums to one.
        means: (K, D).
        covariances: (K, D, D).
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return len(self.weights)


@dataclass(frozen=True, eq=False)
class Prior:
    """A covariance that those of components are drawn to: S = (scatter + n S0) / (count + n).

    The mode of an inverse Wishart prior, but for its constants (C. Fraley and A. E. Raftery, *J.
    Classification* 24, 2007, section 3).

    Attributes:
        covariance: S0, (D, D).
        n_vectors: How many vectors it counts as.
    """

    covariance: NDArray[np.float64]
    n_vectors: float


def n_parameters(n_components: int, n_dimensions: int) -> int:
    """Number of free parameters of such a mixture.

    Example:
        >>> n_parameters(2, 3)
        19
    """
    return n_components * (1 + n_dimensions + n_dimensions * (n_dimensions + 1) // 2) - 1


def climb(
    X: Vectors,
    start: Gaussians,
    *,
    floor: float,
    max_iter: int,
    tol: float = 0.0,
    prior: Prior | None = None,
) -> tuple[Gaussians, float]:
    """Maximise the likelihood from a start.

    Args:
        X: The vectors, (D, N).
        start: Where to start from.
        floor: Added to all variances: the vectors are known only up to white noise of this variance.
        max_iter: Most iterations, at least 1.
        tol: Stop when the mean log-likelihood, in nats, rises by less.
        prior: What covariances are drawn to.

    Returns:
        The mixture, and the mean log-likelihood of the one before the last iteration.
    """
    mixture, known = start, -np.inf
    for _ in range(max_iter):
        moments, log_likelihood = _expect(X, mixture)
        mixture = _maximise(moments, X.shape[0], floor, prior)
        if log_likelihood - known < tol:
            break
        known = log_likelihood
    return mixture, log_likelihood


def log_likelihoods(X: Vectors, mixture: Gaussians) -> NDArray[np.float64]:
    """Log-density of every vector, nats, (N,)."""
    found = np.empty(X.shape[1])
    for part, _, logits in quadratic_blocks(_form(mixture), X):
        peak = logits.max(axis=0)
        np.subtract(logits, peak, out=logits)
        found[part] = np.log(np.exp(logits, out=logits).sum(axis=0)) + peak
    return found


def from_labels(
    X: Vectors,
    labels: NDArray[np.integer],
    n_components: int,
    *,
    floor: float,
    prior: Prior | None = None,
) -> Gaussians:
    """The mixture of which every vector is known to belong to the component of its label."""
    moments = np.zeros((n_components, n_features(X.shape[0])))
    for begin in range(0, X.shape[1], BLOCK):
        part = labels[begin : begin + BLOCK]
        belongs = (part == np.arange(n_components)[:, None]).astype(np.float32)
        moments += belongs @ quadratic_features(X[:, begin : begin + BLOCK]).T
    return _maximise(moments, X.shape[0], floor, prior)


def split(mixture: Gaussians, n_more: int) -> Gaussians:
    """The ``n_more`` heaviest components (at most all) in two: one narrower, one wider, moved apart a little.

    Details of photos have heavy tails at every scale, so what a component lacks most is a companion of
    another width.
    """
    order = np.argsort(-mixture.weights, kind="stable")
    chosen, others = order[:n_more], order[n_more:]
    values, directions = np.linalg.eigh(mixture.covariances[chosen])
    apart = _APART * np.sqrt(values[:, -1:]) * directions[:, :, -1]
    halved, means, covariances = (
        mixture.weights[chosen] / 2,
        mixture.means[chosen],
        mixture.covariances[chosen],
    )
    return Gaussians(
        np.concatenate([mixture.weights[others], halved, halved]),
        np.concatenate([mixture.means[others], means - apart, means + apart]),
        np.concatenate([mixture.covariances[others], covariances * _NARROW, covariances * _WIDE]),
    )


def _form(mixture: Gaussians) -> NDArray[np.float32]:
    roots = np.asarray(np.linalg.cholesky(mixture.covariances), np.float64)
    return quadratic_form(mixture.weights, mixture.means, roots).astype(np.float32)


def _expect(X: Vectors, mixture: Gaussians) -> tuple[NDArray[np.float64], float]:
    """Sums of features weighted by responsibilities, (K, F), and the mean log-likelihood.

    Blocks are multiplied in float32 and added up in float64.
    """
    form = _form(mixture)
    moments, total = np.zeros(form.shape), 0.0
    for _, features, logits in quadratic_blocks(form, X):
        peak = logits.max(axis=0)
        np.subtract(logits, peak, out=logits)
        weights = np.exp(logits, out=logits)
        sums = weights.sum(axis=0)
        total += float((np.log(sums) + peak).sum(dtype=np.float64))
        weights /= sums
        moments += weights @ features.T
    return moments, total / X.shape[1]


def _maximise(
    moments: NDArray[np.float64], n_dimensions: int, floor: float, prior: Prior | None
) -> Gaussians:
    D = n_dimensions
    counts = moments[:, :1] + 1e-6
    means = moments[:, 1 : D + 1] / counts
    rows, columns = np.triu_indices(D)
    covariances = np.empty((len(moments), D, D))
    covariances[:, rows, columns] = moments[:, D + 1 :] / counts
    covariances[:, columns, rows] = covariances[:, rows, columns]
    covariances -= means[:, :, None] * means[:, None, :]
    if prior is not None:
        share = (counts / (counts + prior.n_vectors))[:, :, None]
        covariances = share * covariances + (1.0 - share) * prior.covariance
    covariances += floor * np.eye(D)
    return Gaussians(counts[:, 0] / counts.sum(), means, _at_least(covariances, floor))


def _at_least(covariances: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Covariances without a direction below the floor, where rounding has made one.

    Squares that cancel in float32 can leave less than nothing of a variance.
    """
    try:
        np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariances)
        raised = vectors * np.maximum(values, floor)[:, None, :]
        return np.asarray(raised @ np.swapaxes(vectors, 1, 2))
    return covariances
