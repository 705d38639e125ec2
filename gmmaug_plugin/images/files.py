"""Photo files: read them, each into a grayscale array, or tell why not."""

import hashlib
import logging
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gmmaug_plugin.images.bounds import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SCANS,
    CountedReader,
    count_scans,
    pixel_budget,
)
from gmmaug_plugin.images.errors import PhotoError
from gmmaug_plugin.images.luma import to_luma
from gmmaug_plugin.progress import progress_bar

T = TypeVar("T")

# Formats photos are kept in. Left out on purpose: EPS, which starts an external interpreter, and formats
# without a signature, for which any text file may pass. HEIF and JXL are there once a plugin registers them.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF", "JXL", "JPEG2000", "PPM")

_TOO_LARGE = f"more than {MAX_BYTES // 1_000_000_000} GB"


@dataclass(frozen=True)
class SkippedPhoto:
    """A photo that was left out.

    Attributes:
        path: Where it lies, relative to the source folder, with forward slashes; safe to print.
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
        name: What to call it in messages; safe to print.
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
    read: Callable[[Path], tuple[NDArray[np.uint8], str]],
    images: NDArray[np.uint8],
    *,
    strict: bool,
    quiet: bool,
) -> tuple[list[str], list[str | None], bool]:
    """Read files side by side, showing progress.

    Args:
        files: What to read.
        read: Turns a path into a photo, uint8 (size, size), and the digest of the file; raises PhotoError
            with a reason.
        images: Where photos go, uint8 (n_files, size, size).
        strict: Stop at the first file that cannot be used.
        quiet: Show no progress bar.

    Returns:
        The digests, "" where the row is void; per file why it is void, or None where it is not; and whether
        the reasons lie in the files' content, so that they hold whenever it is read.

    Raises:
        PhotoError: If a file cannot be used while ``strict``.

    Example:
        >>> read_files([], decode_file, np.empty((0, 8, 8), np.uint8), strict=False, quiet=True)
        ([], [], True)
    """
    digests = [""] * len(files)
    passing: list[int] = []

    def read_row(index: int) -> str | None:
        try:
            images[index], digests[index] = read(files[index].path)
        except PhotoError as error:
            if _passes(error):
                passing.append(index)
            return str(error)
        return None

    reasons: list[str | None] = []
    with muted_pillow():
        for file, reason in zip(
            files, _side_by_side(read_row, len(files), "Reading photos", quiet=quiet), strict=True
        ):
            if reason is not None and strict:
                raise strict_error(SkippedPhoto(file.name, reason))
            reasons.append(reason)
    return digests, reasons, not passing


def digest_files(files: Sequence[PhotoFile], *, quiet: bool) -> list[str]:
    """SHA-256 of every file's content, 64 hexadecimal digits; "" where it cannot be read.

    Files too large to be photos are not read, and all have one digest, of another length.
    """

    def digest(index: int) -> str:
        try:
            path = files[index].path
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return ""
            if status.st_size > MAX_BYTES:
                return _TOO_LARGE  # all of them are refused alike, whatever is in them
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return ""

    return list(_side_by_side(digest, len(files), "Looking for known photos", quiet=quiet))


def _side_by_side(work: Callable[[int], T], n: int, title: str, *, quiet: bool) -> Iterator[T]:
    """Results of work on 0 to n - 1, in order, showing progress."""
    with progress_bar(title, n, quiet=quiet) as advance:

        def one(index: int) -> T:
            try:
                return work(index)
            finally:
                advance()

        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            yield from pool.map(one, range(n))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for files nobody has begun


def _passes(error: PhotoError) -> bool:
    """Whether the reason is a matter of the moment: no right to read, no memory, a file that is gone."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)


def strict_error(photo: SkippedPhoto) -> PhotoError:
    """Say which photo a strict read stopped at.

    Example:
        >>> str(strict_error(SkippedPhoto("a.jpg", "empty file")))
        'Strict reading allows usable photos only. Received: a.jpg (empty file)'
    """
    return PhotoError(f"Strict reading allows usable photos only. Received: {photo}")


