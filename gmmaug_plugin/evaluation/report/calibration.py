"""What a mixture expects of photos, beside the photos that it never saw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gmmaug_plugin.evaluation.report.contents import Table
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture

_NUMPY = NumpyEngine()
_CHUNK = 256
_OWN_CLASS = (
    "“Own class” is the share of held-back photos that the model finds likeliest in their own class, by its "
    "weights and densities alone. "
)
_SUREST = (
    "“Surest component” is how sure the model is of the component behind a held-back photo, at the median; "
    "in many dimensions it is near 100% whether or not the components are any good."
)
_NONE_HELD_BACK = "No photos were held back, so how the model takes photos that it never saw is not known."


@dataclass(frozen=True, eq=False)
class Responsibilities:
    """Which components answer for held-back photos (C. M. Bishop, *PRML*, 2006, equation 9.13).

    Attributes:
        overall: Posterior of every component, float64 (n, K).
        in_class: The same among the components of the photo's own class.
        labels: Class of every photo, int32 (n,).
    """

    overall: NDArray[np.float64]
    in_class: NDArray[np.float64]
    labels: NDArray[np.int32]


def responsibilities(model: PCAMixture, held_back: PhotoSet) -> Responsibilities:
    """Weigh every component against every held-back photo of the model's size."""
    labels = (
        np.zeros(len(held_back.images), np.int32) if held_back.labels is None else held_back.labels
    ).astype(np.int32)
    parts = []
    for begin in range(0, len(labels), _CHUNK):
        centred = held_back.images[begin : begin + _CHUNK].astype(np.float32) - model.basis.mean
        parts.append(model.mixture.log_joint(_NUMPY, model.basis.encode(_NUMPY, centred)))
    log_joint = np.concatenate(parts)
    own = model.mixture.classes == labels[:, None]
    return Responsibilities(
        softmax(log_joint, axis=1), softmax(np.where(own, log_joint, -np.inf), axis=1), labels
    )


def class_table(
    model: PCAMixture, names: tuple[str, ...], n_photos: NDArray[np.int64], held_back: Responsibilities | None
) -> Table:
    """One row per class: its photos, its weight, and how held-back photos fall.

    Args:
        model: The model.
        names: What to call the classes.
        n_photos: Photos fitted on, per class.
        held_back: Of held-back photos; None leaves their columns out.
    """
    classes = model.mixture.classes
    columns: tuple[str, ...] = ("Class", "Photos", "Weight in the model (%)", "Components")
    several = len(names) > 1
    if held_back is not None:
        columns += ("Held-back photos", *(("Own class (%)",) if several else ()), "Surest component (%)")
    rows: list[tuple[str | int | float | None, ...]] = []
    for label, name in enumerate(names):
        weight = float(model.mixture.weights[classes == label].sum())
        row: tuple[str | int | float | None, ...] = (
            name,
            int(n_photos[label]),
            100 * weight,
            int((classes == label).sum()),
        )
        rows.append(row if held_back is None else row + _held_back_cells(classes, label, held_back))
    note = _NONE_HELD_BACK if held_back is None else f"{_OWN_CLASS if several else ''}{_SUREST}"
    return Table("What the model expects, class by class", columns, tuple(rows), note)


def _held_back_cells(
    classes: NDArray[np.int32], label: int, held_back: Responsibilities
) -> tuple[int | float | None, ...]:
    members = held_back.labels == label
    if not members.any():
        return (0, None) if classes.max() == 0 else (0, None, None)
    by_class = np.stack(
        [held_back.overall[members][:, classes == other].sum(axis=1) for other in range(classes.max() + 1)],
        axis=1,
    )
    own = float((by_class.argmax(axis=1) == label).mean())
    surest = float(np.median(held_back.in_class[members].max(axis=1)))
    own_class = (100 * own,) if by_class.shape[1] > 1 else ()
    return int(members.sum()), *own_class, 100 * surest
