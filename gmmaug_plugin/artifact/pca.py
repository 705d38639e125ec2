"""A PCA mixture as tensors and JSON, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import ArtifactError, Reader
from gmmaug_plugin.models.basis import MAX_IMAGE_SIZE, Basis
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.models.symmetry import PART_NAMES, SYMMETRIES, Symmetry, part_shape
from gmmaug_plugin.models.templates import MAX_TEMPLATES, Templates

FORMAT_VERSION = 2
"""2 added strengths and templates; a file of version 1 is read as one without."""

_WEIGHT_SLACK = 1e-6
_MIXTURE_TENSORS = {"weights", "means", "variances", "factors", "factor_offsets", "groups", "classes"}
_TEMPLATE_TENSORS = {"template_codes", "template_scales", "template_components"}


def encode(model: PCAMixture) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The model's own part of the document, and its tensors."""
    document = {
        "image_size": model.image_size,
        "value_range": [0, 255],
        "symmetry": model.basis.symmetry,
        "noise_variance": model.noise_variance,
        "class_names": list(model.class_names),
        "strengths": model.strengths.as_json(),
        "info": dict(model.info),
    }
    tensors: dict[str, NDArray[Any]] = {
        name: getattr(model.mixture, name) for name in sorted(_MIXTURE_TENSORS)
    }
    tensors["mean"] = model.basis.mean
    parts = PART_NAMES[model.basis.symmetry]
    for part, rows, scales in zip(parts, model.basis.rows, model.basis.scales, strict=True):
        tensors[f"basis.{part}"] = rows
        tensors[f"basis_scale.{part}"] = scales
    if model.templates is not None:
        tensors["template_codes"] = model.templates.codes
        tensors["template_scales"] = model.templates.scales
        tensors["template_components"] = model.templates.components
    return document, tensors


def decode(reader: Reader) -> PCAMixture:
    """Read a model; every size is checked against the document before a tensor is read.

    Raises:
        ArtifactError: Something is missing, of another kind or size, or out of range.
    """
    symmetry, image_size = _read_geometry(reader.document)
    names = _MIXTURE_TENSORS | {"mean"}
    for part in PART_NAMES[symmetry]:
        names |= {f"basis.{part}", f"basis_scale.{part}"}
    has_templates = not _TEMPLATE_TENSORS.isdisjoint(reader.shapes)
    reader.check_names(names | _TEMPLATE_TENSORS if has_templates else names)
    basis = _read_basis(reader, symmetry, image_size)
    class_names = _read_class_names(reader.document)
    mixture = _read_mixture(reader, basis.n_dimensions)
    _check_mixture(mixture, max(1, len(class_names)))
    noise_variance = reader.document.get("noise_variance")
    if not isinstance(noise_variance, float) or not noise_variance > 0:
        raise ArtifactError(f"noise_variance must be a positive number. Received: {noise_variance!r}")
    info = reader.document.get("info")
    if not isinstance(info, dict):
        raise ArtifactError(f"info must be a JSON object. Received: {type(info).__name__}")
    strengths = _read_strengths(reader.document)
    templates = _read_templates(reader, mixture) if has_templates else None
    reader.check_digest()
    return PCAMixture(basis, mixture, noise_variance, class_names, info, strengths, templates)


def _read_geometry(document: dict[str, Any]) -> tuple[Symmetry, int]:
    symmetry, image_size = document.get("symmetry"), document.get("image_size")
    if symmetry not in SYMMETRIES:
        raise ArtifactError(f"symmetry must be one of {list(SYMMETRIES)}. Received: {symmetry!r}")
    if type(image_size) is not int or not 1 <= image_size <= MAX_IMAGE_SIZE:
        raise ArtifactError(
            f"image_size must be a whole number from 1 to {MAX_IMAGE_SIZE}. Received: {image_size!r}"
        )
    try:
        part_shape(symmetry, image_size)
    except ValueError as error:
        raise ArtifactError(str(error)) from error
    return symmetry, image_size


def _read_class_names(document: dict[str, Any]) -> tuple[str, ...]:
    names = document.get("class_names")
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) != len(names)
    ):
        raise ArtifactError(f"class_names must be a list of different names. Received: {names!r}")
    return tuple(names)


