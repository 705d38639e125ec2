"""What every measure of a model's images tells."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.compared import some_of

MOST_UNSEEN = 2000
"""Held-back photos whose likelihood and components are measured: the figures need no more."""


@dataclass(frozen=True)
class Measure:
    """One figure about a model's images, with the real photos' own figure beside it.

    Attributes:
        name: Stable key, for example ``"copies_raw"``, ``"sliced_wasserstein_128"`` or ``"recall"``.
        title: For people, for example "Copies, raw pixels".
        value: The figure of the model's images, in ``unit``: 3.4 for 3.4 %.
        real: The same figure of real photos against real photos; None where that has no meaning.
        unit: "%", "bits per pixel", …; empty for a plain number.
        good: Whether the value is within the real figure, with the slack that the measure documents; None
            where the figure is told and not judged.
        verdict: One plain sentence for somebody who never heard of the measure.
        source: Paper, section and equation.
    """

    name: str
    title: str
    value: float
    real: float | None
    unit: str
    good: bool | None
    verdict: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The measure as plain JSON values, rounded to four significant figures.

        Example:
            >>> Measure("recall", "Recall", 71.23456, None, "%", None, "…", "…").as_json()["value"]
            71.23
        """
        return {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def check_stack(name: str, images: NDArray[np.uint8], least: int = 2) -> NDArray[np.uint8]:
    """Return a stack of grey images, uint8 (n, h, w), after checking it.

    Raises:
        ValueError: Dtype or shape are others, or there are fewer than ``least`` images.

    Example:
        >>> check_stack("images", np.zeros((2, 8, 8), np.uint8)).shape
        (2, 8, 8)
    """
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 3 or len(array) < least or 0 in array.shape:
        raise ValueError(
            f"{name} must be at least {least} grey images, uint8 (n, height, width). "
            f"Received: {array.dtype} {array.shape}"
        )
    return array


def some_unseen(n_photos: int, random_state: int, *, most: int | None = None) -> NDArray[np.intp]:
    """Positions of the held-back photos to measure on: where they are too many, some at random.

    Args:
        n_photos: Number of photos held back.
        random_state: Seed of the choice.
        most: How many to take; None takes 2,000.

    Returns:
        Ascending, (min(n_photos, most),).

    Example:
        >>> some_unseen(3, 0).tolist(), len(some_unseen(30_000, 0))
        ([0, 1, 2], 2000)
    """
    rng = np.random.default_rng([random_state, 8])
    return some_of(np.arange(n_photos), MOST_UNSEEN if most is None else most, rng)
