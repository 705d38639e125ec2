"""One ``.safetensors`` file: named tensors and one JSON document, the same bytes for the same contents."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from gmmaug_plugin.artifact.documents import canonical, parse, shown
from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.artifact.tensor_file import DTYPES, TensorFile, open_tensors
from gmmaug_plugin.files import write_whole

METADATA_KEY = "gmmaug"
"""The one metadata key: with several, safetensors writes them in an order that changes from run to run."""

DIGEST_KEY = "sha256"
"""Key of the checksum in the document; it covers everything else."""

_MOST_METADATA = 2**24


class Reader:
    """An open artifact: its document, and its tensors one by one.

    Attributes:
        document: The JSON document.
        shapes: Shape of every tensor by name, as declared in the file.
    """

    def __init__(self, file: TensorFile, document: dict[str, Any]) -> None:
        self._file = file
        self._tensors: dict[str, NDArray[Any]] = {}
        self.document = document
        self.shapes = {name: entry.shape for name, entry in file.entries.items()}

    def check_names(self, expected: set[str]) -> None:
        """Raise :class:`ArtifactError` unless the file holds exactly these tensors."""
        if set(self.shapes) != expected:
            missing, unknown = expected - set(self.shapes), set(self.shapes) - expected
            raise ArtifactError(
                f"The artifact must hold the tensors {sorted(expected)}. "
                f"Received: missing {shown(sorted(missing))}, unknown {shown(sorted(unknown))}"
            )

    def tensor(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """Read one tensor after checking what the file declares of it.

        Raises:
            ArtifactError: Dtype or shape is another, or a value is not finite.
        """
        declared = self._file.entries[name].dtype
        if DTYPES.get(declared) is not dtype or self.shapes[name] != shape:
            raise ArtifactError(
                f"Tensor {name!r} must be {np.dtype(dtype).name} {shape}. "
                f"Received: {shown(declared)[1:-1]} {self.shapes[name]}"
            )
        array = self._whole(name)
        if np.issubdtype(dtype, np.floating) and not np.isfinite(array).all():
            raise ArtifactError(f"Tensor {name!r} must be finite. Received: NaN or infinite values")
        return array

    def check_digest(self) -> None:
        """Raise :class:`ArtifactError` unless document and tensors are those that were written."""
        tensors = {name: self._whole(name) for name in sorted(self.shapes)}
        document = {name: value for name, value in self.document.items() if name != DIGEST_KEY}
        if self.document.get(DIGEST_KEY) != digest(document, tensors):
            raise ArtifactError(
                "The file's contents must have the SHA-256 that it tells. "
                "Received: another, so the file is damaged"
            )

    def n_bytes(self) -> dict[str, int]:
        """Bytes of every tensor by name."""
        return {name: entry.end - entry.begin for name, entry in self._file.entries.items()}

    def _whole(self, name: str) -> NDArray[Any]:
        """A tensor, read once: what was checked is what is used and what the checksum is of."""
        if name not in self._tensors:
            self._tensors[name] = self._file.read(name)
        return self._tensors[name]


@contextmanager
def open_container(path: Path) -> Iterator[Reader]:
    """Open a file for reading.

    Raises:
        ArtifactError: It is no safetensors file, is damaged, or has no such document.
        OSError: It cannot be opened or read; FileNotFoundError if there is none.
    """
    with open_tensors(path) as file:
        yield Reader(file, _read_document(file.metadata, path))


def write_container(
    path: Path,
    document: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    check: Callable[[Path], object],
) -> int:
    """Write a file, all or nothing and only if ``check`` can read it; return its size in bytes.

    Raises:
        ArtifactError: The document holds what JSON does not have.
        OSError: The file cannot be written; whatever was there before is untouched.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    try:
        signed = canonical({**document, DIGEST_KEY: digest(document, contiguous)})
    except ValueError as error:
        raise ArtifactError(f"A model's info must be plain JSON values. Received: {error}") from error
    contents = save(contiguous, metadata={METADATA_KEY: signed})
    write_whole(path, contents, check=check)
    return len(contents)


def digest(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the document and all tensors in the order of their names."""
    summed = hashlib.sha256(canonical(document).encode())
    for name, array in tensors.items():
        summed.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        summed.update(np.ascontiguousarray(array).data)
    return summed.hexdigest()


def _read_document(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    text = metadata.get(METADATA_KEY)
    if text is None:
        raise ArtifactError(f"The file was not written by gmmaug. Received: {path}")
    if len(text) > _MOST_METADATA:
        raise ArtifactError(
            f"The document is larger than {_MOST_METADATA} characters. Received: {len(text)} characters"
        )
    try:
        document = parse(text)
    except ValueError as error:
        raise ArtifactError(f"The document is no JSON ({error}). Received: {path}") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"The document must be a JSON object. Received: {type(document).__name__}")
    return document
