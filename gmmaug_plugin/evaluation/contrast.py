"""Contrast: fog and blur show as images with less of it than photos, and with more flat areas."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.measures import Measure, as_gray

TILE = 8
"""Height and width of a tile in pixels."""

FLAT = 3.0
"""Gray levels: a tile with a smaller standard deviation is flat."""

SLACK = 0.1
"""Contrast is good within a tenth of the photos' figure."""

SLACK_FLAT = 3.0
"""The share of flat tiles is good within 3 percentage points of the photos'."""

_SOURCE = "Standard deviations; the project's own thresholds"


class Contrast(NamedTuple):
    """Contrast of a set of images.

    Attributes:
        whole: Mean standard deviation of an image, in gray levels.
        tile: Mean standard deviation within tiles of 8 x 8 pixels, in gray levels.
        flat: Share of tiles, 0..1, with a standard deviation below 3 gray levels.
    """

    whole: float
    tile: float
    flat: float


def contrast(images: NDArray[np.uint8]) -> Contrast:
    """Measure the contrast of images.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3), n at least 1; luma is measured. Rows and columns beyond the
            last whole tile are left out of the tiles.

    Example:
        >>> checks = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.full((2, 2), 100)).astype(np.uint8)
        >>> contrast(checks[None])
        Contrast(whole=50.0, tile=50.0, flat=0.0)
    """
    gray = as_gray("images", images)
    tile = min(TILE, *gray.shape[1:])
    rows, columns = gray.shape[1] // tile, gray.shape[2] // tile
    deviations = np.empty((len(gray), rows, columns), np.float32)
    whole = np.empty(len(gray), np.float32)
    for place, image in enumerate(gray.astype(np.float32)):
        whole[place] = image.std()
        tiles = image[: rows * tile, : columns * tile].reshape(rows, tile, columns, tile)
        deviations[place] = tiles.std(axis=(1, 3))
    return Contrast(float(whole.mean()), float(deviations.mean()), float((deviations < FLAT).mean()))


def measure_contrast(images: NDArray[np.uint8], photos: NDArray[np.uint8]) -> list[Measure]:
    """Compare the contrast of images with that of photos.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3).
        photos: The same of m real photos.

    Returns:
        The measures ``contrast``, ``tile_contrast`` and ``flat_tiles``.
    """
    ours, real = contrast(images), contrast(photos)
    parts = (
        ("contrast", "Contrast of the whole images", "of an image", ours.whole, real.whole),
        (
            "tile_contrast",
            "Contrast within tiles of 8 x 8 pixels",
            "within small areas",
            ours.tile,
            real.tile,
        ),
    )
    measures = []
    for name, title, where, value, photos_value in parts:
        good = abs(value - photos_value) <= SLACK * photos_value
        kind = "as the photos" if good else "foggy or blurred" if value < photos_value else "harsh or noisy"
        verdict = (
            f"Contrast {where} is {value:.1f} gray levels, of the photos {photos_value:.1f}: "
            f"the images are {kind}."
        )
        measures.append(Measure(name, title, value, photos_value, "gray levels", good, verdict, _SOURCE))
    value, photos_value = 100 * ours.flat, 100 * real.flat
    good = abs(value - photos_value) <= SLACK_FLAT
    verdict = f"{value:.0f} % of small areas are flat, of the photos {photos_value:.0f} %."
    return [
        *measures,
        Measure("flat_tiles", "Flat tiles", value, photos_value, "%", good, verdict, _SOURCE),
    ]
