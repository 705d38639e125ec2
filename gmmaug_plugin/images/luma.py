"""Decoded pictures to 8-bit gray, a few rows at a time: a picture can be a good part of memory."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.images.errors import PhotoError

_PIXELS_AT_ONCE = 1_000_000


def to_luma(image: Image.Image) -> NDArray[np.uint8]:
    """Gray of a picture: the luma of ITU-R BT.601, transparent ones over white, 16 bits scaled to 8.

    Args:
        image: Any mode.

    Returns:
        uint8 (height, width), values 0..255.

    Raises:
        PhotoError: Integers are beyond 16 bits, or floats beyond 0..1.
        ValueError: Pillow knows no gray of such a mode.

    Example:
        >>> to_luma(Image.new("RGB", (2, 1), "red")).tolist()
        [[76, 76]]
    """
    width, height = image.size
    gray = np.empty((height, width), np.uint8)
    numbers = np.asarray(image) if image.mode.startswith("I") or image.mode == "F" else None
    if numbers is not None:
        _check_range(numbers)
    step = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        if numbers is None:
            gray[top:bottom] = _of_strip(image.crop((0, top, width, bottom)))
        elif image.mode == "F":
            gray[top:bottom] = np.rint(numbers[top:bottom].astype(np.float32) * 255)
        else:
            gray[top:bottom] = (numbers[top:bottom].astype(np.int32) + 128) // 257
    return gray


def _of_strip(image: Image.Image) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("L"), dtype=np.uint8)


def _check_range(numbers: NDArray[np.generic]) -> None:
    low, high = numbers.min(), numbers.max()
    if numbers.dtype.kind == "f":
        if not (low >= 0 and high <= 1):
            raise PhotoError(f"floats beyond the range from 0 to 1: {low:g} to {high:g}")
    elif low < 0 or high > 65535:
        raise PhotoError(f"integers beyond 16 bits: {low} to {high}")
