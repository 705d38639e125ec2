"""The array operations of synthesis on TensorFlow tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.models.engine import DOUBT
from gmmaug_plugin.models.symmetry import PART_COPIES, Symmetry, part_shape, unfold
from gmmaug_plugin.tensorflow.precision import in_bfloat16
from gmmaug_plugin.tensorflow.quadratic import draw_by_weight, log_weights

Tensor = Any
"""A ``tf.Tensor``."""


class TensorFlowEngine:
    """The operations of :class:`gmmaug_plugin.models.engine.Engine` on TensorFlow tensors.

    Works eagerly and inside the graphs that ``tf.data`` makes of a mapped function. Static shapes are
    kept wherever TensorFlow can infer them. The same noise gives the images that
    :class:`~gmmaug_plugin.models.engine.NumpyEngine` gives, to within one grey level.

    Example:
        >>> shape = (4, model.uniform_width)  # doctest: +SKIP
        >>> uniform = tf.random.stateless_uniform(shape, (0, 0), tf.float64)  # doctest: +SKIP
        >>> normal = tf.random.stateless_normal((4, model.noise_width), (0, 1))  # doctest: +SKIP
        >>> rows = tf.constant(model.label_rows(None, 4))  # doctest: +SKIP
        >>> noise = (strength, uniform, normal)  # doctest: +SKIP
        >>> images, labels = model.synthesize(TensorFlowEngine(), rows, *noise)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._constants: dict[tuple[int, Any], tuple[np.ndarray, Tensor]] = {}

    def constant(self, array: np.ndarray, dtype: Any = None) -> Tensor:
        """Bring a parameter of the model into the engine, in its own dtype unless another is asked for.

        The tensor is made outside of the graph at hand and captured by it, so that several graphs
        share one copy; and on the CPU, where ``tf.data`` runs.
        """
        # The array is kept too: as long as it lives, no other array has its id.
        key = (id(array), dtype)
        known = self._constants.get(key)
        if known is None:
            with tf.init_scope(), tf.device("CPU:0"):
                known = self._constants[key] = (array, tf.constant(array, dtype))
        return known[1]

    def cast(self, a: Tensor, dtype: str) -> Tensor:
        """Convert to ``"float32"``, ``"float64"`` or ``"int32"``."""
        return tf.cast(a, dtype)

    def matmul(self, a: Tensor, b: Tensor, *, transpose_b: bool = False) -> Tensor:
        """Matrix product (n, k) x (k, m), or with the transpose of (m, k)."""
        return tf.linalg.matmul(a, b, transpose_b=transpose_b)

    def take(self, a: Tensor, indices: Tensor) -> Tensor:
        """Rows of ``a`` at ``indices``."""
        return tf.gather(a, indices)

    def take_columns(self, a: Tensor, indices: Tensor) -> Tensor:
        """Columns of ``a`` at ``indices``."""
        return tf.gather(a, indices, axis=1)

    def reshape(self, a: Tensor, shape: Sequence[int]) -> Tensor:
        """The same values in another shape; -1 stands for whatever is left."""
        return tf.reshape(a, shape)

    def concat(self, arrays: Sequence[Tensor], axis: int) -> Tensor:
        """Join along an existing axis."""
        return tf.concat(arrays, axis)

    def stack(self, arrays: Sequence[Tensor], axis: int) -> Tensor:
        """Join along a new axis."""
        return tf.stack(arrays, axis)

    def reverse(self, a: Tensor, axis: int) -> Tensor:
        """Reverse the order along one axis."""
        return tf.reverse(a, [axis])

    def swap_last_axes(self, a: Tensor) -> Tensor:
        """Transpose every image of a stack."""
        return tf.linalg.matrix_transpose(a)

    def round(self, a: Tensor) -> Tensor:
        """Round to the nearest integer, halves to even, in the same dtype."""
        return tf.round(a)

    def clip(self, a: Tensor, low: float, high: float) -> Tensor:
        """Every element, or the bound that it is beyond."""
        return tf.clip_by_value(a, low, high)

    def sqrt(self, a: Tensor) -> Tensor:
        """Square root, element by element."""
        return tf.sqrt(a)

    def log(self, a: Tensor) -> Tensor:
        """Natural logarithm, element by element."""
        return tf.math.log(a)

    def exp(self, a: Tensor) -> Tensor:
        """Exponential, element by element."""
        return tf.exp(a)

    def to_uint8(self, centred: Tensor, mean: Tensor) -> Tensor:
        """Grey levels plus a mean image as bytes: rounded, halves up, and clipped to 0..255."""
        return tf.cast(tf.clip_by_value(centred + (mean + 0.5), 0.0, 255.5), tf.uint8)

    def draw_images(
        self, amounts: Sequence[Tensor], rows: Sequence[np.ndarray], symmetry: Symmetry, mean: np.ndarray
    ) -> Tensor:
        """Images as bytes from amounts of folded rows; see numpy's."""
        height, width = part_shape(symmetry, mean.shape[0])
        parts = []
        for copies, given, matrix in zip(PART_COPIES[symmetry], amounts, rows, strict=True):
            if not len(matrix):
                values = tf.zeros([tf.shape(given)[0] * copies, height * width])
            else:
                values = self._image_product(tf.reshape(given, [-1, len(matrix)]), matrix)
            parts.append(tf.reshape(values, [-1, copies, height, width]))
        return self.to_uint8(unfold(self, parts, symmetry), self.constant(mean))

    def _image_product(self, amounts: Tensor, rows: np.ndarray) -> Tensor:
        """Float32 product of amounts (n, q) and basis rows (q, d), in bfloat16 where that is faster."""
        if not in_bfloat16(len(rows)):
            return self.matmul(amounts, self.constant(rows))
        product = self.matmul(tf.cast(amounts, tf.bfloat16), self.constant(rows, tf.bfloat16))
        return tf.cast(product, tf.float32)

    def segment_sum(self, a: Tensor, offsets: np.ndarray) -> Tensor:
        """Sums of the columns ``offsets[g]:offsets[g + 1]`` of ``a`` (n, R), as (n, G)."""
        totals = tf.pad(tf.cumsum(a, axis=1), [[0, 0], [1, 0]])
        ends, begins = (self.constant(edges) for edges in (offsets[1:], offsets[:-1]))
        return self.take_columns(totals, ends) - self.take_columns(totals, begins)

    def draw_categorical(self, log_weights: Tensor, uniform: Tensor) -> Tensor:
        """One index per row of unnormalised ``log_weights`` (n, K), by inversion of ``uniform`` (n,)."""
        weights = tf.exp(log_weights - tf.reduce_max(log_weights, axis=1, keepdims=True))
        cumulative = tf.cumsum(weights, axis=1)
        reached = cumulative <= uniform[:, None] * cumulative[:, -1:]
        index = tf.reduce_sum(tf.cast(reached, tf.int32), axis=1)
        # Rounding must never draw an impossible component, as numpy's last_possible sees to.
        possible = tf.cast(tf.reverse(weights > 0, [1]), tf.int32)
        last = weights.shape[1] - 1 - tf.argmax(possible, axis=1, output_type=tf.int32)
        return tf.minimum(index, last)

    def factor_product(
        self, noise: Tensor, factors: np.ndarray, offsets: np.ndarray, groups: Tensor
    ) -> Tensor:
        """Row i: ``noise[i, :r] @ factors[offsets[g]:offsets[g + 1]]`` for its group g of rank r."""
        ranks = np.diff(offsets)
        if len(ranks) == 1:
            return self.matmul(noise[:, : ranks[0]], self.constant(factors))
        # One small product per group costs a fraction of a dense one over all groups' factors, and
        # groups that no image fell into cost next to nothing.
        members = tf.dynamic_partition(tf.range(tf.shape(groups)[0]), groups, len(ranks))
        products = [
            self.matmul(self.take(noise[:, :rank], rows), self.constant(factors[end - rank : end]))
            for rows, rank, end in zip(members, ranks, offsets[1:], strict=True)
        ]
        product = tf.dynamic_stitch(members, products)
        return tf.ensure_shape(product, (groups.shape[0], factors.shape[1]))

    def ones(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Ones of a shape, in the dtype of ``like``."""
        return tf.ones(shape, like.dtype)

    def pad_reflect(self, a: Tensor) -> Tensor:
        """Add one reflected row or column on all four sides of images (n, h, w)."""
        return tf.pad(a, [[0, 0], [1, 1], [1, 1]], "REFLECT")

    def pad_zeros(self, a: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        """Add rows and columns of zeros (before, after) to images (…, h, w)."""
        return tf.pad(a, [[0, 0]] * (len(a.shape) - 2) + [list(rows), list(columns)])

    def component_products(self, tables: np.ndarray, parts: Sequence[Tensor], components: Tensor) -> Tensor:
        """Column n: ``tables[components[n]] @ x`` of x, the n-th columns of all parts and a last 1."""
        rows = [tf.cast(tf.transpose(part), tf.float64) for part in parts]
        ones = tf.ones_like(components, tf.float64)[:, None]
        taken = self.take(self.constant(tables), components)
        return tf.transpose(tf.linalg.matvec(taken, tf.concat([*rows, ones], 1)))

    def draw_quadratic(
        self,
        forms: tuple[np.ndarray, np.ndarray],
        masks: np.ndarray,
        a: Tensor,
        uniform: Tensor,
        rows: Tensor | None,
    ) -> Tensor:
        """Draw a component for every column, by exponentials of quadratic functions of it; see numpy's.

        Takes 4 KB of memory a column.
        """
        rough, precise, all_masks = (self.constant(one) for one in (*forms, masks))
        columns = [a, uniform] if rows is None else [a, uniform, rows]
        weights = log_weights(rough, a, all_masks, *columns[2:])
        drawn, margin = draw_by_weight(weights, tf.cast(uniform, tf.float32))
        places = tf.where(margin < DOUBT)
        doubted, again, *among = (tf.gather(one, places[:, 0], axis=-1) for one in columns)
        weights = log_weights(precise, tf.cast(doubted, tf.float64), all_masks, *among)
        return tf.tensor_scatter_nd_update(drawn, places, self.draw_categorical(weights, again))
