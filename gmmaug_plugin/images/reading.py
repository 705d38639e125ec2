"""Files to photos of one size, decoded once: what has been decoded before comes from the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.images.cache import (
    FEWEST_PHOTOS,
    Entry,
    NewEntry,
    entry_key,
    find_entry,
    fits,
    warn_without_cache,
)
from gmmaug_plugin.images.files import (
    PhotoFile,
    SkippedPhoto,
    decode_file,
    decode_photo,
    digest_files,
    read_files,
    strict_error,
)
from gmmaug_plugin.images.storage import Images, empty_array, take_rows
from gmmaug_plugin.resizing import Resize, resize_images

_State = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReadPhotos:
    """What has become of files.

    Attributes:
        images: Photos of the usable files, in order: uint8 (n, size, size).
        digests: SHA-256 of every usable file, 64 hexadecimal digits.
        reasons: For every file why it is no photo; None where it is.
    """

    images: Images
    digests: tuple[str, ...]
    reasons: list[str | None]


def read_photos_of(
    files: Sequence[PhotoFile],
    *,
    image_size: int,
    resize: Resize,
    strict: bool,
    quiet: bool,
    cache: bool,
) -> ReadPhotos:
    """Read files into photos, from the cache where it has them.

    Args:
        files: What to read.
        image_size: Height and width of a photo in pixels.
        resize: How photos are made square.
        strict: Stop at the first file that cannot be used.
        quiet: Show no progress bar.
        cache: Look into the cache, and keep there what is decoded.

    Raises:
        PhotoError: If a file cannot be used while ``strict``.
    """
    if cache and len(files) >= FEWEST_PHOTOS and fits(len(files) * image_size**2):
        states = _states(files)
        digests = digest_files(files, quiet=quiet)
        if all(digests):
            read = _through_cache(
                files, digests, states, image_size=image_size, resize=resize, strict=strict, quiet=quiet
            )
            if read is not None:
                return read
    images = empty_array((len(files), image_size, image_size))
    found, reasons, _ = read_files(
        files, partial(read_file, size=image_size, resize=resize), images, strict=strict, quiet=quiet
    )
    return _usable(images, found, reasons)


def read_file(path: Path, *, size: int | None, resize: Resize) -> tuple[Images, str]:
    """Read one file into a photo of a size (None: its own); tell the digest of its content besides."""
    photo, digest = decode_file(path, at_least=size)
    return _resized(photo, size, resize), digest


def _through_cache(
    files: Sequence[PhotoFile],
    digests: Sequence[str],
    states: Sequence[_State],
    *,
    image_size: int,
    resize: Resize,
    strict: bool,
    quiet: bool,
) -> ReadPhotos | None:
    """Read files whose digests are known; None if they changed meanwhile: they would be those of others."""
    key = entry_key(digests, image_size=image_size, resize=resize)
    entry = find_entry(key, n_files=len(files), image_size=image_size)
    if entry is not None:
        for file, reason in zip(files, entry.reasons, strict=True):
            if reason is not None and strict:
                raise strict_error(SkippedPhoto(file.name, reason))
        return _of_entry(entry, digests)

    def read(path: Path) -> tuple[Images, str]:
        return _resized(decode_photo(path, at_least=image_size), image_size, resize), ""

    new: NewEntry | None = None
    try:
        new = NewEntry(key, n_files=len(files), image_size=image_size)
    except OSError as error:
        warn_without_cache(error)
    images = empty_array((len(files), image_size, image_size)) if new is None else new.images
    try:
        _, reasons, lasting = read_files(files, read, images, strict=strict, quiet=quiet)
        if _states(files) != states:
            return None
        if new is not None and lasting and None in reasons:
            return _of_entry(new.keep(reasons), digests)
    except OSError as error:
        # Decoding tells of files by PhotoError: this is the cache's own disk.
        warn_without_cache(error)
    finally:
        if new is not None:
            new.drop()
    return _usable(images, list(digests), reasons)


def _states(files: Sequence[PhotoFile]) -> list[_State]:
    """What changes when a file does; nothing for files that are not there."""
    return [_state(file.path) for file in files]


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _of_entry(entry: Entry, digests: Sequence[str]) -> ReadPhotos:
    usable = zip(digests, entry.reasons, strict=True)
    return ReadPhotos(
        entry.images, tuple(digest for digest, reason in usable if reason is None), entry.reasons
    )


def _usable(images: Images, digests: Sequence[str], reasons: list[str | None]) -> ReadPhotos:
    kept = np.array([index for index, reason in enumerate(reasons) if reason is None], np.intp)
    if len(kept) < len(reasons):
        images = take_rows(images, kept)
    return ReadPhotos(images, tuple(digests[index] for index in kept), reasons)


def _resized(photo: NDArray[np.uint8], size: int | None, resize: Resize) -> Images:
    return photo if size is None else resize_images(photo[np.newaxis], size, resize=resize)[0]
