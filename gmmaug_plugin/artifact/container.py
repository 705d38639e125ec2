"""One ``.safetensors`` file: named tensors and one JSON document, the same bytes for the same contents."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gmmaug_plugin.files import write_whole

METADATA_KEY = "gmmaug"
"""The one metadata key: with several, safetensors writes them in an order that changes from run to run."""

_DIGEST = "sha256"
"""Key of the checksum in the document; it covers everything else."""

_MOST_METADATA = 16 * 2**20
_DTYPES = {
    "I8": np.int8,
    "U8": np.uint8,
    "I32": np.int32,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


class ArtifactError(ValueError):
    """A file is no artifact, a damaged one, or one this version cannot read."""


class Reader:
    """An open artifact: its document, and its tensors one by one.

    Attributes:
        document: The JSON document.
        shapes: Shape of every tensor by name, as declared in the file.
    """

    def __init__(self, handle: Any, document: dict[str, Any]) -> None:
        self._handle = handle
        self.document = document
        self._slices = {name: handle.get_slice(name) for name in handle.keys()}  # noqa: SIM118
        self.shapes = {name: tuple(piece.get_shape()) for name, piece in self._slices.items()}

    def check_names(self, expected: set[str]) -> None:
        """Raise :class:`ArtifactError` unless the file holds exactly these tensors."""
        if set(self.shapes) != expected:
            missing, unknown = expected - set(self.shapes), set(self.shapes) - expected
            raise ArtifactError(
                f"The artifact must hold the tensors {sorted(expected)}. "
                f"Received: missing {sorted(missing)}, unknown {sorted(unknown)}"
            )

    def tensor(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Read one tensor after checking what the file declares of it.

        Raises:
            ArtifactError: Dtype or shape is another, or a value is not finite.
        """
        declared = _DTYPES.get(self._slices[name].get_dtype())
        if declared is not dtype or self.shapes[name] != shape:
            raise ArtifactError(
                f"Tensor {name!r} must be {np.dtype(dtype).name} {shape}. "
                f"Received: {self._slices[name].get_dtype()} {self.shapes[name]}"
            )
        array: NDArray[Any] = self._handle.get_tensor(name)
        if np.issubdtype(dtype, np.floating) and not np.isfinite(array).all():
            raise ArtifactError(f"Tensor {name!r} must be finite. Received: NaN or infinite values")
        return array

    def check_digest(self) -> None:
        """Raise :class:`ArtifactError` unless document and tensors are those that were written."""
        tensors = {name: self._handle.get_tensor(name) for name in sorted(self.shapes)}
        document = {name: value for name, value in self.document.items() if name != _DIGEST}
        if self.document.get(_DIGEST) != _digest(document, tensors):
            raise ArtifactError(
                "The file's contents must have the SHA-256 that it tells. "
                "Received: another, so the file is damaged"
            )

    def n_bytes(self) -> dict[str, int]:
        """Bytes of every tensor by name."""
        sizes = {}
        for name, shape in self.shapes.items():
            dtype = self._slices[name].get_dtype()
            if dtype not in _DTYPES:
                raise ArtifactError(f"Tensor {name!r} must be one of {list(_DTYPES)}. Received: {dtype}")
            sizes[name] = int(np.prod(shape)) * np.dtype(_DTYPES[dtype]).itemsize
        return sizes


@contextmanager
def open_container(path: Path) -> Iterator[Reader]:
    """Open a file for reading.

    Raises:
        ArtifactError: It is no safetensors file, is damaged, or has no such document.
        FileNotFoundError: There is no such file.
    """
    if path.is_dir():
        raise ArtifactError(f"The artifact must be a file. Received: a folder, {path}")
    try:
        with safe_open(path, framework="numpy") as handle:
            yield Reader(handle, _read_document(handle.metadata(), path))
    except SafetensorError as error:
        raise ArtifactError(f"Not a whole safetensors file ({error}). Received: {path}") from error


def write_container(
    path: Path,
    document: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    check: Callable[[Path], object],
) -> int:
    """Write a file, all or nothing and only if ``check`` can read it; return its size in bytes.

    Raises:
        OSError: The file cannot be written; whatever was there before is untouched.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    signed = {**document, _DIGEST: _digest(document, contiguous)}
    contents = save(contiguous, metadata={METADATA_KEY: _canonical(signed)})
    write_whole(path, contents, check=check)
    return len(contents)


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _digest(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the document and all tensors in the order of their names."""
    digest = hashlib.sha256(_canonical(document).encode())
    for name, array in tensors.items():
        digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read_document(metadata: dict[str, str] | None, path: Path) -> dict[str, Any]:
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ArtifactError(f"The file was not written by gmmaug. Received: {path}")
    if len(text) > _MOST_METADATA:
        raise ArtifactError(
            f"The document is larger than {_MOST_METADATA} bytes. Received: {len(text)} bytes"
        )
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"The document is no JSON ({error}). Received: {path}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"The document must be a JSON object. Received: {type(document).__name__}")
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
