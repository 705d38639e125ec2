"""A multi-scale mixture as tensors and JSON, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import Reader
from gmmaug_plugin.artifact.documents import shown
from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.artifact.ranges import are_densities, check_reach, code_reach
from gmmaug_plugin.artifact.shared import (
    MIXTURE_TENSORS,
    are_classes,
    are_weights,
    check_template_components,
    describe,
    length,
    mixture_tensors,
    read_description,
    read_mixture,
)
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import ConditionalMixture, MultiscaleMixture, PhotoTemplates
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS, MAX_COMPONENTS
from gmmaug_plugin.models.multiscale.contexts import N_CONTEXT, N_DETAILS, PHASES
from gmmaug_plugin.models.multiscale.layout import n_detail_positions, steps_of
from gmmaug_plugin.models.multiscale.pyramid import BASE_SIZE, IMAGE_SIZES, detail_sizes
from gmmaug_plugin.models.multiscale.templates import N_CODES
from gmmaug_plugin.models.templates import MAX_TEMPLATES

FORMAT_VERSION = 3
"""3 added this kind."""

VERSIONS_READ = (3,)
"""Format versions that there are files of this kind of."""

Levels = tuple[tuple[ConditionalMixture, ...], ...]

_N_BASE = BASE_SIZE * BASE_SIZE
_DETAIL_TENSORS = ("weights", "means", "roots", "classes")
_TEMPLATE_TENSORS = {
    "template_base",
    "template_base_components",
    "template_components",
    "template_innovations",
}


def encode(model: MultiscaleMixture) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The model's own part of the document, and its tensors.

    Raises:
        ArtifactError: The file could not hold the factors of the base as they are.
    """
    tensors = mixture_tensors(model.base)
    tensors["factors"] = _halved(model.base.factors)
    for size, phases in zip(detail_sizes(model.image_size), model.levels, strict=True):
        for phase, mixture in zip(PHASES, phases, strict=True):
            for name in _DETAIL_TENSORS:
                tensors[_detail_name(size, phase, name)] = getattr(mixture, name)
    if model.templates is not None:
        tensors["template_base"] = model.templates.base
        tensors["template_base_components"] = model.templates.base_components
        tensors["template_components"] = model.templates.components
        tensors["template_innovations"] = model.templates.innovations
    return describe(model), tensors


def decode(reader: Reader) -> MultiscaleMixture:
    """Read a model; every size is checked against the document before a tensor is read.

    Raises:
        ArtifactError: Something is missing, of another kind or size, or out of range.
    """
    image_size = _read_image_size(reader.document)
    names = MIXTURE_TENSORS | {
        _detail_name(size, phase, name)
        for size in detail_sizes(image_size)
        for phase in PHASES
        for name in _DETAIL_TENSORS
    }
    has_templates = not _TEMPLATE_TENSORS.isdisjoint(reader.shapes)
    reader.check_names(names | _TEMPLATE_TENSORS if has_templates else names)
    told = read_description(reader.document)
    base = read_mixture(reader, _N_BASE, told.n_classes, factors=np.float16)
    check_reach(float(code_reach(base).max()))
    levels = tuple(
        tuple(_read_details(reader, size, phase, told.n_classes) for phase in PHASES)
        for size in detail_sizes(image_size)
    )
    shared = {mixture.shared for phases in levels for mixture in phases}
    if len(shared) > 1:
        raise ArtifactError(
            "Classes must share the components of all details or of none. Received: those of some"
        )
    templates = _read_templates(reader, base, levels) if has_templates else None
    reader.check_digest()
    return MultiscaleMixture(base, levels, *told, templates)


def _detail_name(size: int, phase: str, name: str) -> str:
    """Name of a tensor of a level's phase: levels are called by the height of the images that they make."""
    return f"details.{2 * size}.{phase}.{name}"


def _halved(factors: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = factors.astype(np.float16)
    lost = half.astype(np.float32) != factors
    if lost.any():
        raise ArtifactError(
            "The factors of the base must be float16 numbers, as the file has them. "
            f"Received: {factors[lost][0]:.9g}"
        )
    return half


def _read_image_size(document: dict[str, Any]) -> int:
    image_size = document.get("image_size")
    if type(image_size) is not int or image_size not in IMAGE_SIZES:
        raise ArtifactError(f"image_size must be one of {list(IMAGE_SIZES)}. Received: {shown(image_size)}")
    return image_size


def _read_details(reader: Reader, size: int, phase: str, n_classes: int) -> ConditionalMixture:
    names = {name: _detail_name(size, phase, name) for name in _DETAIL_TENSORS}
    K, D = length(reader, names["weights"], most=MAX_COMPONENTS), N_CONTEXT[phase] + N_DETAILS
    mixture = ConditionalMixture(
        weights=reader.tensor(names["weights"], np.float64, (K,)),
        means=reader.tensor(names["means"], np.float32, (K, D)),
        roots=reader.tensor(names["roots"], np.float16, (K, D * (D + 1) // 2)),
        classes=reader.tensor(names["classes"], np.int32, (K,)),
    )
    _check_details(mixture, names, n_classes)
    return mixture


def _check_details(mixture: ConditionalMixture, names: dict[str, str], n_classes: int) -> None:
    weights, classes = mixture.weights, mixture.classes
    if not are_weights(weights):
        raise ArtifactError(
            f"Tensor {names['weights']!r} must be positive or zero and sum to one. "
            f"Received: {weights.min():g} to {weights.max():g}, sum {weights.sum():g}"
        )
    if not mixture.shared and not are_classes(classes, weights, n_classes):
        raise ArtifactError(
            f"Tensor {names['classes']!r} must be {EVERY_CLASS} throughout, or the labels 0 to "
            f"{n_classes - 1}, each with a weight. Received: {classes.min()} to {classes.max()}"
        )
    diagonals = np.diagonal(mixture.full_roots(), axis1=1, axis2=2)
    if not (diagonals > 0).all():
        raise ArtifactError(
            f"Tensor {names['roots']!r} must have positive diagonals. Received: {diagonals.min():g}"
        )
    if not are_densities(mixture):
        raise ArtifactError(
            f"Tensors {names['roots']!r} and {names['means']!r} must make finite densities. Received: others"
        )


def _read_templates(reader: Reader, base: Mixture, levels: Levels) -> PhotoTemplates:
    T, P = length(reader, "template_base", most=MAX_TEMPLATES), n_detail_positions(BASE_SIZE << len(levels))
    templates = PhotoTemplates(
        reader.tensor("template_base", np.float16, (T, _N_BASE)),
        reader.tensor("template_base_components", np.int32, (T,)),
        reader.tensor("template_components", np.uint8, (T, P)),
        reader.tensor("template_innovations", np.uint8, (T, P)),
    )
    check_template_components("template_base_components", templates.base_components, base)
    _check_components(templates, base, levels)
    if templates.innovations.max() >= N_CODES:
        raise ArtifactError(
            f"Tensor 'template_innovations' must be codes below {N_CODES}. "
            f"Received: {templates.innovations.max()}"
        )
    return templates


def _check_components(templates: PhotoTemplates, base: Mixture, levels: Levels) -> None:
    """Check that every position's component is one of its step and of the template's class."""
    labels = base.classes[templates.base_components][:, None]
    mixtures = [mixture for phases in levels for mixture in phases]
    for step, mixture in zip(steps_of(BASE_SIZE << len(levels)), mixtures, strict=True):
        components = templates.components[:, step.begin : step.end]
        where = f"Tensor 'template_components' at positions {step.begin} to {step.end - 1}"
        if components.max() >= mixture.n_components:
            raise ArtifactError(
                f"{where} must be numbers of components, 0 to {mixture.n_components - 1}. "
                f"Received: {components.max()}"
            )
        if not mixture.shared and (mixture.classes[components] != labels).any():
            raise ArtifactError(
                f"{where} must be components of the template's class. Received: one of another class"
            )
