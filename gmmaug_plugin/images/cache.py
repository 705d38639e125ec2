"""Decoded photos, kept from one fit to the next.

An entry is a file of raw bytes and a small JSON document beside it, both written under another name first.
The document comes last, so an entry without one is none. Entries are told by what was decoded and how, never
by names or times of files.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import __version__ as pillow_version

from gmmaug_plugin.files import write_whole
from gmmaug_plugin.images.storage import Images, cache_folder

LIMIT_VARIABLE = "GMMAUG_CACHE_LIMIT"
"""Environment variable: the greatest size in GB; 0 keeps nothing."""

DEFAULT_LIMIT = 20.0
FEWEST_PHOTOS = 64
"""Fewer are decoded as fast as they are found."""

_DECODING = 1
"""To be raised when the same file decodes to other pixels than before."""

_STALE_SECONDS = 24 * 3600.0
"""Age from which an unfinished file has no writer any more."""

_OLD_SECONDS = 30 * 24 * 3600.0
"""Age from which nobody will go on with a fit."""


@dataclass(frozen=True)
class CacheInfo:
    """What the cache holds.

    Attributes:
        folder: Where it is.
        n_entries: Number of photo sets.
        n_unfinished: Number of fits that were stopped, or are at work, of which finished parts are kept.
        size: Bytes, of unfinished files and fits too.
        limit: Greatest size, bytes.
    """

    folder: Path
    n_entries: int
    n_unfinished: int
    size: int
    limit: int


@dataclass(frozen=True, eq=False)
class Entry:
    """Decoded files.

    Attributes:
        images: Photos of the usable files, in order: uint8 (n, size, size), mapped from the cache.
        reasons: For every file why it is no photo; None where it is.
    """

    images: Images
    reasons: list[str | None]


def cache_limit() -> int:
    """Greatest size of the cache in bytes.

    Raises:
        ValueError: ``GMMAUG_CACHE_LIMIT`` is no number of at least 0.
    """
    given = os.environ.get(LIMIT_VARIABLE)
    try:
        limit = DEFAULT_LIMIT if given is None else float(given)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < 1e9:
        raise ValueError(f"{LIMIT_VARIABLE} must be a number of GB, at least 0. Received: {given!r}")
    return int(limit * 1e9)


def entry_key(digests: Sequence[str], *, image_size: int, resize: str) -> str:
    """What tells an entry: the files' content, in order, and everything that decides what becomes of it."""
    how = [_DECODING, pillow_version, image_size, resize]
    return hashlib.sha256(json.dumps([how, *digests]).encode()).hexdigest()


