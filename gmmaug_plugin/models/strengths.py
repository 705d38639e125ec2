"""How strongly a model synthesises and varies unless it is told otherwise."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FRESH = 1.0
"""The strength of a fresh draw: nothing is left of the image it started from."""


@dataclass(frozen=True)
class Strengths:
    """The strengths that measurement found for a model: the defaults of every adapter.

    Attributes:
        synthesis: From a template, in [0, 1]: the smallest that copies no more than real photos resemble
            each other. 1 for a model without templates, which only knows fresh draws.
        variation: Of the user's own images, in [0, 1]: 0.5 until a study of usefulness has found better.

    Raises:
        ValueError: A strength is not in [0, 1].

    Example:
        >>> Strengths().variation
        0.5
    """

    synthesis: float = FRESH
    variation: float = 0.5

    def __post_init__(self) -> None:
        for name in ("synthesis", "variation"):
            value = getattr(self, name)
            # Compared before it is a float: an int may be too great for one.
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:  # type: ignore[operator]
                raise ValueError(f"The strength of {name} must be in [0, 1]. Received: {value!r}")
            object.__setattr__(self, name, float(value))

    def as_json(self) -> dict[str, Any]:
        """The strengths as plain JSON values."""
        return {"synthesis": self.synthesis, "variation": self.variation}


def check_strengths(strength: ArrayLike, n: int) -> NDArray[np.float64]:
    """Strengths as float64 (n,), of one number or one per image.

    Raises:
        ValueError: They are not in [0, 1], or not as many.
    """
    try:
        strengths = np.asarray(strength, np.float64)
    except (TypeError, ValueError):
        strengths = np.array(np.nan)
    if strengths.shape not in ((), (n,)) or not ((strengths >= 0) & (strengths <= 1)).all():
        raise ValueError(
            f"strength must be in [0, 1], one number or one per image ({n}). Received: strength={strength!r}"
        )
    return np.broadcast_to(strengths, (n,))
