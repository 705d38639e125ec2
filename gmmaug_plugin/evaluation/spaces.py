"""The spaces in which images are compared: what two images must share to be near each other.

One space alone is fooled. A copy that is brighter than its photo lies far from it in raw pixels, and a photo
under a veil of low-frequency noise lies far from it in everything but the high-pass image. The project's own
measurement on 507 daisies at 128 x 128: photos varied within a PCA mixture at strength 0.7 pass as new in
raw pixels, while 91% of them are told as copies in the high-pass image.

===========  ===================================================  ==========================================
space        an image becomes                                     finds a photo again
===========  ===================================================  ==========================================
raw          its grey levels                                      with noise, blurred
contrast     its grey levels with mean 0 and norm 1               with noise, blurred, brighter or duller
high_pass    what a Gaussian blur of sigma image_size/32 takes    with noise, brighter or duller, under fog or
             from it (4 at 128 pixels), with mean 0 and norm 1    uneven light, blurred no more than that
===========  ===================================================  ==========================================

Two images are sqrt(2 - 2 r) apart in "contrast", where r is their correlation. Raw grey levels are easily
fooled both ways: a dull image without any detail lies near every dull photo.

All three are equivariant under the eight symmetries of the square: a turned image becomes the turned point.
"""

from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from gmmaug_plugin.checks import one_of

Space = Literal["raw", "contrast", "high_pass"]
SPACES: tuple[Space, ...] = get_args(Space)

_LEAST_NORM = 0.5
"""Grey levels. One pixel that differs by one level makes a greater norm than this; rounding does not."""


def to_space(images: NDArray[np.uint8], space: Space) -> NDArray[np.float32]:
    """Turn images into points of a space.

    Args:
        images: uint8 (n, image_size, image_size), values 0..255.
        space: "raw", "contrast" or "high_pass"; the table in :mod:`gmmaug_plugin.evaluation.spaces` tells.

    Returns:
        float32 (n, image_size²). In "contrast" and "high_pass" every row has norm 1 and mean 0, but for
        images without any structure (of one grey level): their row is constant, which makes them as far from
        every other image as an uncorrelated one, sqrt(2).

    Raises:
        ValueError: If the space is unknown or the images are not square.
        TypeError: If the images are not uint8.

    Example:
        >>> to_space(np.array([[[0, 0], [8, 8]]], np.uint8), "contrast")
        array([[-0.5, -0.5,  0.5,  0.5]], dtype=float32)
    """
    one_of("space", space, SPACES)
    check_images("images", images)
    points = images.astype(np.float32)
    if space == "high_pass":
        points -= _blurred(_blurred(points))
    points = points.reshape(len(images), -1)
    return points if space == "raw" else _standardised(points)


def check_images(name: str, images: NDArray[np.uint8]) -> None:
    """Raise unless ``images`` is uint8 (n, image_size, image_size), no side zero.

    Raises:
        TypeError: The dtype is another.
        ValueError: The shape is another.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(f"{name} must be a uint8 array. Received: {getattr(images, 'dtype', type(images))}")
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.shape[1] == 0:
        raise ValueError(f"{name} must have the shape (n, size, size). Received: shape {images.shape}")


def _blurred(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur the rows of images and transpose them: done twice, they are blurred both ways and upright."""
    size = points.shape[1]
    rows = points.reshape(-1, size) @ _blur(size)  # one large product; one per image would be slower
    return rows.reshape(points.shape).swapaxes(1, 2)


@cache
def _blur(image_size: int) -> NDArray[np.float32]:
    """The Gaussian blur of a row of pixels as a symmetric matrix: far faster than the filter itself."""
    sigma = max(1.0, image_size / 32)  # below one pixel a blur takes next to nothing away
    return gaussian_filter1d(np.eye(image_size), sigma, axis=0).astype(np.float32)


def _standardised(points: NDArray[np.float32]) -> NDArray[np.float32]:
    points -= points.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.einsum("ij,ij->i", points, points))
    flat = norms < _LEAST_NORM
    points /= np.where(flat, 1, norms)[:, np.newaxis]
    points[flat] = points.shape[1] ** -0.5
    return points
