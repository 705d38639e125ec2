"""A caller's image layout (rank, channels, dtype, value range, size), and pool images converted to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gmmaug_plugin.pool import Pool
from gmmaug_plugin.resizing import resize_images

_RANGE_SLACK = 1e-4
"""How far float images may leave their range: resizing and normalising overshoot by rounding."""


@dataclass(frozen=True)
class ImageLayout:
    """What a caller's images look like, so that a pool's can be made alike.

    Attributes:
        size: Height and width in pixels.
        channels: None for images (h, w), else the length of the last axis.
        dtype: uint8 or a float type.
        value_range: The value of white: 255.0, or 1.0.

    Example:
        >>> layout = ImageLayout.of(np.zeros((5, 32, 32, 3), np.float32))
        >>> layout.size, layout.channels, layout.value_range
        ((32, 32), 3, 1.0)
    """

    size: tuple[int, int]
    channels: int | None
    dtype: np.dtype[Any]
    value_range: float

    @classmethod
    def of(cls, images: ArrayLike, *, value_range: float | None = None) -> "ImageLayout":
        """Read the layout off a stack of images (n, h, w) or (n, h, w, channels).

        Args:
            images: uint8 in 0..255, or float in 0..``value_range``.
            value_range: The white of float images: 1.0 (the default) or 255.0.

        Raises:
            TypeError: The dtype is neither uint8 nor float.
            ValueError: Rank, channels or values are not as described.
        """
        array = np.asarray(images)
        if array.ndim not in (3, 4) or 0 in array.shape[1:]:
            raise ValueError(
                f"Images must be a stack (n, h, w) or (n, h, w, channels). Received: shape {array.shape}"
            )
        if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 16:
            raise ValueError(
                f"Channels must be the last axis: (n, h, w, channels). Received: shape {array.shape}"
            )
        white = check_values(array, value_range)
        channels = array.shape[3] if array.ndim == 4 else None
        return cls((array.shape[1], array.shape[2]), channels, array.dtype, white)

    def encode(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Bring pixels, uint8 of any shape, to the dtype and value range."""
        if self.dtype == np.uint8:
            return images
        factor = np.float32(self.value_range / 255.0)
        return np.multiply(images, factor, dtype=np.float32).astype(self.dtype, copy=False)


def pool_images(pool: Pool, size: tuple[int, int], channels: int | None) -> NDArray[np.uint8]:
    """A pool's images in the size and channels of a caller's; see :func:`reshape_images`.

    Adapters mirror an image after this, so that all of them give the same bytes.
    """
    return reshape_images(pool.images, size, channels)


def reshape_images(
    images: NDArray[np.uint8], size: tuple[int, int], channels: int | None
) -> NDArray[np.uint8]:
    """Bring images of a pool to another size and number of channels.

    Args:
        images: uint8 (n, h', w') in grayscale or (n, h', w', 3) in color.
        size: Height and width in pixels.
        channels: None for no channel axis. Gray is repeated into any number of channels. Color becomes
            brightness (ITU-R BT.601, as Pillow's "L") for None and 1, and stays color for 3.

    Returns:
        uint8 (n, h, w) or (n, h, w, channels); ``images`` themselves where they are so already.

    Raises:
        ValueError: The images are in color and ``channels`` is none of None, 1 and 3.

    Example:
        >>> reshape_images(np.zeros((5, 16, 16), np.uint8), (8, 10), 3).shape
        (5, 8, 10, 3)
    """
    if images.ndim == 4 and channels == 3:
        return resize_images(images, size)
    if images.ndim == 4:
        if channels not in (None, 1):
            raise ValueError(
                "Images of a pool in color can stand beside images (h, w), (h, w, 1) or (h, w, 3) only. "
                f"Received: {channels} channels"
            )
        images = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    resized = resize_images(images, size)
    return resized if channels is None else np.repeat(resized[..., None], channels, axis=-1)


def guess_white(images: NDArray[Any]) -> float:
    """Guess from the values whether white is 255.0 or 1.0.

    Floats with any value above 2 are taken for 0..255: resizing overshoots 1.0 but never doubles it. Values
    between 1 and 2 are for :func:`check_values` to refuse.

    Example:
        >>> guess_white(np.array([0.0, 200.0]))
        255.0
    """
    if images.dtype == np.uint8:
        return 255.0
    return 255.0 if images.size and images.max() > 2.0 else 1.0


def check_values(array: NDArray[Any], value_range: float | None) -> float:
    """Return the white of an array of pixels after checking dtype and values.

    Raises:
        TypeError: The dtype is neither uint8 nor float.
        ValueError: Floats are not finite or not in 0..``value_range`` (1.0 if None).
    """
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"Images must be uint8 or float. Received: dtype {array.dtype}")
    if value_range not in (None, 1.0, 255.0):
        raise ValueError(f"value_range must be 1.0, 255.0 or None. Received: {value_range!r}")
    if array.dtype == np.uint8:
        return 255.0
    white = 1.0 if value_range is None else float(value_range)
    if array.size == 0:
        return white
    low, high = float(array.min()), float(array.max())
    if not (-_RANGE_SLACK * white <= low and high <= white * (1 + _RANGE_SLACK)):
        hint = "" if value_range is not None else " (pass value_range=255.0 for floats in 0..255)"
        raise ValueError(
            f"Float images must be finite and in [0, {white:g}]{hint}. "
            f"Received: values in [{low:g}, {high:g}]"
        )
    return white
