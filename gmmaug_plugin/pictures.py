"""Images as files: grids, PNG files and class folders, each written whole or not at all."""

import io
import re
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.files import put_in_place, temporary_beside, write_whole

_GAP = 2
_PAPER = 255

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"optimize": True},
    "jpg": {"quality": 95},
    "webp": {"quality": 95},
}
"""File formats of :func:`write_class_folders`, with Pillow's options for each."""

_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL
)
"""Names of devices on Windows, which no folder can have."""


def grid(images: NDArray[np.uint8], *, columns: int | None = None) -> NDArray[np.uint8]:
    """Lay images out in rows, with white gaps.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3), n at least 1.
        columns: Images per row; by default about twice as many columns as rows, with few empty places.

    Returns:
        One uint8 image, grayscale or color as ``images``.

    Example:
        >>> grid(np.zeros((32, 128, 128), np.uint8)).shape
        (522, 1042)
    """
    n, height, width, *channels = images.shape
    columns = min(n, columns or _fitting_columns(n))
    rows = -(-n // columns)
    shape = (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, *channels)
    sheet = np.full(shape, _PAPER, np.uint8)
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
    """Write one uint8 image (h, w) or (h, w, 3) as PNG, all or nothing. A missing folder is made.

    Raises:
        OSError: The file cannot be written; an existing file is unchanged.
    """
    path = path.expanduser()
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, encoded.getvalue())


def write_class_folders(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32] | None,
    class_names: Sequence[str],
    folder: Path,
    file_format: str = "png",
) -> None:
    """Write images as files, one folder per class, as Keras and torchvision read them.

    All files are first written into a temporary folder beside the target, which is then renamed to it; or
    into one within an existing target, which may be a mounted drive or a terminal's working folder.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3), n at least 1.
        labels: int32 (n,), indices into ``class_names``; None writes all files into ``folder`` itself.
        class_names: Names in label order. Characters that file names cannot hold become "_".
        folder: The target. It must be absent or empty.
        file_format: "png" (lossless), "jpg" or "webp" (both at quality 95).

    Raises:
        FileExistsError: The target is a file, or a folder that is not empty.
        OSError: The files cannot be written; the target is unchanged.
        ValueError: ``file_format`` is none of these.

    Example:
        >>> write_class_folders(images, labels, ("daisy", "rose"), Path("drawn"))  # doctest: +SKIP
    """
    one_of("file_format", file_format, tuple(FORMATS))
    folder = folder.expanduser()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"The target must be a new or empty folder. Received: {str(folder)!r}")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(folder / "images" if folder.exists() else folder)
    names = [""] if labels is None else _safe_names(class_names)
    codes = np.zeros(len(images), np.int32) if labels is None else labels
    digits = len(str(len(images) - 1))
    try:
        for code, name in enumerate(names):
            (temporary / name).mkdir(parents=True, exist_ok=True)
            for index, image in enumerate(images[codes == code]):
                path = temporary / name / f"{index:0{digits}d}.{file_format}"
                Image.fromarray(image).save(path, **FORMATS[file_format])
        if temporary.parent == folder:
            for written in list(temporary.iterdir()):
                put_in_place(written, folder / written.name)
        else:
            put_in_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _safe_names(names: Sequence[str]) -> list[str]:
    """Folder names that are valid on every system, and differ in more than upper and lower case."""
    safe: dict[str, str] = {}  # by a form that macOS and Windows take for the same name
    for name in names:
        plain = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]', "_", name)
        plain = plain.encode()[:100].decode(errors="ignore").strip(" .") or "_"
        plain = f"_{plain}" if _RESERVED.fullmatch(plain) else plain
        number, unique = 2, plain
        while (folded := unicodedata.normalize("NFC", unique.casefold())) in safe:
            unique, number = f"{plain}_{number}", number + 1
        safe[folded] = unique
    return list(safe.values())
