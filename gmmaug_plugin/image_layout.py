"""The layout of a caller's images (size, channels, dtype, value range), and pool images converted to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gmmaug_plugin.resizing import resize_images

DTYPES = ("uint8", "float16", "bfloat16", "float32", "float64")
_RANGE_SLACK = 1e-4  # how far floats may leave their range, as a share of white: resizing rounds


@dataclass(frozen=True)
class ImageLayout:
    """The layout of images.

    Attributes:
        size: Height and width in pixels.
        channels: Length of the last axis; None for images (h, w).
        dtype: uint8 or a float type.
        white: Largest value of a pixel: 255.0, or 1.0.

    Example:
        >>> layout = ImageLayout.of(np.zeros((5, 32, 32, 3), np.float32))
        >>> layout.size, layout.channels, layout.white
        ((32, 32), 3, 1.0)
    """

    size: tuple[int, int]
    channels: int | None
    dtype: np.dtype[Any]
    white: float

    @classmethod
    def of(cls, images: ArrayLike, *, value_range: float | None = None) -> "ImageLayout":
        """Read the layout of a stack of images, and check their values.

        Args:
            images: (n, h, w) or (n, h, w, channels), uint8 in 0..255 or float in 0..1 or 0..255.
            value_range: White of float images, 1.0 or 255.0. None takes 255.0 if a value is above 2: resizing
                overshoots 1.0, but never doubles it.

        Raises:
            TypeError: The dtype is neither uint8 nor float.
            ValueError: Rank, channels, ``value_range`` or values differ from the above.
        """
        array = np.asarray(images)
        channels_first = array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 16
        if array.ndim not in (3, 4) or 0 in array.shape[1:] or channels_first:
            raise ValueError(
                f"Images must be a stack (n, h, w) or (n, h, w, channels). Received: shape {array.shape}"
            )
        channels = array.shape[3] if array.ndim == 4 else None
        return cls((array.shape[1], array.shape[2]), channels, array.dtype, _white(array, value_range))

    def encode(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Convert uint8 pixels of any shape to the dtype and value range."""
        if self.dtype == np.uint8:
            return images
        factor = np.float32(self.white / 255.0)
        return np.multiply(images, factor, dtype=np.float32).astype(self.dtype, copy=False)


def reshape_images(
    images: NDArray[np.uint8], size: tuple[int, int], channels: int | None
) -> NDArray[np.uint8]:
    """Convert images of a pool to another size and number of channels.

    Adapters mirror an image after this, so that all of them return the same bytes.

    Args:
        images: uint8 (n, h', w') in grayscale or (n, h', w', 3) in color.
        size: Height and width in pixels.
        channels: None for no channel axis. Gray is repeated into any number of channels. Color becomes
            brightness (ITU-R BT.601, Pillow's "L") for None and 1, and stays color for 3.

    Returns:
        uint8 (n, h, w) or (n, h, w, channels); ``images`` itself if nothing changes.

    Raises:
        ValueError: The images are in color and ``channels`` is not None, 1 or 3.

    Example:
        >>> reshape_images(np.zeros((5, 16, 16), np.uint8), (8, 10), 3).shape
        (5, 8, 10, 3)
    """
    if images.ndim == 4 and channels == 3:
        return resize_images(images, size)
    if images.ndim == 4:
        if channels not in (None, 1):
            raise ValueError(
                "A pool in color can only be mixed with images (h, w), (h, w, 1) or (h, w, 3). "
                f"Received: {channels} channels"
            )
        images = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    resized = resize_images(images, size)
    return resized if channels is None else np.repeat(resized[..., None], channels, axis=-1)


def _white(images: NDArray[Any], value_range: float | None) -> float:
    """Return the value of white after checking dtype, ``value_range`` and values."""
    if images.dtype.name not in DTYPES:
        raise TypeError(f"Images must be {', '.join(DTYPES)}. Received: dtype {images.dtype}")
    if value_range not in (None, 1.0, 255.0):
        raise ValueError(f"value_range must be 1.0, 255.0 or None. Received: {value_range!r}")
    if images.dtype == np.uint8:
        return 255.0
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    white = (255.0 if high > 2.0 else 1.0) if value_range is None else float(value_range)
    if not (-_RANGE_SLACK * white <= low and high <= white * (1 + _RANGE_SLACK)):
        raise ValueError(
            f"Float images must be finite and in [0, {white:g}]; value_range of tf.data and Keras adapters "
            f"is 1.0 or 255.0. Received: values in [{low:g}, {high:g}]"
        )
    return white
