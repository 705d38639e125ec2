"""Decode one photo file, or find the reason why it cannot be used."""

import hashlib
import io
import logging
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gmmaug_plugin.photos import skipped
from gmmaug_plugin.photos.skipped import PhotoError, reason_of
from gmmaug_plugin.resizing import Resize, resize_images

# EPS is left out because it starts an external interpreter, and formats without a signature because any
# text file may pass for them. HEIF and JXL need a plugin of Pillow.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM")

logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler, Python prints log lines


def decode_file(
    path: Path, *, size: int | None = None, resize: Resize = "stretch", color: bool = False
) -> tuple[NDArray[np.uint8], str]:
    """Decode a file into an upright photo.

    Transparent photos are laid over white, 16-bit photos are scaled to 8 bits, and an animation gives its
    first frame. Gray is the luma of ITU-R BT.601, as in Pillow. The arguments are those of
    :func:`gmmaug_plugin.photos.read_photo`, already checked.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255; and the SHA-256 of the
        file, 64 hexadecimal digits.

    Raises:
        PhotoError: If the file is not a usable photo. The message is the reason, a few words, safe to print.
    """
    try:
        _check_file(path)
        contents = path.read_bytes()
        Image.init()
        formats = [name for name in _FORMATS if name in Image.OPEN]
        with Image.open(io.BytesIO(contents), formats=formats) as image:
            photo = _decode(image, size, color)
        if size is not None:
            photo = resize_images(photo[None], size, resize=resize)[0]
    except Exception as error:  # decoders raise nearly any exception on damaged files
        raise PhotoError(reason_of(error)) from error
    return photo, hashlib.sha256(contents).hexdigest()


def _check_file(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(skipped.NOT_REGULAR)  # opening a pipe would wait for a writer
    if status.st_size == 0:
        raise PhotoError(skipped.EMPTY)
    if status.st_size > skipped.MAX_BYTES:
        raise PhotoError(skipped.TOO_LARGE)


def _decode(image: Image.Image, size: int | None, color: bool) -> NDArray[np.uint8]:
    width, height = image.size
    if width * height > skipped.MAX_PIXELS:
        raise PhotoError(f"{skipped.TOO_MANY_PIXELS}: {width} x {height} (width x height)")
    # A JPEG is decoded at a half, a quarter or an eighth of its size where that is faster. Twice the size
    # asked for leaves the antialiasing to resize_images; the decoder's own is coarser.
    image.draft("RGB" if color else "L", None if size is None else (2 * size, 2 * size))
    image.load()
    with suppress(Exception):
        # In place, the photo is turned even where Pillow then fails to write odd EXIF back.
        ImageOps.exif_transpose(image, in_place=True)
    return _pixels(image, color)


def _pixels(image: Image.Image, color: bool) -> NDArray[np.uint8]:
    """Pixels of a decoded picture as uint8 (height, width), or (height, width, 3) with ``color``."""
    if image.mode == "F" or image.mode.startswith("I"):
        levels = _levels(np.asarray(image))
        return np.stack([levels] * 3, axis=-1) if color else levels
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB" if color else "L"))


def _levels(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale floats 0..1 or integers 0..65535 to 0..255."""
    low, high = numbers.min(), numbers.max()
    if numbers.dtype.kind == "f" and not (low >= 0 and high <= 1):
        raise PhotoError(f"{skipped.BEYOND_UNIT}: {low:g} to {high:g}")
    if numbers.dtype.kind != "f" and not (low >= 0 and high <= 65535):
        raise PhotoError(f"{skipped.BEYOND_16_BITS}: {low} to {high}")
    white = 1 if numbers.dtype.kind == "f" else 65535
    levels: NDArray[np.uint8] = np.rint(numbers.astype(np.float32) * (255 / white)).astype(np.uint8)
    return levels
