"""Engines that keep what bytes would lose, and what was drawn on the way."""

import numpy as np

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, Symmetry, part_shape, unfold


class Unclipped(NumpyEngine):
    """Images as floats, neither rounded nor clipped."""

    def draw_images(self, amounts, rows, symmetry: Symmetry, mean: np.ndarray) -> np.ndarray:
        height, width = part_shape(symmetry, len(mean))
        products = [
            (given.reshape(-1, len(matrix)) @ matrix).reshape(-1, copies, height, width)
            for given, matrix, copies in zip(amounts, rows, PART_COPIES[symmetry], strict=True)
        ]
        return unfold(self, products, symmetry) + mean

    def to_uint8(self, centred: np.ndarray, mean: np.ndarray) -> np.ndarray:
        return centred + mean


class Recording(Unclipped):
    """The same; ``drawn`` are the categories drawn by rows, ``steps`` of all columns the vectors, rows of
    masks and components."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[np.ndarray] = []
        self.steps: list[tuple[np.ndarray, np.ndarray | None, np.ndarray]] = []

    def draw_categorical(self, log_weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        found = super().draw_categorical(log_weights, uniform)
        self.drawn.append(found)
        return found

    def draw_quadratic(self, forms, masks, a, uniform, rows) -> np.ndarray:
        before = len(self.drawn)
        found = super().draw_quadratic(forms, masks, a, uniform, rows)
        del self.drawn[before:]
        self.steps.append((a, rows, found))
        return found


class Precise(Unclipped):
    """No rounding at all: float64 throughout."""

    def cast(self, a: np.ndarray, dtype: str) -> np.ndarray:
        return np.asarray(a, "int32" if dtype == "int32" else "float64")

    def round(self, a: np.ndarray) -> np.ndarray:
        return np.asarray(a)
