"""One JSON document and named tensors, to the bytes of a ``.safetensors`` file and back.

The layout is the safetensors library's business: it writes the bytes and checks what it reads. Added here are
the document (strict JSON under one metadata key, since several keys would be written in a random order), a
SHA-256 over document and tensors, and limits.
"""

import hashlib
import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

MAX_FILE_BYTES = 2**31
"""Larger files are refused."""

MAX_DEPTH = 32
"""Objects and lists of a document within one another."""

_METADATA = "gmmaug"
_CHECKSUM = "sha256"
_MAX_HEADER_BYTES = 2**24
_DTYPES = {"U8": "|u1", "I8": "|i1", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}


class ArtifactError(ValueError):
    """A file is no artifact, a damaged one, or of a format that this version does not read."""


def read_file(path: Path) -> bytes:
    """Read a regular file of at most ``MAX_FILE_BYTES``.

    Raises:
        ArtifactError: It is larger, or a folder, pipe or device.
        OSError: It cannot be read; FileNotFoundError if there is none.
    """
    if "\0" in str(path):
        raise ArtifactError(f"A path has no NUL character. Received: {str(path)!r}")
    # Before it is opened: opening a pipe blocks, opening a device can have effects.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(f"The artifact must be a file. Received: a folder, pipe or device, {path}")
    if status.st_size > MAX_FILE_BYTES:
        raise ArtifactError(f"The file must have at most {MAX_FILE_BYTES} bytes. Received: {status.st_size}")
    with path.open("rb") as file:
        return file.read(status.st_size)


def read_document(contents: bytes) -> dict[str, Any]:
    """Read the document of a file's bytes, not its tensors.

    Raises:
        ArtifactError: The file has none, or it is no JSON object.
    """
    length = int.from_bytes(contents[:8], "little")
    if not 0 < length <= min(len(contents) - 8, _MAX_HEADER_BYTES):
        raise ArtifactError(f"Not a safetensors file. Received: {len(contents)} bytes, header of {length}")
    header = _parse("header", contents[8 : 8 + length])
    metadata = header.get("__metadata__")
    text = metadata.get(_METADATA) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ArtifactError(
            f"Not a file of gmmaug-plugin. Received: safetensors without {_METADATA!r} metadata"
        )
    return _parse("document", text)


def read_tensors(contents: bytes, document: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read the tensors of a file's bytes.

    Args:
        contents: The file.
        document: Its document, which has the checksum.

    Returns:
        Arrays by name; integers or finite numbers.

    Raises:
        ArtifactError: The file is damaged, or a tensor is of another type or not finite.
    """
    try:
        found = deserialize(contents)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ArtifactError(f"Not a whole safetensors file. Received: {error!s:.200}") from error
    tensors = {}
    for name, entry in found:
        if entry["dtype"] not in _DTYPES:
            raise ArtifactError(f"Tensors must be {list(_DTYPES)}. Received: {entry['dtype']}, {name[:80]!r}")
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        array = np.frombuffer(entry["data"], dtype).astype(dtype.newbyteorder("="), copy=False)
        tensors[name] = array.reshape(entry["shape"])
        if not np.isfinite(array).all():
            raise ArtifactError(f"Tensors must be finite. Received: NaN or infinity in {name[:80]!r}")
    unsigned = {key: value for key, value in document.items() if key != _CHECKSUM}
    if document.get(_CHECKSUM) != _checksum(_canonical(unsigned), tensors):
        raise ArtifactError("The file is damaged. Received: contents of another SHA-256 than the file names")
    return tensors


def write_bytes(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a file; the same for the same contents.

    Raises:
        ArtifactError: The document holds a value that JSON lacks.
    """
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    signed = {**document, _CHECKSUM: _checksum(_canonical(document), contiguous)}
    return save(contiguous, {_METADATA: _canonical(signed)})


def _checksum(document: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(document.encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name}:{array.dtype.newbyteorder('<').str}:{array.shape}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def _canonical(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"A pool's record must be plain, finite JSON values. Received: {error}"
        ) from error


def _parse(what: str, text: str | bytes) -> dict[str, Any]:
    """Read a JSON object: finite numbers, no key twice, not too deep."""
    try:
        found = json.loads(text, parse_constant=_number, parse_float=_number, object_pairs_hook=_unique)
        _check_depth(found)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"The file's {what} is no plain JSON. Received: {error!s:.200}") from error
    if not isinstance(found, dict):
        raise ArtifactError(f"The file's {what} must be a JSON object. Received: {type(found).__name__}")
    return found


def _number(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:40]} is not finite")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(part, depth + 1)
