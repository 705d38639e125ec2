"""Images at half and at twice the side, and the bands of detail between them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def halved(images: Floats) -> Floats:
    """Images (..., side, side) at half the side: means of 2 x 2 pixels."""
    rows = images[..., 0::2, :] + images[..., 1::2, :]
    return (rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25)


def pyramid(images: Floats, least: int) -> list[Floats]:
    """Images at sides ``least``, twice that, ..., their own side."""
    levels = [images]
    while levels[0].shape[-1] > least:
        levels.insert(0, halved(levels[0]))
    return levels


def doubled(image: Floats) -> Floats:
    """An image (..., side, side) at twice the side, interpolated linearly."""
    return np.ascontiguousarray(_doubled_rows(_doubled_rows(image).swapaxes(-1, -2)).swapaxes(-1, -2))


def with_detail(images: Floats, least: int, gains: Sequence[float]) -> Floats:
    """Scale bands of detail. A band is an image minus the same image halved and doubled.

    Args:
        images: float32 (..., side, side).
        least: The smallest side; the image at this side stays unchanged.
        gains: Factors for the bands of sides 2 ``least``, 4 ``least``, ...; the last applies to larger sides.

    Returns:
        float32 (..., side, side).
    """
    levels = pyramid(images, least)
    scaled = levels[0]
    for band, (coarse, fine) in enumerate(pairwise(levels)):
        gain = np.float32(gains[min(band, len(gains) - 1)])
        scaled = doubled(scaled) + gain * (fine - doubled(coarse))
    return scaled


def _doubled_rows(image: Floats) -> Floats:
    before = np.concatenate([image[..., :1, :], image[..., :-1, :]], axis=-2)
    after = np.concatenate([image[..., 1:, :], image[..., -1:, :]], axis=-2)
    near = image * np.float32(0.75)
    both: Floats = np.stack([near + before * np.float32(0.25), near + after * np.float32(0.25)], axis=-2)
    rows: Floats = both.reshape(*image.shape[:-2], -1, image.shape[-1])
    return rows
