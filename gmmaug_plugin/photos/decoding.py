"""Decode one photo file, or find the reason why it cannot be used."""

import hashlib
import io
import logging
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from gmmaug_plugin.photos import skipped
from gmmaug_plugin.photos.deep import DeepPhoto, Kind, deep_photo
from gmmaug_plugin.photos.formats import jpeg_frame, openers, reason
from gmmaug_plugin.photos.skipped import PhotoError, check_pixels, reason_of
from gmmaug_plugin.photos.tiff import pillow_numbers, read_deep
from gmmaug_plugin.resizing import Resize, resize_images

_ORIENTATION = 0x0112  # an EXIF tag
_LOSSLESS_JPEG = 0xC3

logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler, Python prints log lines


def decode_file(
    path: Path, *, size: int | None = None, resize: Resize = "stretch", color: bool = False
) -> tuple[NDArray[np.uint8] | DeepPhoto, str]:
    """Decode a file into an upright photo.

    Transparent photos are laid over white, and an animation gives its first frame. Gray is the luma of
    ITU-R BT.601, as in Pillow. The arguments are those of :func:`gmmaug_plugin.photos.read_photo`, already
    checked.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255; for photos of more than 8
        bits, numbers that are still to be scaled. And the SHA-256 of the file, 64 hexadecimal digits.

    Raises:
        PhotoError: If the file is not a usable photo. The message is the reason, a few words, safe to print.
    """
    try:
        _check_file(path)
        contents = path.read_bytes()
    except Exception as error:
        raise PhotoError(reason_of(error)) from error
    try:
        photo = read_deep(contents, color=color) or _decode(contents, path.suffix, size, color)
        if isinstance(photo, DeepPhoto):
            photo = photo if size is None else photo.resized(size, resize)
        elif size is not None:
            photo = resize_images(photo[None], size, resize=resize)[0]
    except Exception as error:  # decoders raise nearly any exception on damaged files
        raise PhotoError(reason(contents, path.suffix, error)) from error
    return photo, hashlib.sha256(contents).hexdigest()


def _check_file(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(skipped.NOT_REGULAR)  # opening a pipe would wait for a writer
    if status.st_size == 0:
        raise PhotoError(skipped.EMPTY)
    if status.st_size > skipped.MAX_BYTES:
        raise PhotoError(skipped.TOO_LARGE)


def _decode(contents: bytes, suffix: str, size: int | None, color: bool) -> NDArray[np.uint8] | DeepPhoto:
    with _opened(contents, suffix) as image:
        check_pixels(*image.size)
        raw = str(image.tile[0][3]) if image.format == "PNG" and image.tile else ""
        if raw in ("L;2", "L;4") and "transparency" in image.info:
            image.info["transparency"] *= 255 // (2 ** int(raw[-1]) - 1)  # Pillow scales the pixels only
        deep = _deep(image, contents, raw, color)
        if deep is not None:
            return deep
        if (jpeg_frame(contents) or (0,))[0] != _LOSSLESS_JPEG:  # libjpeg does not convert those
            # A JPEG is decoded at a half, a quarter or an eighth of its size where that is faster. Twice the
            # size asked for leaves the antialiasing to resize_images; the decoder's own is coarser.
            image.draft("RGB" if color else "L", None if size is None else (2 * size, 2 * size))
        image.load()
        with suppress(Exception):
            # In place, the photo is turned even where Pillow then fails to write odd EXIF back.
            ImageOps.exif_transpose(image, in_place=True)
        return _pixels(image, color)


def _opened(contents: bytes, suffix: str) -> ImageFile.ImageFile:
    """Read the header of a picture."""
    try:
        return Image.open(io.BytesIO(contents), formats=openers(contents, suffix))
    except (PhotoError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:  # openers raise nearly any kind for files of other formats
        raise UnidentifiedImageError(str(error)) from error


def _pixels(image: Image.Image, color: bool) -> NDArray[np.uint8]:
    """Pixels of a decoded picture as uint8 (height, width), or (height, width, 3) with ``color``."""
    if image.mode == "LAB":
        from PIL import ImageCms  # some builds of Pillow lack it

        lab, screen = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, screen, outputMode="RGB") or image
    elif image.mode in ("La", "HSV", "RGBX") or (image.mode == "P" and image.palette is None):
        # Pillow converts these in two steps only.
        image = image.convert("LA" if image.mode == "La" else "RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB" if color else "L"))


def _deep(image: ImageFile.ImageFile, contents: bytes, raw: str, color: bool) -> DeepPhoto | None:
    """A picture of more than 8 bits as its numbers, None for others."""
    clear = image.info.get("transparency")  # one gray or color
    kind, alpha = Kind("16 bits", 65535), None
    if raw in ("RGB;16B", "RGBA;16B", "LA;16B"):
        numbers = _wide_png(image, contents, raw)
    elif image.format == "FITS" and image.mode != "L":
        if image.tile[0][0] == "raw" and "B" not in str(image.tile[0][3]):
            raise PhotoError("FITS of more than 8 bits, whose bytes this Pillow swaps: update Pillow")
        numbers = np.asarray(image)
        numbers = numbers if image.mode == "F" else numbers.view(f"i{numbers.itemsize}")
        kind = Kind("FITS numbers", 2.0 ** (8 * numbers.itemsize - 1) - 1)
    elif isinstance(image, TiffImageFile) and image.mode in ("F", "I", "I;16", "I;16B"):
        numbers, kind = pillow_numbers(image)
    elif image.mode == "F" or image.mode.startswith("I"):
        numbers = np.asarray(image)
        kind = Kind("floats", 1) if image.mode == "F" else kind
    else:
        return None
    if raw in ("RGBA;16B", "LA;16B"):
        alpha, numbers = numbers[..., -1] / 65535, numbers[..., :-1]
    elif clear is not None:
        alpha = np.any(np.atleast_3d(numbers) != clear, axis=-1)
    orientation = 1
    with suppress(Exception):  # damaged EXIF
        orientation = image.getexif().get(_ORIENTATION, 1)
    numbers = numbers[..., 0] if numbers.shape[2:] == (1,) else numbers
    return deep_photo(numbers, kind, color=color, alpha=alpha, orientation=orientation)


def _wide_png(image: ImageFile.ImageFile, contents: bytes, raw: str) -> NDArray[np.uint16]:
    """Numbers of a PNG of 16 bits, of which Pillow keeps the higher bytes only: (height, width, channels)."""
    with Image.open(io.BytesIO(contents), formats=["PNG"]) as again:
        # LA;16B is read as RGBA, which has as many bytes; of the others the lower bytes are read.
        other = "RGBA" if raw == "LA;16B" else raw.replace("16B", "16L")
        again.tile = [(*again.tile[0][:3], other)]  # type: ignore[list-item]
        pixels = np.ascontiguousarray(again)
    if raw == "LA;16B":
        return pixels.view(">u2")
    numbers: NDArray[np.uint16] = np.asarray(image).astype(np.uint16) << 8 | pixels
    return numbers