def _read_basis(reader: Reader, symmetry: Symmetry, image_size: int) -> Basis:
    height, width = part_shape(symmetry, image_size)
    rows, scales = [], []
    for part in PART_NAMES[symmetry]:
        count = _length(reader, f"basis.{part}", least=0, most=height * width)
        rows.append(reader.tensor(f"basis.{part}", np.int8, (count, height, width)))
        scales.append(reader.tensor(f"basis_scale.{part}", np.float32, (count,)))
        if not (scales[-1] > 0).all():
            raise ArtifactError(
                f"Tensor 'basis_scale.{part}' must be positive. Received: {scales[-1].min():g}"
            )
        if not rows[-1].any(axis=(1, 2)).all():
            raise ArtifactError(f"Tensor 'basis.{part}' has an empty row. Received: a row of zeros")
    if not any(map(len, rows)):
        raise ArtifactError("The basis must have a row. Received: none")
    mean = reader.tensor("mean", np.float32, (image_size, image_size))
    return Basis(symmetry, mean, tuple(rows), tuple(scales))


def _read_mixture(reader: Reader, n_dimensions: int) -> Mixture:
    K = _length(reader, "weights")
    G = _length(reader, "variances", most=K)
    R = _length(reader, "factors", most=K * n_dimensions, least=0)
    return Mixture(
        weights=reader.tensor("weights", np.float64, (K,)),
        means=reader.tensor("means", np.float32, (K, n_dimensions)),
        variances=reader.tensor("variances", np.float32, (G, n_dimensions)),
        factors=reader.tensor("factors", np.float32, (R, n_dimensions)),
        factor_offsets=reader.tensor("factor_offsets", np.int32, (G + 1,)),
        groups=reader.tensor("groups", np.int32, (K,)),
        classes=reader.tensor("classes", np.int32, (K,)),
    )


def _read_strengths(document: dict[str, Any]) -> Strengths:
    """The strengths; format version 1 knew none."""
    values = document.get("strengths", {})
    if not isinstance(values, dict) or not set(values) <= {"synthesis", "variation"}:
        raise ArtifactError(f"strengths must be those of synthesis and variation. Received: {values!r}")
    try:
        return Strengths(**values)
    except ValueError as error:
        raise ArtifactError(str(error)) from error


def _read_templates(reader: Reader, mixture: Mixture) -> Templates:
    T, q = _length(reader, "template_codes", most=MAX_TEMPLATES), mixture.means.shape[1]
    templates = Templates(
        reader.tensor("template_codes", np.int8, (T, q)),
        reader.tensor("template_scales", np.float32, (q,)),
        reader.tensor("template_components", np.int32, (T,)),
    )
    if not (templates.scales > 0).all():
        raise ArtifactError(
            f"Tensor 'template_scales' must be positive. Received: {templates.scales.min():g}"
        )
    components = templates.components
    if components.min() < 0 or components.max() >= mixture.n_components:
        raise ArtifactError(
            f"Tensor 'template_components' must be numbers of components, 0 to {mixture.n_components - 1}. "
            f"Received: {components.min()} to {components.max()}"
        )
    if len(np.unique(mixture.classes[components])) < mixture.n_classes:
        raise ArtifactError("Every class must have a template. Received: a class without one")
    return templates


def _check_mixture(mixture: Mixture, n_classes: int) -> None:
    offsets = mixture.factor_offsets
    weights = mixture.weights
    rules = {
        "weights must be positive or zero and sum to one": (weights >= 0).all()
        and abs(weights.sum() - 1.0) < _WEIGHT_SLACK,
        "variances must be positive": (mixture.variances > 0).all(),
        "factor_offsets must ascend from 0 to the number of factor rows": offsets[0] == 0
        and offsets[-1] == len(mixture.factors)
        and (np.diff(offsets) >= 0).all(),
        "groups must be numbers of variance rows": mixture.groups.min() >= 0
        and mixture.groups.max() < len(mixture.variances),
        "classes must be the labels 0 to the number of classes, each with a weight": mixture.classes.min()
        >= 0
        and mixture.classes.max() < n_classes
        and (np.bincount(mixture.classes, weights, minlength=n_classes) > 0).all(),
    }
    for rule, kept in rules.items():
        if not kept:
            raise ArtifactError(f"{rule}. Received: other values, so the file is damaged")


def _length(reader: Reader, name: str, *, most: int | None = None, least: int = 1) -> int:
    shape = reader.shapes[name]
    length = shape[0] if shape else 0
    if length < least or (most is not None and length > most):
        allowed = f"at least {least}" if most is None else f"{least} to {most}"
        raise ArtifactError(f"Tensor {name!r} must have {allowed} rows. Received: shape {shape}")
    return int(length)
