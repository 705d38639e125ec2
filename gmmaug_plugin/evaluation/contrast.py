"""Contrast: images with fog or blur have less of it than photos, and more flat areas."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.measure import Measure
from gmmaug_plugin.photos import to_grayscale

TILE = 8  # height and width of a tile in pixels
FLAT = 3.0  # gray levels: a tile with a smaller standard deviation is flat
SLACK = 0.1  # contrast is good within a tenth of the photos' figure
SLACK_FLAT = 3.0  # the share of flat tiles is good within 3 percentage points of the photos'

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
        images: uint8 (n, h, w) or (n, h, w, 3), n at least 1, sides at least 8; luma is measured. Rows and
            columns beyond the last whole tile do not count for tiles.

    Example:
        >>> checks = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.full((2, 2), 100)).astype(np.uint8)
        >>> contrast(checks[None])
        Contrast(whole=50.0, tile=50.0, flat=0.0)
    """
    whole, tiles = [], []
    for image in to_grayscale(images).astype(np.float32):
        rows, columns = (side // TILE for side in image.shape)
        whole.append(image.std())
        tiled = image[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
        tiles.append(tiled.std(axis=(1, 3)))
    return Contrast(float(np.mean(whole)), float(np.mean(tiles)), float((np.array(tiles) < FLAT).mean()))


def measure_contrast(images: NDArray[np.uint8], photos: NDArray[np.uint8]) -> list[Measure]:
    """Compare the contrast of images with that of photos.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3).
        photos: Real photos, uint8 (m, h, w) or (m, h, w, 3).

    Returns:
        The measures ``contrast``, ``tile_contrast`` and ``flat_tiles``.
    """
    ours, real = contrast(images), contrast(photos)
    flat, real_flat = 100 * ours.flat, 100 * real.flat
    verdict = f"{flat:.0f} % of small areas are flat in the images, {real_flat:.0f} % in the photos."
    good = abs(flat - real_flat) <= SLACK_FLAT
    return [
        _as_measure("contrast", "Contrast of whole images", ours.whole, real.whole),
        _as_measure("tile_contrast", "Contrast within tiles of 8 x 8 pixels", ours.tile, real.tile),
        Measure("flat_tiles", "Flat tiles", flat, real_flat, "%", good, verdict, _SOURCE),
    ]


def _as_measure(name: str, title: str, value: float, real: float) -> Measure:
    good = abs(value - real) <= SLACK * real
    kind = "like the photos" if good else "foggy or blurred" if value < real else "harsh or noisy"
    verdict = f"{title}: {value:.1f} gray levels, in photos {real:.1f}. The images are {kind}."
    return Measure(name, title, value, real, "gray levels", good, verdict, _SOURCE)
