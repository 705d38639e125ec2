"""A pool as a file: format version 4."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import (
    MAX_FILE_BYTES,
    ArtifactError,
    read_document,
    read_file,
    read_tensors,
    write_bytes,
)
from gmmaug_plugin.artifact.encoding import CODECS, decode_images, encode_images
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.pool import MAX_IMAGE_SIZE, Pool
from gmmaug_plugin.record import FitRecord

FORMAT_VERSION = 4

_FORMAT = "gmmaug"
_ARRAYS = "arrays."
"""Before the names of a pool's arrays."""


def save_pool(pool: Pool, path: str | os.PathLike[str], *, lossless: bool = False) -> int:
    """Write a pool to one file, whole or not at all; the same pool gives the same bytes.

    Args:
        pool: The pool.
        path: The target, whose name ends in ``.safetensors``. A missing folder is made; "~" is the home.
        lossless: Keep every gray level, in PNG. Otherwise images are encoded in JPEG with a peak
            signal-to-noise ratio of at least 45 dB each.

    Returns:
        The file's size in bytes.

    Raises:
        ArtifactError: The pool could not be loaded again: too large, or values of the record that JSON lacks.
        OSError: The file cannot be written; what was there before is untouched.
        ValueError: The name ends in something else.

    Example:
        >>> save_pool(pool, "flowers.safetensors")  # doctest: +SKIP
        5310216
    """
    target = Path(path).expanduser()
    if target.suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors. Received: {str(path)!r}")
    codec = "png" if lossless else "jpeg"
    document = {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "class_names": list(pool.class_names),
        "class_shares": [float(share) for share in pool.class_shares],
        "mirror": bool(pool.mirror),
        "n_images": len(pool),
        "image_size": pool.image_size,
        "channels": pool.channels,
        "codec": codec,
        "record": pool.record.as_json(),
    }
    blob, offsets = encode_images(pool.images, codec)
    tensors: dict[str, NDArray[Any]] = {"images": blob, "offsets": offsets}
    if pool.labels is not None:
        tensors["labels"] = pool.labels
    tensors.update({_ARRAYS + name: array for name, array in pool.arrays.items()})
    contents = write_bytes(document, tensors)
    if len(contents) > MAX_FILE_BYTES:
        raise ArtifactError(f"A file has at most {MAX_FILE_BYTES} bytes. Received: {len(contents)}")
    _decode(contents)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, contents)
    return len(contents)


def load_model(path: str | os.PathLike[str]) -> Pool:
    """Read the pool of a file. The file may come from anybody: it is checked, and nothing in it is run.

    Args:
        path: A file that :func:`save_pool` wrote; "~" is the home.

    Raises:
        ArtifactError: The file is no artifact, damaged, of a format that this version does not read, or no
            file: a folder, a pipe.
        OSError: It cannot be read; FileNotFoundError if there is none.

    Example:
        >>> load_model("flowers.safetensors")  # doctest: +SKIP
        Pool(500 grayscale images of 128 x 128, 5 classes)
    """
    return _decode(read_file(Path(path).expanduser()))


def as_pool(pool: Pool | str | os.PathLike[str]) -> Pool:
    """Return a pool as it is, and load one given by its path.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(pool, Pool):
        return pool
    if isinstance(pool, str | os.PathLike):
        return load_model(pool)
    raise TypeError(f"model must be a pool or the path of its file. Received: {type(pool).__name__}")


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Say what is in a file, without decoding its images.

    Returns:
        ``document``, as in the file; ``images_per_class``, by class name ("" without classes); ``tensors``,
        the shape, dtype and bytes of each by name; ``file_bytes``.

    Raises:
        ArtifactError, OSError: As for :func:`load_model`.
    """
    contents = read_file(Path(path).expanduser())
    document, tensors = _read(contents)
    _record(document)
    names = document["class_names"]
    counts = [document["n_images"]]
    if names:
        counts = [int((tensors["labels"] == number).sum()) for number in range(len(names))]
    return {
        "document": document,
        "images_per_class": dict(zip(names or [""], counts, strict=True)),
        "tensors": {
            name: {"shape": list(array.shape), "dtype": array.dtype.name, "bytes": array.nbytes}
            for name, array in sorted(tensors.items())
        },
        "file_bytes": len(contents),
    }


def _decode(contents: bytes) -> Pool:
    document, tensors = _read(contents)
    size, names = document["image_size"], document["class_names"]
    shape = (size, size) if document["channels"] == 1 else (size, size, 3)
    images = decode_images(tensors["images"], tensors["offsets"], document["codec"], shape)
    arrays = {
        name.removeprefix(_ARRAYS): array for name, array in tensors.items() if name.startswith(_ARRAYS)
    }
    try:
        return Pool(
            images=images,
            labels=tensors.get("labels"),
            class_names=tuple(names),
            mirror=document["mirror"],
            class_shares=tuple(map(float, document["class_shares"])),
            record=_record(document),
            arrays=arrays,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"The file's contents do not fit together: {error}") from error


def _record(document: dict[str, Any]) -> FitRecord:
    try:
        return FitRecord.from_json(document["record"])
    except ValueError as error:
        raise ArtifactError(f"The file's contents do not fit together: {error}") from error


def _read(contents: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read document and tensors, and check types, shapes and ranges."""
    document = read_document(contents)
    _check_version(document.get("format"), document.get("format_version"))
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
    tensors = read_tensors(contents, document)
    n, blob = document["n_images"], tensors.get("images", np.empty(0))
    wanted = {"images": ("uint8", (blob.size,)), "offsets": ("int64", (n + 1,))}
    if document["class_names"]:
        wanted["labels"] = ("int32", (n,))
    found = {key: (one.dtype.name, one.shape) for key, one in tensors.items() if not key.startswith(_ARRAYS)}
    if found != wanted:
        raise ArtifactError(f"Tensors must be {wanted!r:.500}. Received: {found!r:.500}")
    return document, tensors


def _check_version(name: object, version: object) -> None:
    received = f"Received: format {name!r:.80}, version {version!r:.80}"
    if name != _FORMAT or type(version) is not int or version < 1:
        raise ArtifactError(f"The document must name format {_FORMAT!r} and its version. {received}")
    if version < FORMAT_VERSION:
        raise ArtifactError(
            "Files of format version 1 to 3 hold mixtures, not images: read them with gmmaug-plugin 0.1, or "
            f"fit again. {received}"
        )
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"The file is of a newer format than version {FORMAT_VERSION}: update gmmaug-plugin. {received}"
        )


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
