"""How images lie in tensors, and ways between them; ``gmmaug_plugin.layout`` for TensorFlow."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.layout import LUMA, check_values, guess_white
from gmmaug_plugin.resizing import resize_images

FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


@dataclass(frozen=True)
class ImageFormat:
    """What the images of a dataset look like.

    Attributes:
        size: Height and width in pixels.
        channels: None for images (h, w), else the length of the last axis: 1 or 3.
        dtype: uint8, float16, bfloat16, float32 or float64.
        value_range: The value of white: 255.0, or 1.0.
    """

    size: tuple[int, int]
    channels: int | None
    dtype: Any
    value_range: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.size if self.channels is None else (*self.size, self.channels)

    def from_grey(self, grey: Any) -> Any:
        """Bring grey images, uint8 (n, h', w'), into this format: (n, *shape)."""
        pixels = resize(grey, self.size)
        if self.dtype == tf.uint8:
            pixels = _to_uint8(pixels)
        elif self.value_range != 255.0:
            pixels = tf.cast(pixels, tf.float32) * np.float32(self.value_range / 255.0)
        pixels = tf.cast(pixels, self.dtype)
        if self.channels is None:
            return pixels
        pixels = pixels[..., None]
        return pixels if self.channels == 1 else tf.tile(pixels, (1, 1, 1, self.channels))

    def to_grey(self, images: Any, image_size: int) -> Any:
        """Brightness of images of this format, float32 (n, image_size, image_size) in 0..255."""
        pixels = tf.cast(images, tf.float32)
        if self.channels == 3:
            pixels = tf.linalg.matvec(pixels, LUMA)
        elif self.channels == 1:
            pixels = pixels[..., 0]
        if self.value_range != 255.0:
            pixels = pixels * np.float32(255.0 / self.value_range)
        return resize(pixels, (image_size, image_size))

    def add_grey(self, images: Any, difference: Any) -> Any:
        """Add a difference in brightness, float32 (n, h', w') in grey levels, to every channel.

        The difference is resized to the images; values are clipped to the range, and rounded for uint8.
        """
        change = resize(difference, self.size) * np.float32(self.value_range / 255.0)
        if self.channels is not None:
            change = change[..., None]
        precision = tf.float64 if self.dtype == tf.float64 else tf.float32
        pixels = tf.cast(images, precision) + tf.cast(change, precision)
        if self.dtype == tf.uint8:
            return _to_uint8(pixels)
        return tf.cast(tf.clip_by_value(pixels, 0.0, self.value_range), self.dtype)


def check_image_dtype(dtype: Any) -> None:
    """Raise :class:`TypeError` unless images can have this dtype."""
    if dtype != tf.uint8 and dtype not in FLOATS:
        raise TypeError(
            f"Images must be uint8 or of a float dtype {[one.name for one in FLOATS]}. "
            f"Received: dtype {dtype.name}"
        )


def value_range_of(pixels: np.ndarray) -> float:
    """Tell the value of white, 255.0 or 1.0, from some images.

    Raises:
        ValueError: They are floats neither in 0..1 nor in 0..255.
    """
    # numpy does not count bfloat16 among its floats.
    values = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float64)
    return check_values(values, guess_white(values))


def resize(pixels: Any, size: tuple[int, int]) -> Any:
    """Resize images (n, h, w) as :func:`gmmaug_plugin.resizing.resize_images` does, to float32.

    Resizing is linear and works on rows and columns by themselves, so it is two matrix products, with
    the matrices that resizing in numpy amounts to. (``tf.image.resize`` lacks its filter.)

    Args:
        pixels: Images of static height and width.
        size: Height and width of the result.

    Returns:
        Float32 (n, *size); ``pixels`` itself if it has that size.
    """
    old = (int(pixels.shape[1]), int(pixels.shape[2]))
    if old == size:
        return pixels
    enlarged = size[0] > old[0] or size[1] > old[1]
    rows, columns = (_resizing_matrix(*sides, enlarged) for sides in zip(old, size, strict=True))
    return tf.linalg.matmul(rows, tf.linalg.matmul(tf.cast(pixels, tf.float32), columns, transpose_b=True))


def _resizing_matrix(old: int, new: int, enlarged: bool) -> np.ndarray:
    """What resizing does to a column of ``old`` pixels: float32 (new, old).

    Read off by resizing images one pixel wide that have a single bright pixel. As the filter is another
    where any side grows, they are made two pixels wide for it.
    """
    points = np.eye(old, dtype=np.float32)[:, :, None]
    return resize_images(points, (new, 2 if enlarged else 1))[:, :, 0].T


def _to_uint8(pixels: Any) -> Any:
    if pixels.dtype == tf.uint8:
        return pixels
    return tf.cast(tf.clip_by_value(tf.floor(pixels + 0.5), 0.0, 255.0), tf.uint8)
