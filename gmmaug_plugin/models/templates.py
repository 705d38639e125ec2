"""Codes of training photos that synthesis may start from."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import Array, Engine

MAX_TEMPLATES = 2**20
"""More templates than this are refused, in a file and when fitting."""

_GREATEST = 127
_NOTHING = 1e-20
"""Codes below this are rounding."""


@dataclass(frozen=True, eq=False)
class Templates:
    """Codes of T training photos, rounded to bytes.

    With them "synthesis from nothing" is a stored photo, drawn at random and then varied: a kernel
    mixture whose bandwidth is the strength. They are encodings of training photos: decoded unvaried, they
    show them.

    Attributes:
        codes: Int8 (T, q).
        scales: Float32 (q,), positive: code = codes x scales.
        components: Int32 (T,), the mixture component each belongs to.

    Example:
        >>> templates = Templates.of(np.array([[1.0, -2.0]]), np.array([0]))
        >>> templates.codes.tolist()
        [[127, -127]]
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    components: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, codes: NDArray[np.float64], components: NDArray[np.integer]) -> "Templates":
        """Round codes (T, q) to bytes, each dimension in steps of 1/127 of its greatest value."""
        peaks = np.abs(codes).max(axis=0, initial=0.0)
        scales = (np.where(peaks > _NOTHING, peaks, 1.0) / _GREATEST).astype(np.float32)
        return cls(np.rint(codes / scales).astype(np.int8), scales, components.astype(np.int32))

    def reach(self) -> NDArray[np.float64]:
        """How far from zero codes may be in every dimension, (q,)."""
        return self.scales.astype(np.float64) * (_GREATEST + 1)

    def take(self, engine: Engine, indices: Array) -> Array:
        """Codes, float64 (n, q), of the templates at ``indices``."""
        rounded = engine.cast(engine.take(engine.constant(self.codes), indices), "float64")
        return rounded * engine.constant(self.scales.astype(np.float64))

    def log_weights(
        self, classes: NDArray[np.int32], class_weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Log weights (C + 1, T) of the templates within each class, and last over all classes.

        Args:
            classes: Class of every mixture component, (K,).
            class_weights: Share of every class, (C,).
        """
        return template_log_weights(classes[self.components], class_weights)


def template_log_weights(
    of_template: NDArray[np.int32], class_weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log weights (C + 1, T) of templates within each class, and last over all classes.

    Args:
        of_template: Class of every template, (T,).
        class_weights: Share of every class, (C,).
    """
    counts = np.bincount(of_template, minlength=len(class_weights))
    in_class = of_template == np.arange(len(class_weights))[:, None]
    with np.errstate(divide="ignore"):
        overall = np.log(class_weights[of_template] / counts[of_template])
    return np.concatenate([np.where(in_class, 0.0, -np.inf), overall[None]])
