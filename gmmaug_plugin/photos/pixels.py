"""Convert arrays of images to 8-bit grayscale or 8-bit color."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image


def to_grayscale(images: ArrayLike) -> NDArray[np.uint8]:
    """Convert a stack of images to 8-bit grayscale.

    Color becomes the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, as in Pillow.

    Args:
        images: (n, height, width), (n, height, width, 1) or (n, height, width, 3); uint8 with values 0..255
            or floats with values 0..1.

    Returns:
        uint8 (n, height, width), values 0..255. Grayscale of 8 bits is returned without a copy.

    Raises:
        ValueError: If the shape differs, a side is zero, or a float is not finite or outside 0..1.
        TypeError: If the dtype is neither uint8 nor a float.

    Example:
        >>> to_grayscale([[[0.0, 0.5, 1.0]]])
        array([[[  0, 128, 255]]], dtype=uint8)
    """
    stack = _as_bytes(images)
    if stack.ndim == 3:
        return stack
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in stack])


def to_color(images: ArrayLike) -> NDArray[np.uint8]:
    """Convert a stack of images to 8-bit color. Grayscale is repeated into three equal channels.

    Args:
        images: As for :func:`to_grayscale`.

    Returns:
        uint8 (n, height, width, 3), values 0..255. Color of 8 bits is returned without a copy.

    Raises:
        ValueError, TypeError: As for :func:`to_grayscale`.

    Example:
        >>> to_color([[[0.5]]]).tolist()
        [[[[128, 128, 128]]]]
    """
    stack = _as_bytes(images)
    return stack if stack.ndim == 4 else np.stack([stack] * 3, axis=-1)


def _as_bytes(images: ArrayLike) -> NDArray[np.uint8]:
    """Check the images, and return them as uint8 (n, height, width) or (n, height, width, 3)."""
    stack = np.asarray(images)
    if stack.ndim not in (3, 4) or (stack.ndim == 4 and stack.shape[3] not in (1, 3)) or 0 in stack.shape:
        raise ValueError(
            "Images must have the shape (n, height, width), (n, height, width, 1) or (n, height, width, 3), "
            f"no side of it zero. Received: shape {stack.shape}"
        )
    if stack.dtype != np.uint8 and stack.dtype.kind != "f":
        raise TypeError(
            "Images must be uint8 (0..255) or floats (0..1): scale others, as "
            f"np.interp(images, (images.min(), images.max()), (0, 1)). Received: dtype {stack.dtype}"
        )
    if stack.ndim == 4 and stack.shape[3] == 1:
        stack = stack[..., 0]
    if stack.dtype == np.uint8:
        return stack
    low, high = float(stack.min()), float(stack.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            "Float images must be finite and within 0..1; divide by 255 or clip. "
            f"Received: {low:g} to {high:g}"
        )
    levels = np.empty(stack.shape, np.uint8)
    for index, image in enumerate(stack):  # one at a time, since 64-bit floats need 8 times the memory
        levels[index] = np.rint(image.astype(np.float64) * 255)
    return levels
