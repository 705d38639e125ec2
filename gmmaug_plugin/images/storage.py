"""Where many images lie: in memory or in files that memory is mapped to."""

import mmap
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from platformdirs import user_cache_path

Images = NDArray[np.uint8]

FOLDER_VARIABLE = "GMMAUG_CACHE"
"""Environment variable: the cache folder."""

LARGE = 2**28
"""Bytes from which arrays lie in files: 256 MiB, 16,384 photos of 128 x 128."""

_AT_ONCE = 1024
"""Images that are copied at a time."""


def cache_folder() -> Path:
    """The folder that caches and temporary files of large sets lie in; it may not exist yet."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_cache_path("gmmaug")


class ImageSource(Protocol):
    """Images that can be sliced: an array in memory, one in a file, or what stands for one elsewhere."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width)."""

    def __getitem__(self, rows: slice) -> Images: ...


@dataclass(frozen=True)
class SharedImages:
    """Images in a file that other processes, on other machines too, open by its path.

    Attributes:
        path: The file.
        shape: (n, height, width).
        offset: Where in the file they begin, bytes.
    """

    path: Path
    shape: tuple[int, ...]
    offset: int = 0

    @classmethod
    def of(cls, images: Images) -> "SharedImages | None":
        """What stands for images that are mapped whole from a file; None for others."""
        if not isinstance(images, np.memmap) or not isinstance(images.base, mmap.mmap):
            return None
        name = images.filename
        if name is None or not Path(name).is_file() or not images.flags.c_contiguous:
            return None
        return cls(Path(name).absolute(), images.shape, images.offset)

    def __getitem__(self, rows: slice) -> Images:
        """Some of the images, in memory.

        Raises:
            OSError: The file cannot be seen from here.
        """
        if not self.path.is_file():
            raise OSError(
                "All workers must see the photos' file: set GMMAUG_CACHE to a folder on storage that all "
                f"machines share. Received: {self.path}"
            )
        return np.array(np.memmap(self.path, np.uint8, "r", self.offset, self.shape)[rows])


def share_images(images: Images) -> SharedImages:
    """Write images to a file of their own in the cache folder; whoever asks must remove it."""
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"shared-{secrets.token_hex(8)}.part"
    try:
        with path.open("xb") as stream:
            for block in blocks(images):
                stream.write(np.ascontiguousarray(block).data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return SharedImages(path.absolute(), images.shape)


def empty_array(shape: tuple[int, ...], dtype: DTypeLike = np.uint8, *, large: int = LARGE) -> NDArray[Any]:
    """Memory for an array, with anything in it: in a file without a name if it takes ``large`` bytes or more.

    The file is in the cache folder, or where temporary files are if that cannot be written; it is gone with
    the array, whatever ends the process. Without room on the disk the array is in memory.

    Args:
        shape: The shape.
        dtype: The dtype.
        large: Bytes.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < max(large, 1):
        return np.empty(shape, dtype)
    for folder in (cache_folder(), None):
        with suppress(OSError):
            if folder is not None:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as stream:
                # Asked for at once: a disk that fills up under a mapping would kill the process.
                os.posix_fallocate(stream.fileno(), 0, size)
                return np.memmap(stream, dtype, "r+", shape=shape)
    return np.empty(shape, dtype)


def take_rows(images: Images, rows: NDArray[np.intp]) -> Images:
    """Copy images at positions, into a file if they are large and come from one."""
    large = LARGE if mapping_of(images) else 2**63
    taken = empty_array((len(rows), *images.shape[1:]), images.dtype, large=large)
    for begin in range(0, len(rows), _AT_ONCE):
        taken[begin : begin + _AT_ONCE] = images[rows[begin : begin + _AT_ONCE]]
        release(images)
        release(taken)
    return taken


def blocks(images: Images, size: int = _AT_ONCE) -> Iterator[Images]:
    """Images block by block; each block's memory is let go when the next is asked for."""
    for begin in range(0, len(images), size):
        yield images[begin : begin + size]
        release(images)


def release(source: object) -> None:
    """Let go of the memory that pages of a mapped file take; they come back from the file when read again.

    Does nothing for arrays in memory.
    """
    mapping = mapping_of(source)
    if mapping is not None and not mapping.closed and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def mapping_of(source: object) -> mmap.mmap | None:
    """The mapped file that an array, or what it is a view of, lies in; None for arrays in memory."""
    while isinstance(source, np.ndarray):
        source = source.base
    return source if isinstance(source, mmap.mmap) else None
