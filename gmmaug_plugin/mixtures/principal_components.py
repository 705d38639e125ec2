"""Principal components of photos."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from gmmaug_plugin.mixtures.gaussians import Floats

_MOST_VALUES = 2**27
"""Pixels that are taken at a time: half a gigabyte."""
_MOST_ROWS = 6000
"""Order of the largest matrix whose eigenvectors are taken: some minutes on one core."""
_LEAST_SHARE = 1e-9
"""Directions with less than this share of the greatest variance are rounding."""
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Orthonormal directions of greatest variance, as scikit-learn's ``PCA`` finds them.

    Attributes:
        mean: Mean photo, floating (D,).
        rows: Principal images, strongest first, floating (q, D).
        variances: Variance along each, float64 (q,).
        left_out: Mean variance of the other directions.
    """

    mean: NDArray[np.floating]
    rows: NDArray[np.floating]
    variances: Floats
    left_out: float

    def codes(self, photos: NDArray[np.uint8]) -> Floats:
        """Coordinates of photos (n, S, S) along the rows, float64 (n, q)."""
        return np.concatenate([centred @ self.rows.T for centred in self._centred(photos)]).astype(np.float64)

    def residual(self, photos: NDArray[np.uint8]) -> float:
        """Mean square of what the rows miss of photos, by direction left out, gray levels squared."""
        missing: float = 0.0
        for centred in self._centred(photos):
            codes = centred @ self.rows.T
            missing += float(np.square(centred, dtype=np.float64).sum())
            missing -= float(np.square(codes, dtype=np.float64).sum())
        q, D = self.rows.shape
        return missing / float(len(photos) * max(D - q, 1))

    def _centred(self, photos: NDArray[np.uint8]) -> Iterator[NDArray[np.floating]]:
        for begin in range(0, len(photos), _CHUNK):
            chunk = photos[begin : begin + _CHUNK]
            yield chunk.reshape(len(chunk), -1).astype(self.rows.dtype) - self.mean


def principal_components(
    photos: NDArray[np.uint8], variance: float, dtype: type[np.floating] = np.float32
) -> PrincipalComponents:
    """Find principal components: with fewer photos than pixels through their inner products.

    That takes a seventh of the time of scikit-learn's singular value decomposition or less (M. Turk and
    A. Pentland, *J. Cognitive Neuroscience* 3, 1991, p. 74).

    Args:
        photos: Uint8 (n, S, S).
        variance: Share of the variance to keep, below 1, or number of rows; as many as have any variance.
        dtype: Of the products.
    """
    flat = photos.reshape(len(photos), -1).astype(dtype)
    n, D = flat.shape
    mean = flat.mean(axis=0, dtype=np.float64).astype(dtype)
    flat -= mean
    if n > D:
        from sklearn.decomposition import PCA

        pca = PCA(svd_solver="covariance_eigh").fit(flat)
        every, directions = pca.explained_variance_.astype(np.float64), pca.components_
    else:
        eigenvalues, vectors = eigh((flat @ flat.T).astype(np.float64), overwrite_a=True)
        every = np.maximum(eigenvalues[::-1], 0.0) / max(n - 1, 1)
    rank = int((every > _LEAST_SHARE * every[0]).sum())
    q = min(int(variance), rank)
    if variance < 1 and rank:
        q = min(int(np.searchsorted(np.cumsum(every / every.sum()), variance, side="right")) + 1, rank)
    if n > D:
        rows = directions[:q]
    else:
        lengths = np.sqrt(every[:q] * max(n - 1, 1))
        rows = (vectors[:, ::-1][:, :q] / lengths).T.astype(dtype) @ flat
    # Of a direction's two signs scikit-learn takes the one that makes its greatest pixel positive.
    rows = rows * np.sign(np.take_along_axis(rows, np.abs(rows).argmax(axis=1, keepdims=True), axis=1))
    return PrincipalComponents(mean, rows, every[:q], float(every[q:].mean()) if q < len(every) else 0.0)


def cross_fitted_residual(
    photos: NDArray[np.uint8], n_rows: int, mirror: bool, rng: np.random.Generator
) -> float:
    """What principal components of one half of the photos miss of the other half; see ``residual``.

    Args:
        photos: Uint8 (n, S, S), at least 2.
        n_rows: How many principal components are kept.
        mirror: Fit mirrored copies too.
        rng: Chooses the halves.
    """
    order = rng.permutation(len(photos))
    halves = photos[order[: len(photos) // 2]], photos[order[len(photos) // 2 :]]
    found = [
        principal_components(with_mirrored(fitted) if mirror else fitted, n_rows).residual(held_out)
        for fitted, held_out in (halves, halves[::-1])
    ]
    return float(np.mean(found))


def with_mirrored(photos: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Photos (n, S, S) and their mirrored copies, (2n, S, S)."""
    return np.concatenate([photos, photos[:, :, ::-1]])


def most_photos(image_size: int, copies: int) -> int:
    """How many photos of a size, each with so many copies, principal components are fitted on at most."""
    by_memory = _MOST_VALUES // image_size**2
    return (by_memory if image_size**2 <= _MOST_ROWS else min(by_memory, _MOST_ROWS)) // copies
