"""The mixture over the coarsest images of a class."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.multiscale.details import FLOOR
from gmmaug_plugin.fitting.multiscale.gaussians import Gaussians, Prior, climb, from_labels
from gmmaug_plugin.fitting.starts import k_means_labels
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.symmetry import symmetric_copies

PHOTOS_PER_COMPONENT = 25
MOST_COMPONENTS = 20
"""The likelihood hardly depends on their number: the base is 64 numbers of thousands."""

_PRIOR_COPIES = 100.0
"""How many copies of photos the covariance of all photos counts as, beside those of a component."""

_ITERATIONS = 15


def base_codes(coarsest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bases of photos, (64, 8 n): their coarsest images in all eight positions, from images (n, 16, 16)."""
    bases = split(symmetric_copies(coarsest, "d4"))[0]
    return np.ascontiguousarray(bases.reshape(len(bases), -1).T)


def n_base_components(n_photos: int) -> int:
    """Number of components for the bases of a class of so many photos.

    Example:
        >>> n_base_components(10), n_base_components(593)
        (1, 20)
    """
    return min(MOST_COMPONENTS, max(1, n_photos // PHOTOS_PER_COMPONENT))


def within_class_covariance(codes: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Covariance (64, 64) of bases (64, n) about the mean of their class."""
    away = codes.astype(np.float64)
    for label in np.unique(labels):
        away[:, labels == label] -= away[:, labels == label].mean(axis=1, keepdims=True)
    return np.asarray(away @ away.T / away.shape[1])


def fit_base(codes: NDArray[np.float32], spread: NDArray[np.float64], *, random_state: int) -> Mixture:
    """Fit the bases of one class.

    Args:
        codes: Bases (64, 8 n).
        spread: Covariance that those of components are drawn to, (64, 64).
        random_state: Seed of k-means.

    Returns:
        A mixture of full covariances, its factors in the precision of the artifact.
    """
    K = n_base_components(codes.shape[1] // 8)
    # About their mean, since squares of grey levels would cost float32 the differences that matter.
    centre = codes.mean(axis=1, keepdims=True)
    X = codes - centre
    prior = Prior(spread, _PRIOR_COPIES)
    labels = k_means_labels(X.T, K, random_state, max_iter=30)
    start = from_labels(X, labels, K, floor=FLOOR, prior=prior)
    fitted, _ = climb(X, start, floor=FLOOR, max_iter=_ITERATIONS, tol=1e-3, prior=prior)
    return _full_mixture(fitted, centre[:, 0].astype(np.float64))


def _full_mixture(fitted: Gaussians, centre: NDArray[np.float64]) -> Mixture:
    K, q = fitted.means.shape
    values, vectors = np.linalg.eigh(fitted.covariances)
    lengths = np.sqrt(np.maximum(values - FLOOR, 0.0))
    factors = lengths[:, :, None] * np.swapaxes(vectors, 1, 2)
    each = np.arange(K, dtype=np.int32)
    return Mixture(
        weights=fitted.weights,
        means=(fitted.means + centre).astype(np.float32),
        variances=np.full((K, q), FLOOR, np.float32),
        factors=factors.reshape(K * q, q).astype(np.float16).astype(np.float32),
        factor_offsets=(q * np.arange(K + 1)).astype(np.int32),
        groups=each,
        classes=np.zeros(K, np.int32),
    )
