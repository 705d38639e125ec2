"""Pixels of a dataset's images: dtypes and value ranges; ``gmmaug_plugin.layout`` for TensorFlow."""

from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.layout import ImageLayout, check_values, guess_white

FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def encode_pixels(pixels: Any, layout: ImageLayout) -> Any:
    """Write uint8 pixels (n, h, w), or in the layout's channels, in its dtype, value range and channels."""
    dtype = tf.as_dtype(layout.dtype)
    if dtype != tf.uint8 and layout.value_range != 255.0:
        pixels = tf.cast(pixels, tf.float32) * np.float32(layout.value_range / 255.0)
    pixels = tf.cast(pixels, dtype)
    if layout.channels is None or pixels.shape.rank == 4:
        return pixels
    pixels = pixels[..., None]
    return pixels if layout.channels == 1 else tf.repeat(pixels, layout.channels, axis=-1)


def check_image_dtype(dtype: Any) -> None:
    """Raise :class:`TypeError` unless images can have this dtype."""
    if dtype != tf.uint8 and dtype not in FLOATS:
        raise TypeError(
            f"Images must be uint8 or of a float dtype {[one.name for one in FLOATS]}. "
            f"Received: dtype {dtype.name}"
        )


def white_of(pixels: np.ndarray, value_range: float | None) -> float:
    """The value of white in some images, 255.0 or 1.0: the one stated, or guessed from the values.

    Raises:
        ValueError: They are floats neither in 0..1 nor in 0..255, or not in the stated range.
    """
    # numpy does not count bfloat16 among its floats.
    values = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float64)
    return check_values(values, guess_white(values) if value_range is None else value_range)
