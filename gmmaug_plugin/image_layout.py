"""The layout of a caller's images (size, channels, dtype, value range), and pool images converted to it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gmmaug_plugin.resizing import resize_images

ValueRange = float | Sequence[float] | None

DTYPES = ("uint8", "float16", "bfloat16", "float32", "float64")
CLIP_HINT = (
    "Clip images that leave it, or state the true one as value_range=(black, white). Standardized images "
    "have none: standardize after mixing"
)
_RANGE_SLACK = 1e-4  # how far floats may leave their range, as a share of it: resizing rounds
_BLANK = 0.1  # floats up to 1 show that white is 1 if some are brighter than this and not all are whole
_MOST_CHANNELS_FIRST = 7


@dataclass(frozen=True)
class ImageLayout:
    """The layout of images.

    Attributes:
        size: Height and width in pixels.
        channels: Number of channels; None for images (h, w).
        dtype: uint8 or a float type.
        value_range: The values of black and white.
        channels_first: Whether images are (channels, h, w) instead of (h, w, channels).

    Example:
        >>> layout = ImageLayout.of(np.full((5, 32, 32, 3), 0.5, np.float32))
        >>> layout.size, layout.channels, layout.value_range
        ((32, 32), 3, (0.0, 1.0))
    """

    size: tuple[int, int]
    channels: int | None
    dtype: np.dtype[Any]
    value_range: tuple[float, float] = (0.0, 255.0)
    channels_first: bool = False

    @classmethod
    def of(cls, images: ArrayLike, *, value_range: ValueRange = None, where: str = "") -> "ImageLayout":
        """Read the layout of a stack of images, and check their values.

        Channels are first if that axis has at most 7 entries and both others have at least 8.

        Args:
            images: (n, h, w), (n, h, w, channels) or (n, channels, h, w); uint8 in 0..255 or float.
            value_range: Black and white of float images, as (0, 255), (0, 1) or (-1, 1); a number is white,
                with black 0. None takes it from the values, see :func:`guess_range`.
            where: Which images these are, for messages.

        Raises:
            TypeError: The dtype is neither uint8 nor float.
            ValueError: Rank or ``value_range`` differ from the above, values leave the range, or they do not
                show it.
        """
        array = np.asarray(images)
        if array.ndim not in (3, 4) or 0 in array.shape[1:]:
            raise ValueError(
                "Images must be a stack (n, h, w), (n, h, w, channels) or (n, channels, h, w). "
                f"Received: shape {array.shape}{where and ' in ' + where}"
            )
        if array.dtype.name not in DTYPES:
            raise TypeError(
                f"Images must be {', '.join(DTYPES)}: cast them, as images.astype('uint8'). "
                f"Received: dtype {array.dtype}"
            )
        stated = read_range(value_range)
        if array.dtype == np.uint8:
            if stated not in (None, (0.0, 255.0)):
                raise ValueError(
                    "uint8 images have the value_range (0, 255): cast others to float32. "
                    f"Received: value_range={value_range!r}"
                )
            stated = (0.0, 255.0)
        low = high = 0.0
        if array.size and array.dtype != np.uint8:  # uint8 cannot leave its range
            low, high = float(array.min()), float(array.max())
        found = stated or guess_range(array)
        if found is None:
            raise ValueError(
                f"The value range of float images cannot be known from values in [{low:g}, {high:g}]: pass "
                "value_range=(0, 255), (0, 1) or (-1, 1), and clip images that leave it or are not finite. "
                "Black and binary images allow several, standardized ones have none: "
                "standardize after mixing. "
                f"Received: value_range=None{where and ', ' + where}"
            )
        first = array.ndim == 4 and channels_come_first(array.shape[1:])
        shape = (*array.shape[2:], array.shape[1]) if first else array.shape[1:]
        layout = cls((shape[0], shape[1]), shape[2] if len(shape) > 2 else None, array.dtype, found, first)
        least, most = layout.limits()
        if not (least <= low and high <= most):
            raise ValueError(
                f"Images must be finite and in the value range [{found[0]:g}, {found[1]:g}], which was "
                f"stated or seen first. {CLIP_HINT}. Received: values in [{low:g}, {high:g}]"
                f"{where and ' in ' + where}"
            )
        return layout

    def limits(self) -> tuple[float, float]:
        """Return the least and largest value allowed: the value range, and a little more for rounding."""
        black, white = self.value_range
        slack = _RANGE_SLACK * (white - black)
        return black - slack, white + slack

    def encode(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Convert uint8 pixels (n, h, w) or (n, h, w, channels) to dtype, value range and channel order."""
        if self.channels_first:
            images = np.ascontiguousarray(np.moveaxis(images, -1, -3))
        if self.dtype == np.uint8:
            return images
        black, white = self.value_range
        pixels = np.multiply(images, np.float32((white - black) / 255.0), dtype=np.float32)
        return (pixels + np.float32(black) if black else pixels).astype(self.dtype, copy=False)


