"""Near-duplicates: one photo saved again, resized, brightened, mirrored or turned.

The perceptual hash of an image follows pHash (C. Zauner, *Implementation and Benchmarking of Perceptual Image
Hash Functions*, 2010): the signs of its lowest 8 x 8 cosine coefficients at 32 x 32 pixels, without the mean,
63 bits. Mirroring an image changes the signs of its odd coefficients, and turning it also transposes them, so
one transform gives the hashes of all eight symmetries.

Two photos are near-duplicates if their hashes differ in at most 8 bits in any symmetry. All pairs are
compared as matrix products: with bits as +1 and -1, the product is 64 minus twice the number of different
bits.

The project measured this on 3,458 photos of five flowers at 128 x 128, every tenth of them altered. All 346
are recognized after JPEG at quality 50 (upright, mirrored or turned), after resizing by 0.5 to 0.9 and after
changes of brightness and contrast. Of all 5,977,153 pairs 34 match: 28 show the same picture (a photo saved
twice, an edit, or the next shot), 6 do not.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gmmaug_plugin.photos.pixels import to_grayscale
from gmmaug_plugin.resizing import resize_images

_LEAST_PRODUCT = 64 - 2 * 8  # of two hashes that differ in at most 8 bits
_HASHED_SIZE = 32
_FREQUENCIES = 8
_LEAST_COEFFICIENT = 2.0  # gray levels; the sign of a smaller coefficient is a rounding error
_AT_ONCE = 256


def near_duplicates(images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number photos so that near-duplicates, and their near-duplicates, have the same number.

    All pairs are compared: 3,500 photos take about a second, 20,000 a quarter of a minute.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3); color is compared by its luma.

    Returns:
        int32 (n,), numbers 0..n_groups-1 in the order in which the groups appear.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
        >>> near_duplicates(np.concatenate([photos, photos[:, :, ::-1]])).tolist()
        [0, 1, 2, 0, 1, 2]
    """
    hashes = np.empty((len(images), 8, 64), np.int8)
    for begin in range(0, len(images), _AT_ONCE):
        hashes[begin : begin + _AT_ONCE] = _hashes(images[begin : begin + _AT_ONCE])
    # Equal hashes are compared once: many blank photos would have very many pairs.
    signs, own = np.unique(hashes, axis=0, return_inverse=True)
    n = len(signs)
    turned = signs.reshape(8 * n, 64).astype(np.float32)
    groups: NDArray[Any] = np.arange(n)
    for begin in range(0, n, _AT_ONCE):
        upright = turned[8 * begin : 8 * (begin + _AT_ONCE) : 8]
        rows, columns = np.nonzero(upright @ turned.T >= _LEAST_PRODUCT)
        # Linked block by block, since all pairs of many similar photos would fill memory.
        ends = groups[begin + rows], groups[columns // 8]
        links = coo_array((np.ones(len(rows), np.int8), ends), shape=(n, n))
        groups = connected_components(links, directed=False)[1][groups]
    _, firsts, places = np.unique(groups[own.ravel()], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[places].astype(np.int32)


def _hashes(images: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Hash images in all eight symmetries: +1 and -1, (n, 8, 64). The upright image comes first."""
    small = resize_images(to_grayscale(images), _HASHED_SIZE).astype(np.float32)
    lowest = dctn(small, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES]
    alternating = (-1.0) ** np.arange(_FREQUENCIES, dtype=np.float32)
    hashes = np.empty((len(images), 8, _FREQUENCIES, _FREQUENCIES), np.int8)
    for symmetry in range(8):
        transposed, flipped, mirrored = symmetry & 4, symmetry & 2, symmetry & 1
        coefficients = lowest.swapaxes(1, 2) if transposed else lowest
        if flipped:
            coefficients = coefficients * alternating[:, np.newaxis]
        if mirrored:
            coefficients = coefficients * alternating
        hashes[:, symmetry] = np.where(coefficients > _LEAST_COEFFICIENT, 1, -1)
    hashes[:, :, 0, 0] = -1  # the mean
    return hashes.reshape(len(images), 8, 64)
