"""A JSON document and named tensors in the bytes of a ``.safetensors`` file.

The safetensors library writes the bytes, and checks names, shapes and offsets as it reads them. This module
adds a JSON document under one metadata key (several keys would be written in a random order), a format
version, a SHA-256 of document and tensors, and limits.
"""

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT = "gmmaug"  # name of the format in the document, and key of the document in the metadata
FORMAT_VERSION = 4
MAX_FILE_BYTES = 2**31
_CHECKSUM = "sha256"
_HINT = "A pool's file is written by gmmaug-fit or Pool.save. "
_MAX_HEADER_BYTES = 2**24
_DTYPES = ("uint8", "int8", "int32", "int64", "float32", "float64")


class ArtifactError(ValueError):
    """A file holds no pool, is damaged, or has a format that this version does not read."""


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file of at most ``MAX_FILE_BYTES``.

    Raises:
        ArtifactError: The file is larger, or a folder, pipe or device.
        OSError: The file cannot be read; FileNotFoundError if there is none.
    """
    if "\0" in str(path):
        raise ArtifactError(f"A path has no NUL character. Received: {str(path)!r}")
    # Checked before opening: opening a pipe blocks, opening a device can have effects.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(
            "A pool must be a file. Of a folder of photos, draw a pool first: fit(photos, output=file). "
            f"Received: a folder, pipe or device, {path}"
        )
    if status.st_size > MAX_FILE_BYTES:
        raise ArtifactError(f"The file must have at most {MAX_FILE_BYTES} bytes. Received: {status.st_size}")
    with path.open("rb") as file:
        return file.read(status.st_size)


def read_bytes(contents: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the document and the tensors of a file.

    Returns:
        The document, and arrays of integers or finite floats by name.

    Raises:
        ArtifactError: The file is damaged, is not a safetensors file of this format version, or holds a
            document that is not JSON, or a tensor of another dtype.
    """
    n_header = int.from_bytes(contents[:8], "little")
    if n_header > _MAX_HEADER_BYTES:
        raise ArtifactError(f"Not a safetensors file. {_HINT}Received: a header of {n_header} bytes")
    try:
        tensors = load(contents)
    except (SafetensorError, KeyError) as error:
        # KeyError: a dtype that numpy lacks.
        raise ArtifactError(
            f"Not a safetensors file, or a damaged one. {_HINT}Received: {error!s:.200}"
        ) from error
    metadata = _parse("header", contents[8 : 8 + n_header]).get("__metadata__") or {}
    if FORMAT not in metadata:
        raise ArtifactError(f"Not a file of gmmaug-plugin. {_HINT}Received: metadata {list(metadata)!r:.200}")
    document = _parse("document", metadata[FORMAT])
    _check_version(document.get("format"), document.get("format_version"))
    for name, array in tensors.items():
        if array.dtype.name not in _DTYPES or not np.isfinite(array).all():
            raise ArtifactError(
                f"Tensors must be finite {', '.join(_DTYPES)}. Received: {array.dtype.name}, {name[:80]!r}"
            )
    unsigned = {key: value for key, value in document.items() if key != _CHECKSUM}
    if document.get(_CHECKSUM) != _checksum(_canonical(unsigned), tensors):
        raise ArtifactError("The file is damaged. Received: contents that do not match the file's SHA-256")
    return document, tensors


def write_bytes(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a file; the same contents give the same bytes.

    Raises:
        ArtifactError: The document holds a value that JSON lacks.
    """
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    signed = {**document, _CHECKSUM: _checksum(_canonical(document), contiguous)}
    return save(contiguous, {FORMAT: _canonical(signed)})


def _check_version(name: object, version: object) -> None:
    received = f"Received: format {name!r:.80}, version {version!r:.80}"
    if name != FORMAT or type(version) is not int or version < 1:
        raise ArtifactError(f"The document must name format {FORMAT!r} and its version. {received}")
    if version < FORMAT_VERSION:
        raise ArtifactError(
            "Files of format version 1 to 3 hold mixtures, not images: read them with gmmaug-plugin 0.1, or "
            f"fit again. {received}"
        )
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"The file is of a newer format than version {FORMAT_VERSION}: update gmmaug-plugin. {received}"
        )


def _checksum(document: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(document.encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _canonical(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"A pool's record must be plain, finite JSON values. Received: {error}"
        ) from error


def _parse(what: str, text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"The file's {what} is no JSON. Received: {error!s:.200}") from error
    if not isinstance(found, dict):
        raise ArtifactError(f"The file's {what} must be a JSON object. Received: {type(found).__name__}")
    return found
