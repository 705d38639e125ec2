"""The array operations that synthesis is written in, and their numpy form.

Every model describes synthesis once, in terms of :class:`Engine`; numpy stands here, other
frameworks bring their own engine with their adapter.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Array = Any
"""An array of the engine at hand: ``numpy.ndarray``, ``tf.Tensor``, …"""


class Engine(Protocol):
    """What a framework must offer to synthesise images; see :class:`NumpyEngine` for the meaning."""

    def constant(self, array: np.ndarray) -> Array: ...
    def cast(self, a: Array, dtype: str) -> Array: ...
    def matmul(self, a: Array, b: Array, *, transpose_b: bool = False) -> Array: ...
    def take(self, a: Array, indices: Array) -> Array: ...
    def take_columns(self, a: Array, indices: Array) -> Array: ...
    def reshape(self, a: Array, shape: Sequence[int]) -> Array: ...
    def concat(self, arrays: Sequence[Array], axis: int) -> Array: ...
    def stack(self, arrays: Sequence[Array], axis: int) -> Array: ...
    def reverse(self, a: Array, axis: int) -> Array: ...
    def swap_last_axes(self, a: Array) -> Array: ...
    def round(self, a: Array) -> Array: ...
    def sqrt(self, a: Array) -> Array: ...
    def to_uint8(self, centred: Array, mean: Array) -> Array: ...
    def segment_sum(self, a: Array, offsets: np.ndarray) -> Array: ...
    def draw_categorical(self, log_weights: Array, uniform: Array) -> Array: ...
    def factor_product(
        self, noise: Array, factors: np.ndarray, offsets: np.ndarray, groups: Array
    ) -> Array: ...


class NumpyEngine:
    """The operations of :class:`Engine` on numpy arrays."""

    def constant(self, array: np.ndarray) -> np.ndarray:
        """Bring a parameter of the model into the engine."""
        return array

    def cast(self, a: np.ndarray, dtype: str) -> np.ndarray:
        """Convert to ``"float32"``, ``"float64"`` or ``"int32"``."""
        return np.asarray(a, dtype)

    def matmul(self, a: np.ndarray, b: np.ndarray, *, transpose_b: bool = False) -> np.ndarray:
        """Matrix product (n, k) x (k, m), or with the transpose of (m, k)."""
        return np.asarray(a @ (b.T if transpose_b else b))

    def take(self, a: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Rows of ``a`` at ``indices``."""
        return np.asarray(a[indices])

    def take_columns(self, a: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Columns of ``a`` at ``indices``."""
        return np.asarray(a[:, indices])

    def reshape(self, a: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """The same values in another shape; -1 stands for whatever is left."""
        return a.reshape(shape)

    def concat(self, arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
        """Join along an existing axis."""
        return np.concatenate(arrays, axis)

    def stack(self, arrays: Sequence[np.ndarray], axis: int) -> np.ndarray:
        """Join along a new axis."""
        return np.stack(arrays, axis)

    def reverse(self, a: np.ndarray, axis: int) -> np.ndarray:
        """Reverse the order along one axis."""
        return np.flip(a, axis)

    def swap_last_axes(self, a: np.ndarray) -> np.ndarray:
        """Transpose every image of a stack."""
        return np.swapaxes(a, -1, -2)

    def round(self, a: np.ndarray) -> np.ndarray:
        """Round to the nearest integer, halves to even, in the same dtype."""
        return np.asarray(np.rint(a))

    def sqrt(self, a: np.ndarray) -> np.ndarray:
        """Square root, element by element."""
        return np.asarray(np.sqrt(a))

    def to_uint8(self, centred: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Grey levels plus a mean image as bytes: rounded, halves up, and clipped to 0..255.

        Writes over ``centred``: a stack of images in a new array costs more than the arithmetic.
        """
        centred += mean + np.float32(0.5)
        return np.clip(centred, 0.0, 255.5, out=centred).astype(np.uint8)

    def segment_sum(self, a: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Sums of the columns ``offsets[g]:offsets[g + 1]`` of ``a`` (n, R), as (n, G)."""
        totals = np.concatenate([np.zeros((len(a), 1), a.dtype), np.cumsum(a, axis=1)], axis=1)
        return np.asarray(totals[:, offsets[1:]] - totals[:, offsets[:-1]])

    def draw_categorical(self, log_weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """One index per row of unnormalised ``log_weights`` (n, K), by inversion of ``uniform`` (n,)."""
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        cumulative = np.cumsum(weights, axis=1)
        reached = cumulative <= uniform[:, None] * cumulative[:, -1:]
        return np.asarray(np.minimum(reached.sum(axis=1), last_possible(weights)), np.int32)

    def factor_product(
        self, noise: np.ndarray, factors: np.ndarray, offsets: np.ndarray, groups: np.ndarray
    ) -> np.ndarray:
        """Row i: ``noise[i, :r] @ factors[offsets[g]:offsets[g + 1]]`` for its group g of rank r."""
        product = np.zeros((len(noise), factors.shape[1]))
        for group in np.unique(groups):
            begin, end = offsets[group], offsets[group + 1]
            rows = groups == group
            product[rows] = noise[rows, : end - begin] @ factors[begin:end]
        return product


def last_possible(weights: np.ndarray) -> np.ndarray:
    """Index of the last positive weight of each row: rounding must never draw an impossible one."""
    return np.asarray(weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1))
