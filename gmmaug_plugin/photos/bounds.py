"""Limits on what one photo may cost: small files can ask for hours of decoding and for all memory."""

import errno
import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from gmmaug_plugin.photos.errors import PhotoError

MAX_PIXELS = 100_000_000
"""Photos of more pixels are refused by their header, before any of them is decoded."""

MAX_BYTES = 1_000_000_000
"""Larger files are refused unread: some decoders begin by reading a file to its end."""

MAX_SCANS = 100
"""Scans of a JPEG. Cameras and converters write some ten; each may touch every pixel again."""

_MAX_READS = 250_000
_PIXELS_AT_ONCE = 2 * MAX_PIXELS

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, 0xD8)
_CHUNK = 1 << 16


class CountedReader(io.BufferedReader):
    """A file that may be read in many pieces, but not in any number.

    Formats are lists of pieces, and a file can be made of nothing but empty ones. Others announce pieces of
    gigabytes: no more memory is taken than the file has bytes left.

    Args:
        raw: The file, opened without a buffer.

    Raises:
        PhotoError: When it has been read in too many pieces.
    """

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self._reads = 0
        self._size = os.fstat(raw.fileno()).st_size

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        """Seek as any file does; a position that no file has is the photo's fault, not the system's."""
        try:
            return super().seek(place, whence)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise OSError("a position outside of the file") from error

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does."""
        self._reads += 1
        if self._reads > _MAX_READS:
            raise PhotoError("in far too many pieces")
        if size is not None and size > _CHUNK:
            size = min(size, max(0, self._size - self.tell()))
        return super().read(size)


def count_scans(stream: BinaryIO) -> int:
    """Count the scans of a JPEG, passing over thumbnails before and films after the picture.

    Args:
        stream: The file; its position is restored afterwards.

    Returns:
        The number, at most one more than :data:`MAX_SCANS`.

    Example:
        >>> count_scans(io.BytesIO(bytes([0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 7, 7, 0xFF, 0xD9])))
        1
    """
    before = stream.tell()
    stream.seek(2)
    n_scans, data, place = 0, b"", 0
    while n_scans <= MAX_SCANS:
        found = _MARKER.search(data, place)
        if found is None or found.end() + 2 > len(data):
            rest = data[-1:] if found is None else data[found.start() :]
            more = stream.read(_CHUNK)
            if not more:
                break
            data, place = rest + more, 0
            continue
        marker, place = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            break
        n_scans += marker == _START_OF_SCAN
        if marker not in _WITHOUT_LENGTH:
            place += int.from_bytes(data[place : place + 2], "big")
        if place > len(data):
            stream.seek(place - len(data), io.SEEK_CUR)
            data, place = b"", 0
    stream.seek(before)
    return n_scans


class PixelBudget:
    """Lets threads decode side by side as long as their photos are small enough together.

    Args:
        total: Pixels; a photo of more is decoded alone.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for so many pixels, and hold it meanwhile."""
        pixels = min(pixels, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


pixel_budget = PixelBudget(_PIXELS_AT_ONCE)
"""Shared by all threads of the process."""
