"""The array operations that synthesis is written in, and their numpy form.

Every model describes synthesis once, in terms of :class:`Engine`; numpy stands here, other
frameworks bring their own engine with their adapter.
"""

import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from gmmaug_plugin.models.finishing import finish, tiles
from gmmaug_plugin.models.quadratic import BLOCK, draw_by_weight, quadratic_blocks, quadratic_features
from gmmaug_plugin.models.symmetry import PART_COPIES, Symmetry, part_shape

DOUBT = 1e-3
"""A component drawn in float32 is drawn again in float64 where a probability moved by this would change it.

That is ten times as far as float32 was seen to move one (1e-4 of 30,000 positions of photos). Images of
black and white alone, whose squares cancel worse, can move one further: of them some 3 draws in 1000 are not
float64's.
"""

Array = Any
"""An array of the engine at hand: ``numpy.ndarray``, ``tf.Tensor``, …"""


class _Scratch(threading.local):
    """Memory that a thread uses again and again."""

    def __init__(self) -> None:
        self._held: dict[int, np.ndarray] = {}

    def take(self, number: int, shape: tuple[int, int]) -> np.ndarray:
        """Float32 memory of a shape, with anything in it; the same for the same number."""
        size = shape[0] * shape[1]
        held = self._held.get(number)
        if held is None or len(held) < size:
            held = self._held[number] = np.empty(size, np.float32)
        return held[:size].reshape(shape)


_scratch = _Scratch()


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
    def clip(self, a: Array, low: float, high: float) -> Array: ...
    def sqrt(self, a: Array) -> Array: ...
    def log(self, a: Array) -> Array: ...
    def exp(self, a: Array) -> Array: ...
    def to_uint8(self, centred: Array, mean: Array) -> Array: ...
    def draw_images(
        self, amounts: Sequence[Array], rows: Sequence[np.ndarray], symmetry: Symmetry, mean: np.ndarray
    ) -> Array: ...
    def segment_sum(self, a: Array, offsets: np.ndarray) -> Array: ...
    def draw_categorical(self, log_weights: Array, uniform: Array) -> Array: ...
    def factor_product(
        self, noise: Array, factors: np.ndarray, offsets: np.ndarray, groups: Array
    ) -> Array: ...
    def ones(self, shape: Sequence[int], like: Array) -> Array: ...
    def pad_reflect(self, a: Array) -> Array: ...
    def pad_zeros(self, a: Array, rows: tuple[int, int], columns: tuple[int, int]) -> Array: ...
    def component_products(self, tables: np.ndarray, parts: Sequence[Array], components: Array) -> Array: ...
    def draw_quadratic(
        self,
        forms: tuple[np.ndarray, np.ndarray],
        masks: np.ndarray,
        a: Array,
        uniform: Array,
        rows: Array | None,
    ) -> Array: ...


