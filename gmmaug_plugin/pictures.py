"""Pictures of images: grids, and PNG files written whole or not at all."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.files import write_whole

_GAP = 2
_PAPER = 255


def grid(images: NDArray[np.uint8], *, columns: int | None = None) -> NDArray[np.uint8]:
    """Lay images (n, h, w) out in rows, with white gaps.

    Args:
        images: uint8 (n, h, w), n at least 1.
        columns: Images per row; by default about twice as many columns as rows, with few empty places.

    Returns:
        One uint8 image.

    Example:
        >>> grid(np.zeros((32, 128, 128), np.uint8)).shape
        (522, 1042)
    """
    n, height, width = images.shape
    columns = min(n, columns or _fitting_columns(n))
    rows = -(-n // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP), _PAPER, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _fitting_columns(n: int) -> int:
    wanted = np.sqrt(2 * n)
    candidates = range(int(np.ceil(0.7 * wanted)), int(np.ceil(1.4 * wanted)) + 1)
    return min(candidates, key=lambda columns: (-n % columns, abs(columns - wanted)))


def save_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write one uint8 image (h, w) as PNG, all or nothing.

    Raises:
        OSError: The file cannot be written; whatever was there before is untouched.
    """
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG", optimize=True)
    write_whole(path, encoded.getvalue())
