"""The fields of a pool in a file of format version 4."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import (
    FORMAT,
    FORMAT_VERSION,
    MAX_FILE_BYTES,
    ArtifactError,
    read_bytes,
    read_file,
    write_bytes,
)
from gmmaug_plugin.artifact.encoding import CODECS, decode_images, encode_images
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.fit_record import FitRecord

MAX_IMAGE_SIZE = 512  # height and width in pixels
_ARRAYS = "arrays."  # prefix of the tensors that hold a pool's further arrays
_FIELDS: dict[str, type] = {
    "format": str,
    "format_version": int,
    "class_names": list,
    "class_shares": list,
    "mirror": bool,
    "n_images": int,
    "image_size": int,
    "channels": int,
    "codec": str,
    "record": dict,
    "sha256": str,
}
"""Keys of the document and the types of their values."""


def write_pool(path: str | os.PathLike[str], pool: Mapping[str, Any], *, lossless: bool) -> int:
    """Write a pool's fields to one file; see :meth:`gmmaug_plugin.pool.Pool.save`."""
    target = Path(path).expanduser()
    if target.suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors. Received: {str(path)!r}")
    images, codec = pool["images"], "png" if lossless else "jpeg"
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "class_names": list(pool["class_names"]),
        "class_shares": [float(share) for share in pool["class_shares"]],
        "mirror": bool(pool["mirror"]),
        "n_images": len(images),
        "image_size": images.shape[1],
        "channels": 3 if images.ndim == 4 else 1,
        "codec": codec,
        "record": pool["record"].as_json(),
    }
    blob, offsets = encode_images(images, codec)
    tensors: dict[str, NDArray[Any]] = {"images": blob, "offsets": offsets}
    if pool["labels"] is not None:
        tensors["labels"] = pool["labels"]
    tensors.update({_ARRAYS + name: array for name, array in pool["arrays"].items()})
    contents = write_bytes(document, tensors)
    if len(contents) > MAX_FILE_BYTES:
        raise ArtifactError(f"A file has at most {MAX_FILE_BYTES} bytes. Received: {len(contents)}")
    _decode(contents)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, contents)
    return len(contents)


def read_pool(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a pool's fields from a file; see :func:`gmmaug_plugin.pool.load_model`."""
    return _decode(read_file(Path(path).expanduser()))


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Describe a file without decoding its images.

    Returns:
        ``document``, as in the file; ``images_per_class``, by class name ("" without classes); ``tensors``,
        shape, dtype and size in bytes of each tensor, by name; ``file_bytes``.

    Raises:
        ArtifactError, OSError: As for :func:`gmmaug_plugin.pool.load_model`.

    Example:
        >>> describe("flowers.safetensors")["images_per_class"]  # doctest: +SKIP
        {'daisy': 300, 'rose': 200}
    """
    contents = read_file(Path(path).expanduser())
    document, tensors, _ = _read(contents)
    names = document["class_names"] or [""]
    labels = tensors.get("labels", np.zeros(document["n_images"], np.int32))
    return {
        "document": document,
        "images_per_class": {name: int((labels == number).sum()) for number, name in enumerate(names)},
        "tensors": {
            name: {"shape": list(array.shape), "dtype": array.dtype.name, "bytes": array.nbytes}
            for name, array in sorted(tensors.items())
        },
        "file_bytes": len(contents),
    }


def _decode(contents: bytes) -> dict[str, Any]:
    document, tensors, record = _read(contents)
    size = document["image_size"]
    shape = (size, size) if document["channels"] == 1 else (size, size, 3)
    return {
        "images": decode_images(tensors["images"], tensors["offsets"], document["codec"], shape),
        "labels": tensors.get("labels"),
        "class_names": tuple(document["class_names"]),
        "mirror": document["mirror"],
        "class_shares": tuple(document["class_shares"]),
        "record": record,
        "arrays": {
            name.removeprefix(_ARRAYS): array for name, array in tensors.items() if name.startswith(_ARRAYS)
        },
    }


def _read(contents: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]], FitRecord]:
    """Read document, tensors and record, and check types, shapes and ranges."""
    document, tensors = read_bytes(contents)
    types = {key: type(value) for key, value in document.items()}
    if types != _FIELDS or not (
        document["n_images"] >= 1
        and 1 <= document["image_size"] <= MAX_IMAGE_SIZE
        and document["channels"] in (1, 3)
        and document["codec"] in CODECS
        and all(isinstance(name, str) for name in document["class_names"])
        and all(isinstance(share, float) for share in document["class_shares"])
    ):
        raise ArtifactError(f"The document lacks a field, or has a wrong one. Received: {document!r:.500}")
    n, n_bytes = document["n_images"], tensors.get("images", np.empty(0)).size
    wanted = {"images": ("uint8", (n_bytes,)), "offsets": ("int64", (n + 1,))}
    if document["class_names"]:
        wanted["labels"] = ("int32", (n,))
    found = {key: (one.dtype.name, one.shape) for key, one in tensors.items() if not key.startswith(_ARRAYS)}
    if found != wanted:
        raise ArtifactError(f"Tensors must be {wanted!r:.500}. Received: {found!r:.500}")
    try:
        return document, tensors, FitRecord.from_json(document["record"])
    except ValueError as error:
        raise ArtifactError(f"The file's contents do not fit together: {error}") from error
