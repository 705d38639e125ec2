"""``gmmaug_plugin.models.quadratic`` for TensorFlow: log joints of Gaussian components, and draws by them."""

from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Tensor = Any
"""A ``tf.Tensor``."""


def log_weights(form: Tensor, a: Tensor, masks: Tensor, rows: Tensor | None = None) -> Tensor:
    """Linear functions of the quadratic features of columns.

    Args:
        form: Coefficients, (K, n_features(m)).
        a: Columns (m, N), of the same dtype.
        masks: Added to the functions, (K, C + 1), one column for each row number.
        rows: Row numbers, int32 (N,); None adds no masks.

    Returns:
        The functions' values, column by column: (N, K).
    """
    values = tf.transpose(tf.linalg.matmul(form, quadratic_features(a)))
    if rows is None:
        return values
    return values + tf.gather(tf.cast(tf.transpose(masks), values.dtype), rows)


def quadratic_features(a: Tensor) -> Tensor:
    """Of columns x of (m, N): 1, x and the products x_i x_j with i <= j, row by row.

    They are all products of two of 1 and x. To gather rows and multiply them takes a few operations. To
    multiply slices, row by row, takes hundreds, and whenever a dataset is iterated TensorFlow optimises each.
    """
    extended = tf.pad(a, [[1, 0], [0, 0]], constant_values=1)
    first, second = _pairs(int(a.shape[0]) + 1)
    return tf.gather(extended, first) * tf.gather(extended, second)


def draw_by_weight(log_weights: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """One index per row of unnormalised ``log_weights`` (N, K), by inversion of ``uniform`` (N,).

    Args:
        log_weights: Float32.
        uniform: In [0, 1], of the same dtype.

    Returns:
        The indices, int32 (N,), and by how much a cumulative probability may move before they change, (N,).
    """
    K = int(log_weights.shape[1])
    # A product with a triangular matrix: tf.cumsum takes many times as long.
    cumulative = tf.linalg.matmul(tf.nn.softmax(log_weights), _triangle(K))
    found = tf.raw_ops.UpperBound(sorted_inputs=cumulative, values=uniform[:, None], out_type=tf.int32)
    index = tf.minimum(tf.reshape(found, (-1,)), K - 1)
    # Before the first component there is nothing to be drawn: its own sum is looked at instead.
    place = tf.range(tf.size(index)) * K + index
    beside = tf.stack([place, place - tf.minimum(index, 1)], 0)
    margins = tf.abs(tf.gather(tf.reshape(cumulative, (-1,)), beside) - uniform)
    return index, tf.reduce_min(margins, 0)


@cache
def _pairs(n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rows, columns = np.triu_indices(n)
    return rows.astype(np.int32), columns.astype(np.int32)


@cache
def _triangle(n: int) -> NDArray[np.float32]:
    return np.triu(np.ones((n, n), np.float32))
