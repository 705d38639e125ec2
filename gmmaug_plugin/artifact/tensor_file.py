"""Reading a ``.safetensors`` file that nobody vouches for.

The file is read, not mapped: one that shrinks meanwhile is an error, where a mapped one would end the process
(SIGBUS). Its header is checked before any memory is taken for tensors, and each tensor is read once, so what
was checked is what is used. The layout is that of the safetensors format: eight bytes that tell the length of
a JSON header, the header, and the tensors, which fill the rest without gaps.
"""

import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.documents import parse, shown
from gmmaug_plugin.artifact.errors import ArtifactError

MAX_FILE_BYTES = 2**32
"""Larger files are refused: a model takes as much memory as its file."""

MAX_HEADER_BYTES = 2**25

DTYPES: dict[str, type[np.generic]] = {
    "I8": np.int8,
    "U8": np.uint8,
    "I32": np.int32,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}
"""The types that tensors of artifacts have, by what the format calls them."""

_LENGTH_BYTES = 8
_MAX_DIMENSIONS = 8
_METADATA = "__metadata__"


@dataclass(frozen=True)
class Entry:
    """What a header tells of a tensor.

    Attributes:
        dtype: As the format calls it, not necessarily one of ``DTYPES``.
        shape: Its shape.
        begin: Its first byte after the header.
        end: The byte after its last.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorFile:
    """An open file whose header was found to fit it.

    Args:
        file: The file, unbuffered.
        path: Its name, for messages.

    Attributes:
        metadata: Texts by key.
        entries: What is told of every tensor, by name.

    Raises:
        ArtifactError: It is no whole safetensors file.
    """

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self._path = path
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise ArtifactError(f"The file must have at most {MAX_FILE_BYTES} bytes. Received: {size} bytes")
        if size < _LENGTH_BYTES:
            raise self._not_whole(f"it has {size} bytes")
        n_header = int.from_bytes(self._read(0, _LENGTH_BYTES), "little")
        if n_header > min(size - _LENGTH_BYTES, MAX_HEADER_BYTES):
            raise self._not_whole(f"it tells a header of {n_header} bytes and has {size}")
        self._begin = _LENGTH_BYTES + n_header
        try:
            header = parse(self._read(_LENGTH_BYTES, n_header).decode())
            self.metadata, self.entries = _read_header(header)
            _check_places(self.entries, size - self._begin)
        except ValueError as error:
            raise self._not_whole(str(error)) from error

    def read(self, name: str) -> NDArray[Any]:
        """Read a tensor of one of ``DTYPES``, read-only.

        Raises:
            ArtifactError: The file has shrunk since it was opened.
        """
        entry = self.entries[name]
        dtype = np.dtype(DTYPES[entry.dtype])
        contents = self._read(self._begin + entry.begin, entry.end - entry.begin)
        array = np.frombuffer(contents, dtype.newbyteorder("<")).astype(dtype, copy=False)
        array = array.reshape(entry.shape)
        array.setflags(write=False)
        return array

    def _read(self, begin: int, count: int) -> bytearray:
        self._file.seek(begin)
        contents, done = bytearray(count), 0
        while done < count:
            got = self._file.readinto(memoryview(contents)[done:])
            if not got:
                raise self._not_whole(f"it ended at byte {begin + done} while it was read")
            done += got
        return contents

    def _not_whole(self, why: str) -> ArtifactError:
        return ArtifactError(f"Not a whole safetensors file ({why}). Received: {self._path}")


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a file for reading; what is no regular file is refused, and never waited for.

    Raises:
        ArtifactError: It is no whole safetensors file.
        OSError: It cannot be opened or read; FileNotFoundError if there is none.
    """
    if "\0" in str(path):
        raise ArtifactError(f"A path has no NUL characters. Received: {str(path)!r}")
    _check_regular(path.stat().st_mode, path)
    with FileIO(path, opener=_open_at_once) as file:
        # Between both looks another may have taken the name.
        _check_regular(os.fstat(file.fileno()).st_mode, path)
        yield TensorFile(file, path)


def _open_at_once(path: str, flags: int) -> int:
    """A pipe would else be waited for until somebody writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise ArtifactError(f"The artifact must be a file. Received: {what}, {path}")


def _read_header(header: Any) -> tuple[dict[str, str], dict[str, Entry]]:
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    return metadata, {name: _read_entry(name, told) for name, told in header.items()}


def _read_entry(name: str, told: Any) -> Entry:
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {shown(name)} has no dtype, shape and data_offsets")
    dtype, shape, offsets = told["dtype"], told["shape"], told["data_offsets"]
    if not isinstance(dtype, str) or not _are_counts(shape, _MAX_DIMENSIONS) or not _are_counts(offsets, 2):
        raise ValueError(f"tensor {shown(name)} is not told in a type, a shape and two offsets")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"tensor {shown(name)} ends before it begins")
    entry = Entry(dtype, tuple(shape), *offsets)
    if dtype in DTYPES and math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != entry.end - entry.begin:
        raise ValueError(f"tensor {shown(name)} has other bytes than its shape takes")
    return entry


def _are_counts(values: Any, most: int) -> bool:
    """Whether this is a list of whole numbers, so many and so great at most that a product is soon taken."""
    return (
        isinstance(values, list)
        and len(values) <= most
        and all(type(value) is int and 0 <= value < 2**63 for value in values)
    )


def _check_places(entries: Mapping[str, Entry], n_bytes: int) -> None:
    """Check that tensors fill the bytes after the header, without gaps and without overlaps."""
    end = 0
    for entry in sorted(entries.values(), key=lambda one: (one.begin, one.end)):
        if entry.begin != end:
            raise ValueError(f"tensors leave a gap or overlap at byte {min(end, entry.begin)}")
        end = entry.end
    if end != n_bytes:
        raise ValueError(f"tensors take {end} bytes, {n_bytes} follow the header")
