"""Pixels of any kind to 8 bits: grayscale, or color as red, green, blue."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gmmaug_plugin.photos.errors import PhotoError

_PIXELS_AT_ONCE = 1_000_000


def to_grayscale(images: ArrayLike) -> NDArray[np.uint8]:
    """Turn a stack of images into 8-bit grayscale.

    Color becomes the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded as Pillow rounds it.

    Args:
        images: (n, height, width), (n, height, width, 1) or (n, height, width, 3); uint8 with values 0..255
            or floats with values 0..1.

    Returns:
        uint8 (n, height, width), values 0..255; the same memory if it was that already.

    Raises:
        ValueError: If the shape is another, a side is zero, or a float is not finite or outside 0..1.
        TypeError: If the dtype is neither uint8 nor a float, or pixels are masked.

    Example:
        >>> to_grayscale([[[0.0, 0.5, 1.0]]])
        array([[[  0, 128, 255]]], dtype=uint8)
    """
    stack = _checked(images)
    if stack.ndim == 3:
        return _to_bytes(stack)
    gray = np.empty(stack.shape[:3], np.uint8)
    for index, image in enumerate(stack):  # one at a time: the whole stack would need a wide copy
        gray[index] = _luma(image)
    return gray


def to_color(images: ArrayLike) -> NDArray[np.uint8]:
    """Turn a stack of images into 8-bit color; grayscale ones get three equal channels.

    Args:
        images: As for :func:`to_grayscale`.

    Returns:
        uint8 (n, height, width, 3), values 0..255; the same memory if it was that already.

    Raises:
        ValueError: As :func:`to_grayscale`.
        TypeError: As :func:`to_grayscale`.

    Example:
        >>> to_color([[[0.5]]]).tolist()
        [[[[128, 128, 128]]]]
    """
    stack = _checked(images)
    return _to_bytes(stack if stack.ndim == 4 else np.stack([stack] * 3, axis=-1))


def picture_pixels(image: Image.Image, *, color: bool = False) -> NDArray[np.uint8]:
    """Pixels of a decoded picture: transparent ones over white, 16 bits scaled to 8.

    Args:
        image: Any mode. It is converted a few rows at a time: a picture can be a good part of memory.
        color: Keep color; otherwise it becomes luma.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255.

    Raises:
        PhotoError: Integers are beyond 16 bits, or floats beyond 0..1.
        ValueError: Pillow cannot convert such a mode.

    Example:
        >>> picture_pixels(Image.new("RGB", (2, 1), "red")).tolist()
        [[76, 76]]
    """
    width, height = image.size
    pixels = np.empty((height, width, 3) if color else (height, width), np.uint8)
    numbers = np.asarray(image) if image.mode.startswith("I") or image.mode == "F" else None
    if numbers is not None:
        _check_range(numbers)
    step = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        if numbers is None:
            pixels[rows] = _of_strip(image.crop((0, top, width, rows.stop)), "RGB" if color else "L")
        else:
            levels = _levels(numbers[rows])
            pixels[rows] = levels[..., np.newaxis] if color else levels
    return pixels


def _checked(images: ArrayLike) -> NDArray[Any]:
    """The images as (n, height, width) or (n, height, width, 3), uint8 or floats within 0..1."""
    stack = np.asanyarray(images)
    if isinstance(stack, np.ma.MaskedArray):
        raise TypeError(f"Images must have all their pixels; fill masked ones. Received: {type(stack)}")
    if stack.dtype != np.uint8 and stack.dtype.kind != "f":
        raise TypeError(f"Images must be uint8 (0..255) or floats (0..1). Received: dtype {stack.dtype}")
    if stack.ndim not in (3, 4) or (stack.ndim == 4 and stack.shape[3] not in (1, 3)) or 0 in stack.shape:
        raise ValueError(
            "Images must have the shape (n, height, width), (n, height, width, 1) or (n, height, width, 3), "
            f"no side of it zero. Received: shape {stack.shape}"
        )
    if stack.dtype.kind == "f":
        _check_unit_range(stack)
    return stack[..., 0] if stack.ndim == 4 and stack.shape[3] == 1 else stack


def _check_unit_range(images: NDArray[Any]) -> None:
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("Images must be finite. Received: NaN or infinite values")
    if low < 0 or high > 1:
        raise ValueError(
            f"Float images must lie within 0..1; divide by 255 or clip. Received: {low:g} to {high:g}"
        )


def _to_bytes(stack: NDArray[Any]) -> NDArray[np.uint8]:
    if stack.dtype == np.uint8:
        return stack
    levels = np.empty(stack.shape, np.uint8)
    for index, image in enumerate(stack):
        levels[index] = np.rint(image.astype(np.float64) * 255)
    return levels


def _luma(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
        return ((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16).astype(np.uint8)
    luma = np.tensordot(image.astype(np.float64), (0.299, 0.587, 0.114), axes=1)
    levels: NDArray[np.uint8] = np.rint(luma * 255).clip(0, 255).astype(np.uint8)
    return levels


def _of_strip(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert(mode), dtype=np.uint8)


def _check_range(numbers: NDArray[np.generic]) -> None:
    low, high = numbers.min(), numbers.max()
    if numbers.dtype.kind == "f":
        if not (low >= 0 and high <= 1):
            raise PhotoError(f"floats beyond the range from 0 to 1: {low:g} to {high:g}")
    elif low < 0 or high > 65535:
        raise PhotoError(f"integers beyond 16 bits: {low} to {high}")


def _levels(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    if numbers.dtype.kind == "f":
        return np.rint(numbers.astype(np.float32) * 255).astype(np.uint8)
    return ((numbers.astype(np.int32) + 128) // 257).astype(np.uint8)
