"""The nearest photo in any of the eight symmetries of a square, in three spaces.

One space alone is fooled. A copy that is brighter than its photo lies far from it in raw pixels, and a photo
under a veil of low-frequency noise lies far from it in everything except the high-pass image.

===========  ===================================================  ==========================================
space        an image becomes                                     finds a photo again
===========  ===================================================  ==========================================
raw          its gray levels                                      with noise, blurred
contrast     its gray levels with mean 0 and norm 1               with noise, blurred, brighter or duller
high_pass    its difference to a Gaussian blur of sigma size/32   with noise, brighter or duller, under fog or
             (4 at 128 pixels), with mean 0 and norm 1            uneven light, blurred no more than that
===========  ===================================================  ==========================================

Two images are sqrt(2 - 2 r) apart in "contrast", where r is their correlation. Raw gray levels are easily
fooled both ways: a dull image without any detail lies near every dull photo.
"""

from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.threads import limited_threads

Space = Literal["raw", "contrast", "high_pass"]
SPACES: tuple[Space, ...] = get_args(Space)
N_SYMMETRIES = 8

_LEAST_NORM = 0.5
"""Gray levels. One pixel that differs by one level makes a greater norm than this; rounding does not."""

_TOLERANCE = 1e-4
"""Of the squared norms: more than half precision and summation order change a product by."""

_MOST_CANDIDATES = 8
_IMAGES_AT_ONCE = 64
_PHOTOS_AT_ONCE = 256

Floats = NDArray[np.float32]


def turned(images: NDArray[np.generic], symmetry: int) -> NDArray[np.generic]:
    """Images (..., size, size) under one of the eight symmetries of the square, as a view.

    Args:
        images: Any dtype.
        symmetry: 0..7: half of it (rounded down) in quarter turns to the left, of the image itself where it
            is even and of its left-right mirror image where it is odd.

    Example:
        >>> turned(np.array([[1, 2], [3, 4]]), 3).tolist()
        [[1, 3], [2, 4]]
    """
    quarters, mirrored = divmod(symmetry, 2)
    return np.rot90(images[..., ::-1] if mirrored else images, quarters, axes=(-2, -1))


def to_space(images: NDArray[np.uint8], space: Space) -> Floats:
    """Turn images into points of a space.

    Args:
        images: uint8 (n, size, size), values 0..255.
        space: "raw", "contrast" or "high_pass".

    Returns:
        float32 (n, size, size). In "contrast" and "high_pass" every image has norm 1 and mean 0, except
        images of one gray level: they become constant, which makes them as far from every other image as an
        uncorrelated one, sqrt(2). A turned image becomes the turned point.

    Raises:
        ValueError: The space is unknown.

    Example:
        >>> to_space(np.array([[[0, 0], [8, 8]]], np.uint8), "contrast")
        array([[[-0.5, -0.5],
                [ 0.5,  0.5]]], dtype=float32)
    """
    one_of("space", space, SPACES)
    points = images.astype(np.float32)
    if space == "high_pass":
        blur = _blur(points.shape[-1])
        points -= blur @ points @ blur
    if space != "raw":
        flat_norms = _centre(points)[1]
        flat = flat_norms < _LEAST_NORM
        points /= np.where(flat, 1, flat_norms)[:, None, None]
        points[flat] = 1 / points.shape[-1]
    return points


@cache
def _blur(size: int) -> Floats:
    """The Gaussian blur of a row of pixels as a symmetric matrix: far faster than the filter itself."""
    sigma = max(1.0, size / 32)  # below one pixel a blur changes next to nothing
    return gaussian_filter1d(np.eye(size), sigma, axis=0).astype(np.float32)


def _centre(points: Floats) -> tuple[Floats, Floats]:
    """Subtract each image's mean in place; return means and norms, float32 (n,)."""
    means = points.mean(axis=(1, 2))
    points -= means[:, None, None]
    flat = points.reshape(len(points), -1)
    return means, np.sqrt(np.einsum("ij,ij->i", flat, flat))


class Found(NamedTuple):
    """The nearest photo of every image: int32 positions, int8 symmetries, float32 distances, each (n,)."""

    indices: NDArray[np.int32]
    symmetries: NDArray[np.int8]
    distances: Floats