def channels_come_first(shape: Sequence[int]) -> bool:
    """Whether an image of three axes is (channels, h, w), not (h, w, channels).

    Example:
        >>> channels_come_first((3, 64, 64)), channels_come_first((64, 64, 3))
        (True, False)
    """
    if shape[1] == shape[2] > shape[0]:
        return True  # square images of many channels
    return shape[0] <= _MOST_CHANNELS_FIRST < min(shape[1], shape[2])


def read_range(value_range: ValueRange) -> tuple[float, float] | None:
    """Return the values of black and white that a caller states; None if none are stated.

    Raises:
        ValueError: ``value_range`` is neither None, nor a positive number, nor two finite rising numbers.

    Example:
        >>> read_range((-1, 1)), read_range(255)
        ((-1.0, 1.0), (0.0, 255.0))
    """
    if value_range is None:
        return None
    try:
        values = np.asarray(value_range, np.float64)
        black, white = (0.0, float(values)) if values.ndim == 0 else map(float, values)
    except (TypeError, ValueError):
        black = white = np.nan
    if not (np.isfinite([black, white]).all() and black < white):
        raise ValueError(
            "value_range must be the values of black and white, (0, 255), (0, 1) or (-1, 1), or None. "
            f"Received: value_range={value_range!r}"
        )
    return black, white


def _has_fractions(image: NDArray[Any]) -> bool:
    return bool((image != np.rint(image)).any())


def guess_range(images: NDArray[Any]) -> tuple[float, float] | None:
    """Guess the value range of float images; None where the values allow several.

    Values that reach beyond 127, but not beyond 255, show 0..255. Values up to 1 show 0..1 if some are above
    0.1 and not all are whole: otherwise they may be dark images in 0..255. Values that reach below -0.9 and
    above 0.9, but not beyond 1, show -1..1.
    """
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if low >= 0 and 127 < high <= 255 * (1 + _RANGE_SLACK):
        return 0.0, 255.0
    if low >= 0 and _BLANK < high <= 1 + _RANGE_SLACK and any(map(_has_fractions, images)):
        return 0.0, 1.0
    if -1 - _RANGE_SLACK <= low < -0.9 and 0.9 < high <= 1 + _RANGE_SLACK:
        return -1.0, 1.0
    return None


def warn_of_range(images: NDArray[Any], value_range: ValueRange) -> None:
    """Warn if float images show another value range than the stated one."""
    stated = read_range(value_range)
    shown = guess_range(images) if stated and images.dtype != np.uint8 else None
    if shown not in (None, stated):
        warnings.warn(
            f"The first images are in the value range {shown}; synthetic images get the stated one. "
            f"Received: value_range={value_range!r}",
            stacklevel=4,
        )


def reshape_images(
    images: NDArray[np.uint8], size: tuple[int, int], channels: int | None
) -> NDArray[np.uint8]:
    """Convert images of a pool to another size and number of channels.

    Adapters mirror an image after this, so that all of them return the same bytes.

    Args:
        images: uint8 (n, h', w') in grayscale or (n, h', w', 3) in color.
        size: Height and width in pixels.
        channels: None for no channel axis. 3 keeps color; 4 is RGBA, opaque; any other number has the same
            gray in every channel (of color the luma of ITU-R BT.601, Pillow's "L").

    Returns:
        uint8 (n, h, w) or (n, h, w, channels); ``images`` itself if nothing changes.

    Example:
        >>> reshape_images(np.zeros((5, 16, 16), np.uint8), (8, 10), 3).shape
        (5, 8, 10, 3)
    """
    if images.ndim == 4 and channels == 3:
        return resize_images(images, size)
    if channels == 4:
        color = reshape_images(images, size, 3)
        return np.concatenate([color, np.full_like(color[..., :1], 255)], axis=-1)
    if images.ndim == 4:
        images = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    resized = resize_images(images, size)
    return resized if channels is None else np.repeat(resized[..., None], channels, axis=-1)