class NumpyEngine:
    """The operations of :class:`Engine` on numpy arrays.

    Args:
        images: Where :meth:`draw_images` writes to, uint8 (n, h, w); None makes a new array.
    """

    def __init__(self, images: np.ndarray | None = None) -> None:
        self._images = images

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

    def clip(self, a: np.ndarray, low: float, high: float) -> np.ndarray:
        """Every element, or the bound that it is beyond."""
        return np.asarray(np.clip(a, low, high))

    def sqrt(self, a: np.ndarray) -> np.ndarray:
        """Square root, element by element."""
        return np.asarray(np.sqrt(a))

    def log(self, a: np.ndarray) -> np.ndarray:
        """Natural logarithm, element by element."""
        return np.asarray(np.log(a))

    def exp(self, a: np.ndarray) -> np.ndarray:
        """Exponential, element by element; infinite where it is too great."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(a))

    def to_uint8(self, centred: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Grey levels plus a mean image as bytes: rounded, halves up, and clipped to 0..255.

        Writes over ``centred``: a stack of images in a new array costs more than the arithmetic.
        """
        centred += mean + np.float32(0.5)
        return np.clip(centred, 0.0, 255.5, out=centred).astype(np.uint8)

    def draw_images(
        self,
        amounts: Sequence[np.ndarray],
        rows: Sequence[np.ndarray],
        symmetry: Symmetry,
        mean: np.ndarray,
    ) -> np.ndarray:
        """Images as bytes from amounts of folded rows.

        A tile at a time, in memory that is used again and again: products stay in the cache until they are
        bytes.

        Args:
            amounts: Of every part of the symmetry, float32 (n, copies x q_p).
            rows: Of every part, float32 (q_p, h' x w').
            symmetry: The symmetry.
            mean: Mean image, float32 (h, w).

        Returns:
            Uint8 (n, h, w), rounded halves up and clipped to 0..255.
        """
        images = self._images
        if images is None:
            images = np.empty((len(amounts[0]), *mean.shape), np.uint8)
        raised = mean + np.float32(0.5)
        for some, lines in tiles(len(images), mean.shape[0], symmetry):
            block = images[some]
            parts = []
            for number, copies in enumerate(PART_COPIES[symmetry]):
                height, width = part_shape(symmetry, mean.shape[0])
                first, last = (0, height) if symmetry == "d4" else (lines.start, lines.stop)
                given = amounts[number][some].reshape(len(block) * copies, len(rows[number]))
                product = _scratch.take(number, (len(given), (last - first) * width))
                np.matmul(given, rows[number][:, first * width : last * width], out=product)
                parts.append(product.reshape(len(block), copies, last - first, width))
            finish(parts, symmetry, raised[lines], block, lines.start)
        return images

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

    def ones(self, shape: Sequence[int], like: np.ndarray) -> np.ndarray:
        """Ones of a shape, in the dtype of ``like``."""
        return np.ones(shape, like.dtype)

    def pad_reflect(self, a: np.ndarray) -> np.ndarray:
        """Add one reflected row or column on all four sides of images (n, h, w)."""
        n, h, w = a.shape
        padded = np.empty((n, h + 2, w + 2), a.dtype)
        padded[:, 1:-1, 1:-1] = a
        padded[:, 0, 1:-1], padded[:, -1, 1:-1] = a[:, 1], a[:, -2]
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 2], padded[:, :, -3]
        return padded

    def pad_zeros(self, a: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
        """Add rows and columns of zeros (before, after) to images (…, h, w)."""
        *front, h, w = a.shape
        padded = np.zeros((*front, h + sum(rows), w + sum(columns)), a.dtype)
        padded[..., rows[0] : rows[0] + h, columns[0] : columns[0] + w] = a
        return padded

    def component_products(
        self, tables: np.ndarray, parts: Sequence[np.ndarray], components: np.ndarray
    ) -> np.ndarray:
        """Column n: ``tables[components[n]] @ x`` of x, the n-th columns of all parts and a last 1.

        Args:
            tables: Float64 (K, r, m + 1).
            parts: Float (m_1, N), (m_2, N), … with m rows together.
            components: Int32 (N,).

        Returns:
            Float64 (r, N).
        """
        n = len(components)
        products = np.empty((tables.shape[1], n))
        rows = np.ones((min(BLOCK, n), tables.shape[2]))
        for begin in range(0, n, BLOCK):
            block = slice(begin, min(begin + BLOCK, n))
            width, row = block.stop - begin, 0
            for part in parts:
                rows[:width, row : row + len(part)] = part[:, block].T
                row += len(part)
            taken = np.take(tables, components[block], axis=0)
            products[:, block] = np.einsum("nrm,nm->rn", taken, rows[:width])
        return products

    def draw_quadratic(
        self,
        forms: tuple[np.ndarray, np.ndarray],
        masks: np.ndarray,
        a: np.ndarray,
        uniform: np.ndarray,
        rows: np.ndarray | None,
    ) -> np.ndarray:
        """Draw a component for every column, by weights that are exponentials of quadratic functions of it.

        Where rounding in float32 could matter, by ``DOUBT``, float64 decides; so every engine draws the same
        components of photos.

        Args:
            forms: Coefficients of the quadratic functions, in float32 and in float64, (K, n_features(m))
            each.
            masks: Added to the log weights of components, (K, C + 1), one column for each row number.
            a: Float32 columns (m, N).
            uniform: Uniform numbers in [0, 1), float64 (N,).
            rows: Row numbers, int32 (N,); None adds no masks.

        Returns:
            Int32 (N,).
        """
        drawn = np.empty(a.shape[1], np.int32)
        doubtful = np.empty(a.shape[1], bool)
        rough = uniform.astype(np.float32)
        for part, _, logits in quadratic_blocks(forms[0], a):
            if rows is not None:
                np.add(logits, masks[:, rows[part]], out=logits, casting="same_kind")
            drawn[part], margin = draw_by_weight(logits, rough[part])
            doubtful[part] = margin < DOUBT
        columns = np.flatnonzero(doubtful)
        if len(columns):
            logits = forms[1] @ quadratic_features(a[:, columns].astype(np.float64))
            if rows is not None:
                logits += masks[:, rows[columns]]
            drawn[columns] = self.draw_categorical(logits.T, uniform[columns])
        return drawn


def last_possible(weights: np.ndarray) -> np.ndarray:
    """Index of the last positive weight of each row: rounding must never draw an impossible one."""
    return np.asarray(weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1))
