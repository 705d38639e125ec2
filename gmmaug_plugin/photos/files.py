"""Photo files: read them, each into an array, or say why not."""

import hashlib
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gmmaug_plugin.photos.bounds import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SCANS,
    CountedReader,
    count_scans,
    pixel_budget,
)
from gmmaug_plugin.photos.errors import PhotoError
from gmmaug_plugin.photos.muting import muted_pillow
from gmmaug_plugin.photos.pixels import picture_pixels
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import Resize, resize_images
from gmmaug_plugin.threads import core_count

# Formats photos are kept in. Left out on purpose: EPS, which starts an external interpreter, and formats
# without a signature, for which any text file may pass. HEIF and JXL are there once a plugin registers them.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM")


@dataclass(frozen=True)
class SkippedPhoto:
    """A photo that was left out.

    Attributes:
        path: Its path relative to the source folder, with forward slashes; safe to print.
        reason: Why it was left out, a few words; safe to print.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.reason})"


@dataclass(frozen=True)
class PhotoFile:
    """A file that may be a photo.

    Attributes:
        path: Where to open it.
        name: Its name in messages; safe to print.
        label: Index of its class, 0 in a flat folder.
    """

    path: Path
    name: str
    label: int = 0


def printable(text: str) -> str:
    r"""Escape what could break a line or steer a terminal.

    Example:
        >>> printable("rose\n.jpg")
        'rose\\n.jpg'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def read_files(
    files: Sequence[PhotoFile],
    size: int,
    *,
    resize: Resize = "stretch",
    color: bool = False,
    strict: bool = False,
    quiet: bool = True,
) -> tuple[NDArray[np.uint8], list[str], list[str | None]]:
    """Read files side by side, showing progress.

    Args:
        files: What to read.
        size: Height and width of the photos in pixels.
        resize: How photos are made square.
        color: Read color photos.
        strict: Stop at the first file that cannot be used.
        quiet: Show no progress bar.

    Returns:
        The usable photos, uint8 (m, size, size) or (m, size, size, 3); their digests (m,); and per file why
        it was skipped, or None where it was not.

    Raises:
        PhotoError: If a file cannot be used while ``strict``.
    """
    images = np.empty((len(files), size, size, 3) if color else (len(files), size, size), np.uint8)
    digests = [""] * len(files)
    reasons: list[str | None] = []

    def read(index: int) -> str | None:
        try:
            images[index], digests[index] = read_file(
                files[index].path, size=size, resize=resize, color=color
            )
            return None
        except PhotoError as error:
            return str(error)
        finally:
            advance()

    with (
        muted_pillow(),
        progress_bar("Reading photos", len(files), quiet=quiet, unit="photos") as advance,
        ThreadPoolExecutor(core_count()) as pool,
    ):
        for file, reason in zip(files, pool.map(read, range(len(files))), strict=True):
            if reason is not None and strict:
                raise strict_error(SkippedPhoto(file.name, reason))
            reasons.append(reason)
    kept = [index for index, reason in enumerate(reasons) if reason is None]
    if len(kept) < len(files):
        images = images[kept]
    return images, [digests[index] for index in kept], reasons


def strict_error(photo: SkippedPhoto) -> PhotoError:
    """Say which photo a strict read stopped at.

    Example:
        >>> str(strict_error(SkippedPhoto("a.jpg", "empty file")))
        'Strict reading allows usable photos only. Received: a.jpg (empty file)'
    """
    return PhotoError(f"Strict reading allows usable photos only. Received: {photo}")


def read_file(
    path: Path, *, size: int | None, resize: Resize = "stretch", color: bool = False
) -> tuple[NDArray[np.uint8], str]:
    """Read one file into a square photo of a size (None: of its own shape and size), with its digest.

    The remaining arguments, result and errors are those of :func:`decode_file`.
    """
    photo, digest = decode_file(path, at_least=size, color=color)
    return photo if size is None else resize_images(photo[np.newaxis], size, resize=resize)[0], digest


def decode_file(
    path: Path, *, at_least: int | None = None, color: bool = False
) -> tuple[NDArray[np.uint8], str]:
    """Decode a file into an upright photo, at its own size unless a smaller one will do.

    Transparent photos are laid over white, 16-bit ones scaled to 8 bits, and of an animation the first
    picture is taken. Gray is the luma of ITU-R BT.601, as everywhere in Pillow.

    Args:
        path: The file.
        at_least: A JPEG may be decoded at a half, a quarter or an eighth of its size, as long as no side gets
            below twice this many pixels. None decodes at full size.
        color: Keep color.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255; and the SHA-256 of all
        bytes of the file, 64 hexadecimal digits.

    Raises:
        PhotoError: If the file is no usable photo; the message is the reason, a few words, safe to print.

    Example:
        >>> decode_file(Path("rose.jpg"))[0].shape  # doctest: +SKIP
        (240, 320)
    """
    try:
        _check_file(path)
        with (
            muted_pillow(),
            path.open("rb", buffering=0) as raw,
            CountedReader(raw) as stream,
            Image.open(stream, formats=_formats()) as image,
        ):
            photo = _decode(image, stream, at_least, color)
        # Opened anew, since decoders may close their stream. Only a photo is read in full.
        with path.open("rb") as content:
            return photo, hashlib.file_digest(content, "sha256").hexdigest()
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError("not an image") from error
    except Exception as error:
        # Decoders meet hostile bytes here, and answer with nearly any exception there is.
        raise PhotoError(_reason(error)) from error


def _check_file(path: Path) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe would wait for a writer, opening a device may do anything.
        raise PhotoError("not a regular file")
    if status.st_size == 0:
        raise PhotoError("empty file")
    if status.st_size > MAX_BYTES:
        raise PhotoError(f"more than {MAX_BYTES // 1_000_000_000} GB")


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MAX_PIXELS // 1_000_000} million pixels"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"broken image: {printable(str(error)[:200]) or type(error).__name__}"


def _decode(image: Image.Image, stream: BinaryIO, at_least: int | None, color: bool) -> NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"more than {MAX_PIXELS // 1_000_000} million pixels: {width} x {height} (width x height)"
        )
    if width * height == 0:
        raise PhotoError("an image without pixels")
    n_scans = count_scans(stream) if image.format in ("JPEG", "MPO") else 0
    if n_scans > MAX_SCANS:
        raise PhotoError(f"more than {MAX_SCANS} scans")
    # Twice the size leaves the antialiasing to the resize that follows, not to the decoder's coarser one.
    image.draft("RGB" if color else "L", None if at_least is None else (2 * at_least, 2 * at_least))
    drafted = image.size[0] * image.size[1]
    # Of several scans, the coefficients of all pixels are held, however small the picture gets.
    with pixel_budget.spend(width * height if n_scans > 1 else drafted):
        image.load()
        with suppress(Exception):
            # Turned in place, the photo stays upright even where Pillow then fails to rewrite odd EXIF.
            ImageOps.exif_transpose(image, in_place=True)
        return picture_pixels(image, color=color)


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)
