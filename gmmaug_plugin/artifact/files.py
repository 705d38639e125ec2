"""Models to files and back."""

from pathlib import Path
from types import ModuleType
from typing import Any

from gmmaug_plugin.artifact import multiscale, pca
from gmmaug_plugin.artifact.container import Reader, open_container, write_container
from gmmaug_plugin.artifact.documents import shown
from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.pca_mixture import PCAMixture

FORMAT = "gmmaug"

_CODECS: dict[str, ModuleType] = {PCAMixture.kind: pca, MultiscaleMixture.kind: multiscale}
"""By kind of model, what knows its files: ``encode``, ``decode``, the ``FORMAT_VERSION`` it writes, and the
``VERSIONS_READ``."""


def save_model(model: ImageModel, path: str | Path) -> int:
    """Write a model to one ``.safetensors`` file, all or nothing.

    The same model gives the same bytes; :func:`load_model` gives back an equal model, image for image.

    Args:
        model: A fitted model.
        path: The target; an existing file is replaced only by a whole new one.

    Returns:
        The file's size in bytes.

    Raises:
        ArtifactError: The model's values could not be loaded again, or there are no files of its kind;
            nothing is written.
        OSError: The file cannot be written.
        ValueError: The name does not end in ``.safetensors``.

    Example:
        >>> save_model(model, "flowers.safetensors")  # doctest: +SKIP
        7213480
    """
    target = Path(path)
    if target.suffix != ".safetensors":
        raise ValueError(f"An artifact's name must end in .safetensors. Received: {str(path)!r}")
    codec = _codec_of(model.kind)
    document, tensors = codec.encode(model)
    header = {"format": FORMAT, "format_version": codec.FORMAT_VERSION, "kind": model.kind}
    return write_container(target, {**document, **header}, tensors, check=load_model)


def load_model(path: str | Path) -> ImageModel:
    """Read a model that :func:`save_model` wrote.

    Args:
        path: The file.

    Returns:
        The model.

    Raises:
        ArtifactError: The file is no artifact, damaged, or of a newer format; or no file: a folder, a pipe.
        OSError: It cannot be opened or read; FileNotFoundError if there is none.

    Example:
        >>> load_model("flowers.safetensors").class_names  # doctest: +SKIP
        ('daisy', 'rose')
    """
    with open_container(Path(path)) as reader:
        model: ImageModel = _read_codec(reader.document).decode(reader)
        return model


def as_model(model: ImageModel | str | Path) -> ImageModel:
    """Return a model as it is, and load one that is given as a path."""
    if isinstance(model, str | Path):
        return load_model(model)
    if not isinstance(model, ImageModel):
        raise TypeError(f"model must be a fitted model or the path of its file. Received: {type(model)}")
    return model


def describe_artifact(path: str | Path) -> dict[str, Any]:
    """Tell what is in a file: its document, its tensors, and the components of every mixture.

    Returns:
        ``document``; ``tensors``, shape and bytes of each; ``components``, the number of every mixture by its
        name (``"mixture"`` the one over codes); and ``file_bytes``.

    Raises:
        ArtifactError: The file is no artifact, damaged, or of a newer format; or no file: a folder, a pipe.
        OSError: It cannot be opened or read; FileNotFoundError if there is none.
    """
    with open_container(Path(path)) as reader:
        _read_codec(reader.document).decode(reader)
        return {
            "document": reader.document,
            "tensors": _describe_tensors(reader),
            "components": _count_components(reader),
            "file_bytes": Path(path).stat().st_size,
        }


def _describe_tensors(reader: Reader) -> dict[str, dict[str, Any]]:
    sizes = reader.n_bytes()
    return {
        name: {"shape": list(shape), "bytes": sizes[name]} for name, shape in sorted(reader.shapes.items())
    }


def _count_components(reader: Reader) -> dict[str, int]:
    """By mixture, its number of components: in files of every kind a mixture has a tensor of weights."""
    counts = {}
    for tensor, shape in sorted(reader.shapes.items()):
        name, _, last = tensor.rpartition(".")
        if last == "weights":
            counts[name or "mixture"] = shape[0]
    return counts


def _codec_of(kind: object) -> ModuleType:
    if not isinstance(kind, str) or kind not in _CODECS:
        raise ArtifactError(f"The kind of model must be one of {list(_CODECS)}. Received: {shown(kind)}")
    return _CODECS[kind]


def _read_codec(document: dict[str, Any]) -> ModuleType:
    """What reads a file of this document, if this version can."""
    found = document.get("format_version")
    newest = max(codec.FORMAT_VERSION for codec in _CODECS.values())
    if document.get("format") != FORMAT or type(found) is not int or found < 1:
        raise ArtifactError(
            f"The document must name format {FORMAT!r} and its version. "
            f"Received: {shown(document.get('format'))}, version {shown(found)}"
        )
    if found > newest:
        raise ArtifactError(
            f"The file was written by a newer gmmaug-plugin: update it to read the file. This one reads "
            f"format versions up to {newest}. Received: format version {shown(found)}"
        )
    kind = document.get("kind")
    codec = _codec_of(kind)
    if found not in codec.VERSIONS_READ:
        raise ArtifactError(
            f"A file of kind {kind!r} has one of the format versions {list(codec.VERSIONS_READ)}. "
            f"Received: format version {found}"
        )
    return codec