def find_entry(key: str, *, n_files: int, image_size: int) -> Entry | None:
    """Look an entry up; one that is damaged is removed."""
    document, pixels = _paths(key)
    try:
        reasons = json.loads(document.read_bytes())["reasons"]
        n = sum(reason is None for reason in reasons)
        if len(reasons) != n_files or pixels.stat().st_size != n * image_size**2 or not n:
            raise ValueError("sizes do not fit")
        images = np.memmap(pixels, np.uint8, "r", shape=(n, image_size, image_size))
        os.utime(document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        _remove(key)
        return None
    return Entry(images, reasons)


class NewEntry:
    """An entry that is being written.

    Args:
        key: Of :func:`entry_key`.
        n_files: Number of files.
        image_size: Height and width of a photo.

    Attributes:
        images: Uint8 (n_files, image_size, image_size), to be filled.

    Raises:
        OSError: There is no room, or the folder cannot be written.
    """

    def __init__(self, key: str, *, n_files: int, image_size: int) -> None:
        self._key = key
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{key}.{secrets.token_hex(6)}.part"
        size = n_files * image_size**2
        _make_room(size)
        try:
            with self._path.open("xb") as stream:
                # Asked for at once: a disk that fills up under a mapping would kill the process.
                os.posix_fallocate(stream.fileno(), 0, size)
            shape = (n_files, image_size, image_size)
            self.images = np.memmap(self._path, np.uint8, "r+", shape=shape)
        except BaseException:
            self.drop()
            raise

    def keep(self, reasons: Sequence[str | None]) -> Entry:
        """Finish the entry: only the photos of usable files are kept."""
        n = 0
        for index, reason in enumerate(reasons):
            if reason is None:
                if n != index:
                    self.images[n] = self.images[index]
                n += 1
        size = self.images.shape[1]
        self.images.flush()
        with self._path.open("r+b") as stream:
            stream.truncate(n * size * size)
            os.fsync(stream.fileno())
        document, pixels = _paths(self._key)
        self._path.replace(pixels)
        write_whole(document, json.dumps({"reasons": list(reasons)}).encode())
        return Entry(np.memmap(pixels, np.uint8, "r", shape=(n, size, size)), list(reasons))

    def drop(self) -> None:
        """Remove what has been written."""
        self._path.unlink(missing_ok=True)


def cache_info() -> CacheInfo:
    """What the cache holds."""
    files = _files()
    n_entries = sum(path.suffix == ".json" for path in files)
    unfinished = _unfinished()
    size = sum(files.values()) + sum(map(_folder_size, unfinished))
    return CacheInfo(cache_folder(), n_entries, len(unfinished), size, cache_limit())


def clear_cache() -> CacheInfo:
    """Remove everything, unfinished files too; tells what there was.

    Fits that use an entry go on: what they have mapped stays until they end.
    """
    before = cache_info()
    for path in _files():
        path.unlink(missing_ok=True)
    shutil.rmtree(unfinished_fits(), ignore_errors=True)
    return before


def unfinished_fits() -> Path:
    """The folder of finished parts of fits that are not finished, a folder for each; it may not exist yet."""
    return cache_folder() / "fits"


def drop_old_fits() -> None:
    """Remove what was kept of fits that nobody has gone on with for a month."""
    for folder in _unfinished():
        if time.time() - _mtime(folder) > _OLD_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def warn_without_cache(error: OSError) -> None:
    """Say that photos could not be kept."""
    warnings.warn(
        f"Decoded photos are not kept: {error.strerror or error}. The fit goes on without "
        f"(--no-cache says so from the start). Received: cache folder {cache_folder()}",
        stacklevel=2,
    )


def _paths(key: str) -> tuple[Path, Path]:
    return cache_folder() / f"{key}.json", cache_folder() / f"{key}.u8"


def _remove(key: str) -> None:
    for path in _paths(key):
        # What cannot be removed is no entry either, and cannot be written: that is told there.
        with suppress(OSError):
            path.unlink()


def _files() -> dict[Path, int]:
    """Files of the cache and their sizes; what others put into its folder is left alone."""
    found: dict[Path, int] = {}
    folder = cache_folder()
    if not folder.is_dir():
        return found
    for path in folder.iterdir():
        if path.suffix in (".json", ".u8", ".part"):
            try:
                found[path] = path.stat().st_size
            except OSError:
                continue
    return found


def _unfinished() -> list[Path]:
    """The folders of unfinished fits."""
    try:
        return [path for path in unfinished_fits().iterdir() if path.is_dir()]
    except OSError:
        return []


def _folder_size(folder: Path) -> int:
    size = 0
    for path in folder.glob("*"):
        with suppress(OSError):
            size += path.stat().st_size
    return size


def _make_room(size: int) -> None:
    """Remove files that nobody writes any more, and the longest unused entries until ``size`` fits."""
    files = _files()
    now = time.time()
    for path in [path for path in files if path.suffix == ".part"]:
        if now - _mtime(path) > _STALE_SECONDS:
            path.unlink(missing_ok=True)
            files.pop(path)
    total = sum(files.values())
    for document in sorted((path for path in files if path.suffix == ".json"), key=_mtime):
        if total + size <= cache_limit():
            return
        pixels = document.with_suffix(".u8")
        total -= files[document] + files.get(pixels, 0)
        _remove(document.stem)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def fits(size: int) -> bool:
    """Whether an entry of so many bytes is worth keeping: within the limit, and leaving room on the disk."""
    limit = cache_limit()
    if size > limit:
        return False
    folder: Any = cache_folder()
    while not folder.is_dir() and folder.parent != folder:
        folder = folder.parent
    return shutil.disk_usage(folder).free > 2 * size
