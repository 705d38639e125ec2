"""Arrays in: any stack of images becomes 8-bit grayscale."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.images.storage import empty_array


def to_grayscale(images: ArrayLike) -> NDArray[np.uint8]:
    """Turn a stack of images into 8-bit grayscale.

    Colour becomes the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded as Pillow rounds it.

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
    if stack.ndim == 4 and stack.shape[3] == 1:
        stack = stack[..., 0]
    if stack.dtype == np.uint8 and stack.ndim == 3:
        return stack
    convert = _gray_of_bytes
    if stack.dtype.kind == "f":
        _check_unit_range(stack)
        convert = _gray_of_floats
    gray = empty_array(stack.shape[:3])
    for index, image in enumerate(stack):  # one at a time, to need no wide copy of the whole stack
        gray[index] = convert(image)
    return gray


def _gray_of_bytes(image: NDArray[Any]) -> NDArray[np.uint8]:
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16).astype(np.uint8)


def _gray_of_floats(image: NDArray[Any]) -> NDArray[np.uint8]:
    values: NDArray[np.float64] = image.astype(np.float64)
    if values.ndim == 3:
        values = np.tensordot(values, (0.299, 0.587, 0.114), axes=1)
    gray: NDArray[np.uint8] = np.rint(values * 255).clip(0, 255).astype(np.uint8)
    return gray


def _check_unit_range(images: NDArray[Any]) -> None:
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("Images must be finite. Received: NaN or infinite values")
    if low < 0 or high > 1:
        raise ValueError(
            f"Float images must lie within 0..1; divide by 255 or clip. Received: {low:g} to {high:g}"
        )