def decode_photo(path: Path, *, at_least: int | None = None) -> NDArray[np.uint8]:
    """Decode a file into an upright grayscale photo, at its own size unless a smaller one will do.

    Transparent photos are laid over white, 16-bit ones scaled to 8 bits, and of an animation the first
    picture is taken. Gray is the luma of ITU-R BT.601, as everywhere in Pillow.

    Args:
        path: The file.
        at_least: A JPEG may be decoded at a half, a quarter or an eighth of its size, as long as no side gets
            below twice this many pixels. None decodes at full size.

    Returns:
        uint8 (height, width), values 0..255.

    Raises:
        PhotoError: If the file is no usable photo; the message is the reason, a few words, safe to print.

    Example:
        >>> decode_photo(Path("rose.jpg")).shape  # doctest: +SKIP
        (240, 320)
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe would wait for a writer, opening a device may do anything.
            raise PhotoError("not a regular file")
        if status.st_size == 0:
            raise PhotoError("empty file")
        if status.st_size > MAX_BYTES:
            raise PhotoError(_TOO_LARGE)
        with (
            muted_pillow(),
            path.open("rb", buffering=0) as raw,
            CountedReader(raw) as stream,
            Image.open(stream, formats=_formats()) as image,
        ):
            return _decode(image, stream, at_least)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError("not an image") from error
    except Exception as error:
        # Decoders meet hostile bytes here, and answer with nearly any exception there is.
        raise PhotoError(_reason(error)) from error


def decode_file(path: Path, *, at_least: int | None = None) -> tuple[NDArray[np.uint8], str]:
    """Decode a file as :func:`decode_photo` does, and tell the digest of its content besides.

    Args:
        path: The file.
        at_least: See :func:`decode_photo`.

    Returns:
        uint8 (height, width), and the SHA-256 of all bytes of the file, 64 hexadecimal digits.

    Raises:
        PhotoError: If the file is no usable photo; the message is the reason, a few words, safe to print.
    """
    photo = decode_photo(path, at_least=at_least)
    try:
        # Opened anew: decoders leave the first stream anywhere. Only what proved a photo is read in full.
        with path.open("rb") as stream:
            return photo, hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PhotoError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MAX_PIXELS // 1_000_000} million pixels"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"broken image: {printable(str(error)[:200]) or type(error).__name__}"


def _decode(image: Image.Image, stream: BinaryIO, at_least: int | None) -> NDArray[np.uint8]:
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
    image.draft("L", None if at_least is None else (2 * at_least, 2 * at_least))
    drafted = image.size[0] * image.size[1]
    # Of several scans, the coefficients of all pixels are held, however small the picture gets.
    with pixel_budget.spend(width * height if n_scans > 1 else drafted):
        image.load()
        with suppress(Exception):
            # Turned in place, the photo stays upright even where Pillow then fails to rewrite odd EXIF.
            ImageOps.exif_transpose(image, in_place=True)
        return to_luma(image)


def read_array_file(path: Path) -> dict[str, NDArray[Any]]:
    """Read a .npy or .npz file of photos, without ever unpickling.

    Args:
        path: The file.

    Returns:
        ``images``, and of an .npz file ``labels`` and ``class_names`` where it has them, as they are there.

    Raises:
        PhotoError: If the file cannot be read or has no images.

    Example:
        >>> sorted(read_array_file(Path("flowers.npz")))  # doctest: +SKIP
        ['images', 'labels']
    """
    if not path.is_file():
        raise PhotoError(f"There is no such file. Received: {str(path)!r}")
    try:
        with path.open("rb") as stream:
            if path.suffix.lower() == ".npy":
                # Mapped, not read: the photos may be more than memory holds.
                return {"images": np.load(path, mmap_mode="r", allow_pickle=False)}
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"images": loaded}
            names = {"images": ("images", "x"), "labels": ("labels", "y"), "class_names": ("class_names",)}
            keys = {
                name: next((key for key in options if key in loaded), None) for name, options in names.items()
            }
            contents = {name: loaded[key] for name, key in keys.items() if key is not None}
    except Exception as error:
        raise PhotoError(
            f"The file cannot be read as arrays: {printable(str(error)[:200])}. Received: {str(path)!r}"
        ) from error
    if "images" not in contents:
        raise PhotoError(f"An .npz file of photos needs the key 'images' or 'x'. Received: {str(path)!r}")
    return contents


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


class _Mute:
    """Counts who reads, so that overlapping reads put the warning filters back once, and in order."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.readers = 0
        self.filters = warnings.catch_warnings()
        self.handler = logging.NullHandler()  # without one, Python prints what is logged

    def enter(self) -> None:
        with self.lock:
            self.readers += 1
            if self.readers == 1:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
                logging.getLogger("PIL").addHandler(self.handler)

    def leave(self) -> None:
        with self.lock:
            self.readers -= 1
            if self.readers == 0:
                self.filters.__exit__(None, None, None)
                logging.getLogger("PIL").removeHandler(self.handler)


_mute = _Mute()


@contextmanager
def muted_pillow() -> Iterator[None]:
    """Keep warnings that Pillow itself raises (large pictures, damaged EXIF) off while photos are read.

    What it logs is not printed either, unless the program has set up logging.

    Python's warning filters belong to the process, so worker threads must not each swap them: the first
    reader adds one filter, for Pillow's modules only, and the last one takes it out again. Hold this around
    a whole pool of workers, and the filters change once.

    Example:
        >>> with muted_pillow():
        ...     pass
    """
    _mute.enter()
    try:
        yield
    finally:
        _mute.leave()
