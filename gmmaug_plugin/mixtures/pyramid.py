"""Images at half and at twice the side."""

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


def _doubled_rows(image: Floats) -> Floats:
    before = np.concatenate([image[..., :1, :], image[..., :-1, :]], axis=-2)
    after = np.concatenate([image[..., 1:, :], image[..., -1:, :]], axis=-2)
    near = image * np.float32(0.75)
    both: Floats = np.stack([near + before * np.float32(0.25), near + after * np.float32(0.25)], axis=-2)
    rows: Floats = both.reshape(*image.shape[:-2], -1, image.shape[-1])
    return rows
