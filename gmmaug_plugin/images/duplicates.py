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

from gmmaug_plugin.images.near_hashes import Hashes, near_hashes
from gmmaug_plugin.resizing import resize_images

_HASHED_SIZE = 32
_FREQUENCIES = 8
_LEAST_COEFFICIENT = 2.0
"""Of 255 grey levels at 32 x 32: below it a coefficient is rounding, and its sign says nothing."""

_ROWS_AT_ONCE = 512


def near_duplicates(images: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number photos so that near-duplicates, and near-duplicates of those, have one number.

    No two photos that match are missed, however many there are. Time grows little more than linearly, memory
    by some 500 bytes per photo.

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
    return group_hashes(perceptual_hashes(images))


def group_hashes(hashes: Hashes) -> NDArray[np.int32]:
    """Number photos as :func:`near_duplicates` does, by hashes that are known already.

    Args:
        hashes: uint64 (n, 8), see :func:`perceptual_hashes`.

    Returns:
        int32 (n,), numbers of groups, 0..n_groups-1.
    """
    n = len(hashes)
    entries, own = np.unique(hashes, return_inverse=True)
    own = own.reshape(hashes.shape)
    asked = np.unique(own[:, 0])
    numbers = near_hashes(entries, asked)
    # Photos that merely share a hash are no pair: an upright one must have found it.
    found = np.bincount(numbers)[numbers] > 1 if n else np.zeros(0, np.bool_)
    found[asked] = True
    photos, symmetries = np.nonzero(found[own])
    links = photos, n + numbers[own[photos, symmetries]]
    n_nodes = n + len(entries)
    graph = coo_array((np.ones(len(photos), np.int8), links), shape=(n_nodes, n_nodes))
    groups: NDArray[np.int32] = connected_components(graph.tocsr(), directed=False)[1][:n].astype(np.int32)
    return groups


def perceptual_hashes(images: NDArray[np.uint8], rows: NDArray[np.intp] | None = None) -> Hashes:
    """Hash images in all eight symmetries.

    Args:
        images: uint8 (n, height, width). They are read a few hundred at a time.
        rows: Which of them, (m,); None takes all.

    Returns:
        uint64 (m, 8), of which 63 bits are used;
        :func:`~gmmaug_plugin.images.near_hashes.different_bits` compares them. The upright image comes first.
    """
    rows = np.arange(len(images)) if rows is None else rows
    hashes = np.empty((len(rows), 8), np.uint64)
    alternating = (-1.0) ** np.arange(_FREQUENCIES, dtype=np.float32)
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        small = resize_images(images[rows[part]], _HASHED_SIZE).astype(np.float32)
        lowest = dctn(small, axes=(1, 2), norm="ortho")[:, :_FREQUENCIES, :_FREQUENCIES]
        for symmetry in range(8):
            transposed, upside_down, mirrored = symmetry & 4, symmetry & 2, symmetry & 1
            coefficients = lowest.swapaxes(1, 2) if transposed else lowest
            if upside_down:
                coefficients = coefficients * alternating[:, np.newaxis]
            if mirrored:
                coefficients = coefficients * alternating
            bits = (coefficients > _LEAST_COEFFICIENT).reshape(-1, _FREQUENCIES**2)
            bits[:, 0] = False  # the mean
            hashes[part, symmetry] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes
