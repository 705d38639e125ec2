"""What files of several kinds of model have in common, to the document and back."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.container import Reader
from gmmaug_plugin.artifact.documents import shown
from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.artifact.ranges import check_densities
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.strengths import Strengths

MIXTURE_TENSORS = {"weights", "means", "variances", "factors", "factor_offsets", "groups", "classes"}

MAX_TABLE = 2**28
"""Components times classes: sampling keeps a float64 for each of these pairs."""

_WEIGHT_SLACK = 1e-6


class Description(NamedTuple):
    """What a document tells of any model.

    Attributes:
        class_names: Names in label order.
        info: How the model was fitted.
        strengths: Its default strengths.
    """

    class_names: tuple[str, ...]
    info: dict[str, Any]
    strengths: Strengths

    @property
    def n_classes(self) -> int:
        """Number of classes: photos without labels are one."""
        return max(1, len(self.class_names))


def describe(model: ImageModel) -> dict[str, Any]:
    """The part of the document that files of every kind have."""
    return {
        "image_size": model.image_size,
        "value_range": [0, 255],
        "class_names": list(model.class_names),
        "strengths": model.strengths.as_json(),
        "info": dict(model.info),
    }


def read_description(document: dict[str, Any]) -> Description:
    """Read what :func:`describe` wrote, but for the geometry.

    Raises:
        ArtifactError: Something is missing or of another kind.
    """
    info = document.get("info")
    if not isinstance(info, dict):
        raise ArtifactError(f"info must be a JSON object. Received: {type(info).__name__}")
    return Description(_read_class_names(document), info, _read_strengths(document))


def mixture_tensors(mixture: Mixture) -> dict[str, NDArray[Any]]:
    """The tensors of a mixture over codes, by name."""
    return {name: getattr(mixture, name) for name in sorted(MIXTURE_TENSORS)}


def read_mixture(
    reader: Reader, n_dimensions: int, n_classes: int, *, factors: type[np.floating] = np.float32
) -> Mixture:
    """Read and check a mixture over codes.

    Args:
        reader: The file, which has all tensors of a mixture.
        n_dimensions: Length of a code.
        n_classes: Number of classes that the document names.
        factors: Type that the file has factors in.

    Raises:
        ArtifactError: A size, type or value is not as it must be.
    """
    K = length(reader, "weights", most=MAX_TABLE // n_classes)
    G = length(reader, "variances", most=K)
    R = length(reader, "factors", most=K * n_dimensions, least=0)
    mixture = Mixture(
        weights=reader.tensor("weights", np.float64, (K,)),
        means=reader.tensor("means", np.float32, (K, n_dimensions)),
        variances=reader.tensor("variances", np.float32, (G, n_dimensions)),
        factors=reader.tensor("factors", factors, (R, n_dimensions)).astype(np.float32, copy=False),
        factor_offsets=reader.tensor("factor_offsets", np.int32, (G + 1,)),
        groups=reader.tensor("groups", np.int32, (K,)),
        classes=reader.tensor("classes", np.int32, (K,)),
    )
    _check_mixture(mixture, n_classes)
    check_densities(mixture)
    return mixture


def are_weights(weights: NDArray[np.float64]) -> bool:
    """Whether weights are positive or zero and sum to one."""
    return bool((weights >= 0).all() and abs(weights.sum() - 1.0) < _WEIGHT_SLACK)


def are_classes(classes: NDArray[np.int32], weights: NDArray[np.float64], n_classes: int) -> bool:
    """Whether classes are labels, each of which has a component with weight."""
    if classes.min() < 0 or classes.max() >= n_classes:
        return False
    return bool((np.bincount(classes, weights, minlength=n_classes) > 0).all())


def check_template_components(name: str, components: NDArray[np.int32], mixture: Mixture) -> None:
    """Check the component that every template belongs to.

    Args:
        name: The tensor.
        components: Its values, int32 (T,).
        mixture: The mixture whose components these are.

    Raises:
        ArtifactError: They are no components, or a class has no template.
    """
    if components.min() < 0 or components.max() >= mixture.n_components:
        raise ArtifactError(
            f"Tensor {name!r} must be numbers of components, 0 to {mixture.n_components - 1}. "
            f"Received: {components.min()} to {components.max()}"
        )
    if len(np.unique(mixture.classes[components])) < mixture.n_classes:
        raise ArtifactError("Every class must have a template. Received: a class without one")


def length(reader: Reader, name: str, *, most: int | None = None, least: int = 1) -> int:
    """Number of rows that a tensor declares.

    Raises:
        ArtifactError: It is not in the range allowed.
    """
    shape = reader.shapes[name]
    rows = shape[0] if shape else 0
    if rows < least or (most is not None and rows > most):
        allowed = f"at least {least}" if most is None else f"{least} to {most}"
        raise ArtifactError(f"Tensor {name!r} must have {allowed} rows. Received: shape {shape}")
    return int(rows)


def _read_class_names(document: dict[str, Any]) -> tuple[str, ...]:
    names = document.get("class_names")
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) != len(names)
    ):
        raise ArtifactError(f"class_names must be a list of different names. Received: {shown(names)}")
    return tuple(names)


def _read_strengths(document: dict[str, Any]) -> Strengths:
    """The strengths; format version 1 knew none."""
    values = document.get("strengths", {})
    if not isinstance(values, dict) or not set(values) <= {"synthesis", "variation"}:
        raise ArtifactError(f"strengths must be those of synthesis and variation. Received: {shown(values)}")
    try:
        return Strengths(**values)
    except ValueError as error:
        raise ArtifactError(str(error)) from error


def _check_mixture(mixture: Mixture, n_classes: int) -> None:
    offsets = mixture.factor_offsets
    rules = {
        "weights must be positive or zero and sum to one": are_weights(mixture.weights),
        "variances must be positive": (mixture.variances > 0).all(),
        "factor_offsets must ascend from 0 to the number of factor rows": offsets[0] == 0
        and offsets[-1] == len(mixture.factors)
        and (np.diff(offsets) >= 0).all(),
        "a covariance must have at most as many factor rows as dimensions": (
            np.diff(offsets) <= mixture.means.shape[1]
        ).all(),
        "groups must be numbers of variance rows": mixture.groups.min() >= 0
        and mixture.groups.max() < len(mixture.variances),
        "classes must be the labels 0 to the number of classes, each with a weight": are_classes(
            mixture.classes, mixture.weights, n_classes
        ),
    }
    for rule, kept in rules.items():
        if not kept:
            raise ArtifactError(f"{rule}. Received: other values, so the file is damaged")
