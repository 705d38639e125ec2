"""Encodings of training photos that synthesis may start from."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import Array, Engine
from gmmaug_plugin.models.multiscale.contexts import N_DETAILS
from gmmaug_plugin.models.templates import template_log_weights

GRIDS: tuple[NDArray[np.float64], ...] = (
    np.array([-1.894, -1.0, -0.3177, 0.3177, 1.0, 1.894]),
    np.array([-1.894, -1.0, -0.3177, 0.3177, 1.0, 1.894]),
    np.array([-2.033, -1.188, -0.5606, 0.0, 0.5606, 1.188, 2.033]),
)
"""Values that the innovations of h, v and g are rounded to, 6 x 6 x 7 = 252 of a byte: the best for a
standard normal number (J. Max, *IRE Trans. Information Theory* 6, 1960, table I)."""

N_CODES = 6 * 6 * 7


@dataclass(frozen=True, eq=False)
class PhotoTemplates:
    """Codes of T training photos: two bytes for every position of the pyramid.

    Synthesis draws one and varies it: a kernel mixture whose kernels are the photos' structured Gaussians and
    whose bandwidth is the strength. They are encodings of training photos: decoded unvaried, they show them.

    Attributes:
        base: Bases, float16 (T, 64), grey levels.
        base_components: Component of the base mixture that each belongs to, int32 (T,).
        components: Components of all positions, uint8 (T, P), in the order of ``models.multiscale.layout``.
        innovations: Innovations of all positions, rounded, uint8 (T, P).
    """

    base: NDArray[np.float16]
    base_components: NDArray[np.int32]
    components: NDArray[np.uint8]
    innovations: NDArray[np.uint8]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    def __len__(self) -> int:
        return len(self.base)

    def take(self, engine: Engine, indices: Array) -> tuple[Array, Array, Array, list[Array]]:
        """Codes of the templates at ``indices`` (n,).

        Returns:
            Bases, float64 (n, 64); their components, int32 (n,); components of all positions, int32 (n, P);
            and innovations of h, v and g, float64 (n, P) each.
        """
        base, base_components, components, rounded = (
            engine.take(engine.constant(getattr(self, field.name)), indices) for field in fields(self)
        )
        places = engine.cast(rounded, "int32")
        innovations = [engine.take(engine.constant(values), places) for values in _VALUES]
        return (
            engine.cast(base, "float64"),
            base_components,
            engine.cast(components, "int32"),
            innovations,
        )

    def log_weights(
        self, classes: NDArray[np.int32], class_weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Log weights (C + 1, T) of the templates within each class, and last over all classes.

        Args:
            classes: Class of every component of the base mixture, (K,).
            class_weights: Share of every class, (C,).
        """
        return template_log_weights(classes[self.base_components], class_weights)


def round_innovations(innovations: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round innovations (3, …) to the nearest of the 252 triples, uint8 (…).

    Example:
        >>> int(round_innovations(np.zeros((3, 1)) + 0.1)[0])
        150
    """
    code = np.zeros(innovations.shape[1:], np.int64)
    for values, one in zip(GRIDS, innovations, strict=True):
        code = code * len(values) + np.searchsorted((values[1:] + values[:-1]) / 2, one)
    return code.astype(np.uint8)


def _values() -> tuple[NDArray[np.float64], ...]:
    """What each code stands for: values (252,) of h, v and g."""
    grids = np.meshgrid(*GRIDS, indexing="ij")
    return tuple(np.ascontiguousarray(grids[k].reshape(-1)) for k in range(N_DETAILS))


_VALUES = _values()
