"""How images lie in arrays: rank, channels, dtype, value range and size, and ways between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.resizing import resize_images

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in brightness (ITU-R BT.601, section 2.5.1), as Pillow's "L"."""

_RANGE_SLACK = 1e-4
"""How far float images may leave their range: resizing and normalising overshoot by rounding."""


@dataclass(frozen=True)
class ImageLayout:
    """What a caller's images look like, so that others can be made alike.

    Attributes:
        size: Height and width in pixels.
        channels: None for images (h, w), else the length of the last axis: 1 or 3.
        dtype: uint8 or a float type.
        value_range: The value of white: 255.0, or 1.0.
        stacked: Whether there is a leading axis of images.

    Example:
        >>> layout = ImageLayout.of(np.zeros((5, 32, 32, 3), np.float32))
        >>> layout.size, layout.channels, layout.value_range
        ((32, 32), 3, 1.0)
    """

    size: tuple[int, int]
    channels: int | None
    dtype: np.dtype[Any]
    value_range: float
    stacked: bool = True

    @classmethod
    def of(cls, images: ArrayLike, *, value_range: float | None = None) -> "ImageLayout":
        """Read the layout off an image (h, w), (h, w, 1) or (h, w, 3), or a stack of them.

        An array of rank 3 is one image if its last axis has length 1 or 3, else a stack (n, h, w).

        Args:
            images: uint8 in 0..255, or float in 0..``value_range``.
            value_range: The white of float images: 1.0 (the default) or 255.0.

        Raises:
            TypeError: The dtype is neither uint8 nor float.
            ValueError: Rank, channels or values are not as described.
        """
        array = np.asarray(images)
        coloured = array.ndim in (3, 4) and array.shape[-1] in (1, 3)
        stacked = array.ndim == 4 or (array.ndim == 3 and not coloured)
        if array.ndim not in (2, 3, 4) or 0 in array.shape[stacked:] or (array.ndim == 4 and not coloured):
            raise ValueError(
                "Images must be (h, w), (h, w, 1) or (h, w, 3), or a stack of them with one more axis in "
                f"front. Received: shape {array.shape}"
            )
        channels = array.shape[-1] if coloured else None
        height, width = array.shape[-3:-1] if coloured else array.shape[-2:]
        white = check_values(array, value_range)
        return cls((height, width), channels, array.dtype, white, stacked)

    def to_grey(self, images: ArrayLike, image_size: int) -> NDArray[np.float32]:
        """Brightness of images of this layout, float32 (n, image_size, image_size) in 0..255."""
        array = np.asarray(images)
        array = array if self.stacked else array[None]
        grey = array.astype(np.float32)
        if self.channels is not None:
            grey = np.asarray(grey @ LUMA) if self.channels == 3 else grey[..., 0]
        if self.value_range != 255.0:
            grey = grey * np.float32(255.0 / self.value_range)
        return resize_images(grey, (image_size, image_size))

    def add_grey(self, images: ArrayLike, difference: NDArray[np.float32]) -> NDArray[Any]:
        """Add a difference in brightness, float (n, h', w') in grey levels, to images of this layout.

        The difference is resized to the images and added to every channel; values are clipped to
        the range, and rounded for uint8.
        """
        array = np.asarray(images)
        change = resize_images(difference, self.size) * np.float32(self.value_range / 255.0)
        change = change if self.stacked else change[0]
        if self.channels is not None:
            change = change[..., None]
        return self._in_range(array + change)

    def from_grey(self, grey: NDArray[Any]) -> NDArray[Any]:
        """Bring grey images (n, h', w'), uint8 or float in 0..255, into this layout."""
        resized = resize_images(grey, self.size)
        if self.value_range != 255.0:
            resized = resized.astype(np.float32) * np.float32(self.value_range / 255.0)
        shaped = resized if self.stacked else resized[0]
        if self.channels is not None:
            shaped = np.repeat(shaped[..., None], self.channels, axis=-1)
        return np.ascontiguousarray(self._in_range(shaped))

    def _in_range(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.dtype == np.uint8 and values.dtype != np.uint8:
            return np.asarray(np.clip(np.floor(values + 0.5), 0, 255), np.uint8)
        return np.asarray(np.clip(values, 0, self.value_range), self.dtype)


def guess_white(images: NDArray[Any]) -> float:
    """Tell from values whether the white of some images is 255.0 or 1.0.

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
