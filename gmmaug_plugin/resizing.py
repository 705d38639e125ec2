"""Images of one size to another."""

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.checks import one_of, whole_number

Resize = Literal["stretch", "crop"]
Pixel = TypeVar("Pixel", np.uint8, np.float32)


def resize_images(
    images: NDArray[Pixel], image_size: int | tuple[int, int], *, resize: Resize = "stretch"
) -> NDArray[Pixel]:
    """Resize a stack of images, with antialiasing.

    Args:
        images: uint8 or float32 (n, height, width) or (n, height, width, channels), any value range.
        image_size: Height and width of the result in pixels, or one number for both.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centred part of the new aspect
            ratio first.

    Returns:
        The dtype of ``images``, (n, *image_size) or (n, *image_size, channels), no value beyond the range of
        its image; ``images`` itself if they have that size already.

    Raises:
        ValueError: If the shape has another rank or a side of zero, or an option has a wrong value.
        TypeError: If the dtype is neither uint8 nor float32.

    Example:
        >>> import numpy as np
        >>> resize_images(np.zeros((5, 40, 60), np.uint8), (20, 20), resize="crop").shape
        (5, 20, 20)
    """
    check_resize(resize)
    sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(sides) != 2:
        raise ValueError(f"image_size must be one number or (height, width). Received: {image_size}")
    height, width = (whole_number("image_size", side, 1) for side in sides)
    if images.dtype not in (np.uint8, np.float32):
        raise TypeError(f"Images must be uint8 or float32. Received: dtype {images.dtype}")
    if images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise ValueError(
            "Images must have the shape (n, height, width) or (n, height, width, channels), no side zero. "
            f"Received: shape {images.shape}"
        )
    if images.shape[1:3] == (height, width):
        return images
    region = _centre(images, height, width) if resize == "crop" else images
    resized = np.empty((len(images), height, width, *images.shape[3:]), images.dtype)
    for index, image in enumerate(region):
        resized[index] = _resized(image, height, width)
    return resized


def _resized(image: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    if image.ndim == 2 or (image.dtype == np.uint8 and image.shape[2] == 3):
        return np.asarray(Image.fromarray(image).resize((width, height), _filter(image, height, width)))
    channels = [_resized(image[..., channel], height, width) for channel in range(image.shape[2])]
    return np.stack(channels, axis=-1)


def _filter(image: NDArray[Any], height: int, width: int) -> Image.Resampling:
    """The sharpest of Pillow's filters that never overshoots; all widen with the factor of reduction."""
    reduced = height <= image.shape[0] and width <= image.shape[1]
    return Image.Resampling.HAMMING if reduced else Image.Resampling.BILINEAR


def _centre(images: NDArray[Pixel], height: int, width: int) -> NDArray[Pixel]:
    own_height, own_width = images.shape[1:3]
    keep_height = min(own_height, max(1, round(own_width * height / width)))
    keep_width = min(own_width, max(1, round(own_height * width / height)))
    top, left = (own_height - keep_height) // 2, (own_width - keep_width) // 2
    return images[:, top : top + keep_height, left : left + keep_width]


def check_resize(resize: str) -> None:
    """Raise :class:`ValueError` unless ``resize`` is "stretch" or "crop"."""
    one_of("resize", resize, ("stretch", "crop"))