class PhotoBank:
    """Photos ready to be compared with many images.

    Inner products of an image with all eight copies of a photo need not cost eight matrix products: split
    into even and odd halves, a mirrored photo is the same parts with other signs (J.-P. Serre, *Linear
    Representations of Finite Groups*, 1977, sections 2.6 and 2.7). The products only propose candidates;
    distances come from differences of pixels. So an image's result is bit for bit the same whatever other
    images it is compared together with.

    Memory: 4 bytes a pixel, 66 MB for 1,000 photos of 128 x 128. Any number of threads may use one bank.

    Args:
        photos: uint8 (m, size, size), m at least 1.

    Example:
        >>> photos = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
        >>> [found.tolist() for found in PhotoBank(photos).nearest(photos[:, ::-1, ::-1])["raw"]]
        [[0, 1], [4, 4], [0.0, 0.0]]
    """

    def __init__(self, photos: NDArray[np.uint8]) -> None:
        self.photos = photos
        half = (photos.shape[1] + 1) // 2
        self._parts = {kind: np.empty((4, len(photos), half * half), np.float16) for kind in ("gray", "fine")}
        self._means, self._norms = np.empty((2, len(photos)), np.float32)
        for begin in range(0, len(photos), _PHOTOS_AT_ONCE):
            rows = slice(begin, begin + _PHOTOS_AT_ONCE)
            gray = photos[rows].astype(np.float32)
            self._means[rows], self._norms[rows] = _centre(gray)
            self._parts["gray"][:, rows] = _fold(gray)
            self._parts["fine"][:, rows] = _fold(to_space(photos[rows], "high_pass"))

    def nearest(
        self,
        images: NDArray[np.uint8],
        spaces: Sequence[Space] = SPACES,
        *,
        leave_out: NDArray[np.bool_] | None = None,
    ) -> dict[Space, Found]:
        """Find every image's nearest photo, in any of the eight symmetries.

        Args:
            images: uint8 (n, size, size).
            spaces: Where distances are measured.
            leave_out: bool (n, m), photos that an image is not compared with; one at least must be left.

        Returns:
            By space: positions of photos, how each is turned (see :func:`turned`), and Euclidean distances,
            0 for exact copies.
        """
        n = len(images)
        found = {
            one: Found(np.zeros(n, np.int32), np.zeros(n, np.int8), np.zeros(n, np.float32)) for one in spaces
        }
        with limited_threads():
            for begin in range(0, n, _IMAGES_AT_ONCE):
                rows = slice(begin, begin + _IMAGES_AT_ONCE)
                block = {
                    space: Found(one.indices[rows], one.symmetries[rows], one.distances[rows])
                    for space, one in found.items()
                }
                self._nearest_of_block(images[rows], block, None if leave_out is None else leave_out[rows])
        return found

    def _nearest_of_block(
        self,
        images: NDArray[np.uint8],
        found: dict[Space, Found],
        leave_out: NDArray[np.bool_] | None,
    ) -> None:
        """Fill in the result of a few images."""
        for space, (squares, slack) in self._estimates(images, list(found)).items():
            if leave_out is not None:
                squares[leave_out] = np.inf
            near = squares <= squares.min(axis=1, keepdims=True) + slack
            one = found[space]
            for row, image in enumerate(images):
                candidates = np.flatnonzero(near[row])
                if len(candidates) > _MOST_CANDIDATES:
                    closest = np.argsort(squares[row, candidates], kind="stable")
                    candidates = np.sort(candidates[closest[:_MOST_CANDIDATES]])
                one.indices[row], one.symmetries[row], one.distances[row] = self._measured(
                    image, candidates, space
                )

    def _estimates(
        self, images: NDArray[np.uint8], spaces: Sequence[Space]
    ) -> dict[Space, tuple[Floats, Floats]]:
        """Squared distances (n, m) and their uncertainty (n, 1), from products at half precision."""
        estimates: dict[Space, tuple[Floats, Floats]] = {}
        slack = np.full((len(images), 1), 2 * _TOLERANCE, np.float32)
        if "raw" in spaces or "contrast" in spaces:
            gray = images.astype(np.float32)
            means, norms = _centre(gray)
            means, norms = means[:, None], norms[:, None]
            products = self._greatest_products(gray, "gray")
            if "raw" in spaces:
                levels = gray[0].size * (means - self._means) ** 2
                squares = norms**2 + self._norms**2 + levels - 2 * products
                largest = norms**2 + self._norms.max() ** 2
                estimates["raw"] = (
                    np.asarray(squares, np.float32),
                    np.asarray(_TOLERANCE * largest, np.float32),
                )
            if "contrast" in spaces:
                flat, flat_photos = norms < _LEAST_NORM, self._norms < _LEAST_NORM
                either = flat | flat_photos
                cosines = products / np.where(either, 1, norms * self._norms)
                cosines = np.where(either, flat & flat_photos, cosines).astype(np.float32)
                estimates["contrast"] = np.asarray(2 - 2 * cosines, np.float32), slack
        if "high_pass" in spaces:
            fine = to_space(images, "high_pass")
            estimates["high_pass"] = 2 - 2 * self._greatest_products(fine, "fine"), slack
        return estimates

    def _greatest_products(self, points: Floats, kind: str) -> Floats:
        """The greatest inner product over the eight symmetries, (n, m).

        With both axes mirrored or neither, the even and the odd parts agree in sign, and so do the two mixed
        ones; with one axis mirrored, they differ. The other four symmetries transpose the image first.
        """
        upright, transposed = _fold(points), _fold(points.swapaxes(1, 2))
        both = np.concatenate([upright, transposed], axis=1)
        greatest = np.empty((len(points), len(self.photos)), np.float32)
        for begin in range(0, len(self.photos), _PHOTOS_AT_ONCE):
            columns = slice(begin, begin + _PHOTOS_AT_ONCE)
            even, odd, first, second = (
                mine @ photos.astype(np.float32).T
                for mine, photos in zip(both, self._parts[kind][:, columns], strict=True)
            )
            products = np.maximum(even + odd + np.abs(first + second), even - odd + np.abs(first - second))
            greatest[:, columns] = np.maximum(products[: len(points)], products[len(points) :])
        return greatest

    def _measured(
        self, image: NDArray[np.uint8], candidates: NDArray[np.intp], space: Space
    ) -> tuple[int, int, float]:
        """The nearest of some photos by differences of pixels: position, symmetry, distance."""
        point = to_space(image[None], space)[0]
        photos = to_space(self.photos[candidates], space)
        squares = np.empty((len(candidates), N_SYMMETRIES), np.float32)
        for symmetry in range(N_SYMMETRIES):
            difference = (turned(photos, symmetry) - point).reshape(len(candidates), -1)
            squares[:, symmetry] = np.einsum("ij,ij->i", difference, difference)
        row, symmetry = divmod(int(squares.argmin()), N_SYMMETRIES)
        return int(candidates[row]), symmetry, float(np.sqrt(squares[row, symmetry]))


def _fold(points: Floats) -> Floats:
    """Even, odd and the two mixed parts of images (n, size, size) under mirroring: (4, n, h²).

    The parts keep inner products: the products of the parts add up to the product of the images.
    """
    points = _even_sided(points)
    half = points.shape[1] // 2
    left, right = points[:, :, :half], points[:, :, : half - 1 : -1]
    parts = []
    for columns in (left + right, left - right):
        top, bottom = columns[:, :half], columns[:, : half - 1 : -1]
        parts += [top + bottom, top - bottom]
    even, odd_rows, odd_columns, odd = parts
    folded = np.stack([even, odd, odd_columns, odd_rows])
    return (np.float32(0.5) * folded).reshape(4, len(points), -1)


def _even_sided(points: Floats) -> Floats:
    """Halve the middle row and column of odd sizes into two: distances and symmetries stay as they are."""
    for axis in (1, 2):
        size = points.shape[axis]
        if size % 2:
            points = np.repeat(points, np.where(np.arange(size) == size // 2, 2, 1), axis=axis)
            middle = [slice(None)] * 3
            middle[axis] = slice(size // 2, size // 2 + 2)
            points[tuple(middle)] *= np.float32(0.5**0.5)
    return points
