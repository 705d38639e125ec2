"""Near-duplicates: photos that are one photo saved again, resized, brightened, mirrored or turned.

A perceptual hash in the manner of pHash (C. Zauner, *Implementation and Benchmarking of Perceptual Image
Hash Functions*, 2010): of the image at 32 x 32 the signs of its lowest 8 x 8 cosine coefficients, without
the mean, 63 bits. Mirroring an image changes the signs of its odd coefficients and turning it transposes
them besides, so one transform gives the hashes of all eight symmetries.

Two photos are near-duplicates if their hashes differ in at most 8 bits, in the symmetry that suits best.
The project's own measurement on 3,458 photos of five flowers at 128 x 128, every tenth of them altered: all
346 are recognised after JPEG at quality 50 (upright, mirrored or turned), after resizing by 0.5 to 0.9 and
after changes of brightness and contrast. Of all 5,977,153 pairs 33 match: 28 show the same picture (a photo
saved twice, an edit, or the next shot), 5 do not.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gmmaug_plugin.resizing import resize_images

MAX_DIFFERENT_BITS = 8
N_BITS = 63

_HASHED_SIZE = 32
_FREQUENCIES = 8
_LEAST_COEFFICIENT = 2.0
"""Of 255 grey levels at 32 x 32: below it a coefficient is rounding, and its sign says nothing."""

_ROWS_AT_ONCE = 512


def near_duplicates(images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number photos so that near-duplicates, and near-duplicates of those, have one number.

    Args:
        images: uint8 (n, height, width).

    Returns:
        int32 (n,), numbers of groups, 0..n_groups-1.

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> photos = make_flowers(3, image_size=64, n_classes=1, random_state=1)[0]
        >>> near_duplicates(np.concatenate([photos, photos[:, :, ::-1]])).tolist()
        [0, 1, 2, 0, 1, 2]
    """
    hashes = perceptual_hashes(images)
    upright = np.ascontiguousarray(hashes[:, 0])
    pairs: list[NDArray[np.intp]] = [np.empty((2, 0), np.intp)]
    for begin in range(0, len(hashes), _ROWS_AT_ONCE):
        rows = upright[begin : begin + _ROWS_AT_ONCE]
        greatest = np.full((len(rows), len(hashes)), -np.inf, np.float32)
        for symmetry in range(hashes.shape[1]):
            np.maximum(greatest, rows @ hashes[:, symmetry].T, out=greatest)
        first, second = np.nonzero(greatest >= N_BITS - 2 * MAX_DIFFERENT_BITS)
        pairs.append(np.stack([first + begin, second]))
    first, second = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(hashes), len(hashes)))
    groups: NDArray[np.int32] = connected_components(links.tocsr(), directed=False)[1].astype(np.int32)
    return groups


def perceptual_hashes(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Hash images in all eight symmetries.

    Args:
        images: uint8 (n, height, width).

    Returns:
        float32 (n, 8, 63), bits as -1 and 1; two hashes differ in (63 - their inner product) / 2 bits. The
        upright image comes first.
    """
    hashes = np.empty((len(images), 8, N_BITS), np.float32)
    alternating = (-1.0) ** np.arange(_FREQUENCIES, dtype=np.float32)
    for begin in range(0, len(images), _ROWS_AT_ONCE):
        rows = slice(begin, begin + _ROWS_AT_ONCE)
        small = resize_images(images[rows], _HASHED_SIZE).astype(np.float32)
        lowest = dctn(small, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES]
        for symmetry in range(8):
            transposed, upside_down, mirrored = symmetry & 4, symmetry & 2, symmetry & 1
            coefficients = lowest.swapaxes(1, 2) if transposed else lowest
            if upside_down:
                coefficients = coefficients * alternating[:, np.newaxis]
            if mirrored:
                coefficients = coefficients * alternating
            bits = np.where(coefficients > _LEAST_COEFFICIENT, np.float32(1), np.float32(-1))
            hashes[rows, symmetry] = bits.reshape(-1, _FREQUENCIES**2)[:, 1:]
    return hashes
