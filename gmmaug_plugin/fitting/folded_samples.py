"""Folded photos as rows whose second moments are a part's covariance."""

import math

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.symmetry import PART_COPIES, PIXELS_PER_VALUE, Symmetry


def part_samples(part: NDArray[np.float32], symmetry: Symmetry) -> NDArray[np.float32]:
    """Rows whose second moments are the covariance of a part over all symmetric copies.

    Args:
        part: Of :func:`~gmmaug_plugin.models.symmetry.fold`, (n, copies, h', w').
        symmetry: The symmetry.

    Returns:
        (m, h' x w'), ``samples_per_photo`` rows for each photo.
    """
    n, copies, height, width = part.shape
    samples = part.reshape(n * copies, height, width)
    if symmetry == "d4" and copies == 1:
        samples = np.concatenate([samples, np.swapaxes(samples, -1, -2)])
    return samples.reshape(len(samples), height * width)


def samples_per_photo(symmetry: Symmetry) -> int:
    """Rows that :func:`part_samples` makes of a photo, of every part as many."""
    return 2 if symmetry == "d4" else 1


def image_energy(symmetry: Symmetry, part: int) -> float:
    """Squared norm of an image for every unit of squared norm of its samples of a part."""
    return PART_COPIES[symmetry][part] * PIXELS_PER_VALUE[symmetry] / samples_per_photo(symmetry)


def with_fixed_signs(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Principal images (q, h', w'), each turned so that its greatest value is positive.

    An eigenvector's sign is arbitrary: fixed, the same photos give the same bytes.
    """
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))  # there may be none
    peaks = np.take_along_axis(flat, np.abs(flat).argmax(axis=1, keepdims=True), axis=1)
    return np.asarray(rows * np.where(peaks < 0, np.float32(-1), np.float32(1))[:, :, None])
