"""A PCA mixture as tensors and JSON, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import Reader
from gmmaug_plugin.artifact.documents import shown
from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.artifact.ranges import GREATEST_VARIANCE, LEAST_VARIANCE, check_basis, code_reach
from gmmaug_plugin.artifact.shared import (
    MIXTURE_TENSORS,
    check_template_components,
    describe,
    length,
    mixture_tensors,
    read_description,
    read_mixture,
)
from gmmaug_plugin.models.basis import MAX_IMAGE_SIZE, Basis
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import PART_NAMES, SYMMETRIES, Symmetry, part_shape
from gmmaug_plugin.models.templates import MAX_TEMPLATES, Templates

FORMAT_VERSION = 2
"""2 added strengths and templates; a file of version 1 is read as one without."""

VERSIONS_READ = (1, 2)
"""Format versions that there are files of this kind of."""

_TEMPLATE_TENSORS = {"template_codes", "template_scales", "template_components"}


def encode(model: PCAMixture) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The model's own part of the document, and its tensors."""
    document = {
        **describe(model),
        "symmetry": model.basis.symmetry,
        "noise_variance": model.noise_variance,
    }
    tensors = mixture_tensors(model.mixture)
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
    names = MIXTURE_TENSORS | {"mean"}
    for part in PART_NAMES[symmetry]:
        names |= {f"basis.{part}", f"basis_scale.{part}"}
    has_templates = not _TEMPLATE_TENSORS.isdisjoint(reader.shapes)
    reader.check_names(names | _TEMPLATE_TENSORS if has_templates else names)
    told = read_description(reader.document)
    basis = _read_basis(reader, symmetry, image_size)
    mixture = read_mixture(reader, basis.n_dimensions, told.n_classes)
    noise_variance = reader.document.get("noise_variance")
    if not isinstance(noise_variance, float) or not LEAST_VARIANCE <= noise_variance <= GREATEST_VARIANCE:
        raise ArtifactError(
            f"noise_variance must be a positive number, {LEAST_VARIANCE:g} to {GREATEST_VARIANCE:g}. "
            f"Received: {shown(noise_variance)}"
        )
    templates = _read_templates(reader, mixture) if has_templates else None
    reach = code_reach(mixture)
    check_basis(basis, reach if templates is None else np.maximum(reach, templates.reach()))
    reader.check_digest()
    return PCAMixture(basis, mixture, noise_variance, *told, templates)


def _read_geometry(document: dict[str, Any]) -> tuple[Symmetry, int]:
    symmetry, image_size = document.get("symmetry"), document.get("image_size")
    if symmetry not in SYMMETRIES:
        raise ArtifactError(f"symmetry must be one of {list(SYMMETRIES)}. Received: {shown(symmetry)}")
    if type(image_size) is not int or not 1 <= image_size <= MAX_IMAGE_SIZE:
        raise ArtifactError(
            f"image_size must be a whole number from 1 to {MAX_IMAGE_SIZE}. Received: {shown(image_size)}"
        )
    try:
        part_shape(symmetry, image_size)
    except ValueError as error:
        raise ArtifactError(str(error)) from error
    return symmetry, image_size


def _read_basis(reader: Reader, symmetry: Symmetry, image_size: int) -> Basis:
    height, width = part_shape(symmetry, image_size)
    rows, scales = [], []
    for part in PART_NAMES[symmetry]:
        count = length(reader, f"basis.{part}", least=0, most=height * width)
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


def _read_templates(reader: Reader, mixture: Mixture) -> Templates:
    T, q = length(reader, "template_codes", most=MAX_TEMPLATES), mixture.means.shape[1]
    templates = Templates(
        reader.tensor("template_codes", np.int8, (T, q)),
        reader.tensor("template_scales", np.float32, (q,)),
        reader.tensor("template_components", np.int32, (T,)),
    )
    if not (templates.scales > 0).all():
        raise ArtifactError(
            f"Tensor 'template_scales' must be positive. Received: {templates.scales.min():g}"
        )
    check_template_components("template_components", templates.components, mixture)
    return templates
