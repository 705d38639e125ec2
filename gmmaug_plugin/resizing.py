"""Images of one size to another."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.checks import image_stack, one_of, whole_number

Resize = Literal["stretch", "crop"]
RESIZES = ("stretch", "crop")


def resize_images(
    images: NDArray[np.uint8], image_size: int | tuple[int, int], *, resize: Resize = "stretch"
) -> NDArray[np.uint8]:
    """Resize a stack of images, with antialiasing.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3), values 0..255.
        image_size: Height and width of the result in pixels, or one number for both.
        resize: "stretch" ignores the aspect ratio; "crop" first cuts out the largest centered part of the
            new aspect ratio.

    Returns:
        uint8 (n, *image_size) or (n, *image_size, 3). No value lies outside the range of its image. Images
        that have the size already are returned without a copy.

    Raises:
        ValueError: If the shape differs or an option has a wrong value.
        TypeError: If the images are not uint8.

    Example:
        >>> resize_images(np.zeros((5, 40, 60), np.uint8), (20, 20), resize="crop").shape
        (5, 20, 20)
    """
    one_of("resize", resize, RESIZES)
    sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(sides) != 2:
        raise ValueError(f"image_size must be one number or (height, width). Received: {image_size}")
    height, width = (whole_number("image_size", side, 1) for side in sides)
    image_stack("images", images, least=0)
    if images.shape[1:3] == (height, width):
        return images
    if resize == "crop":
        images = _center(images, height, width)
    # The sharpest of Pillow's antialiasing filters that do not overshoot.
    reduced = height <= images.shape[1] and width <= images.shape[2]
    method = Image.Resampling.HAMMING if reduced else Image.Resampling.BILINEAR
    resized = np.empty((len(images), height, width, *images.shape[3:]), np.uint8)
    for index, image in enumerate(images):
        resized[index] = Image.fromarray(image).resize((width, height), method)
    return resized


def _center(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Cut out the largest centered part that has the aspect ratio of ``height`` to ``width``."""
    own_height, own_width = images.shape[1:3]
    kept_height = min(own_height, max(1, round(own_width * height / width)))
    kept_width = min(own_width, max(1, round(own_height * width / height)))
    top, left = (own_height - kept_height) // 2, (own_width - kept_width) // 2
    return images[:, top : top + kept_height, left : left + kept_width]
