"""Quadratic functions of many small vectors at a time, in numpy: log joints of Gaussian components.

Vectors lie in columns, (m, N), and so does all that is made of them: every operation runs over long rows.
Blocks of columns stay in the cache, in memory that is used again and again.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Columns worked on at a time."""

Floats = NDArray[np.floating]


def n_features(m: int) -> int:
    """Number of quadratic features of m numbers.

    Example:
        >>> n_features(3)
        10
    """
    return 1 + m + m * (m + 1) // 2


def quadratic_features(a: Floats, out: Floats | None = None) -> Floats:
    """Of columns x of (m, N): 1, x and the products x_i x_j with i <= j, row by row.

    Args:
        a: The columns.
        out: Where to write to, (n_features(m), N).

    Returns:
        ``out``, or a new array of the dtype of ``a``.
    """
    m = len(a)
    features = np.empty((n_features(m), a.shape[1]), a.dtype) if out is None else out
    features[0] = 1.0
    features[1 : m + 1] = a
    begin = m + 1
    for i in range(m):
        np.multiply(a[i:], a[i], out=features[begin : begin + m - i])
        begin += m - i
    return features


def quadratic_blocks(linear: Floats, a: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
    """Linear functions of the quadratic features of columns, block by block.

    Args:
        linear: (K, n_features(m)).
        a: Columns (m, N), of the same dtype.

    Yields:
        Which columns; their features (n_features(m), b); and ``linear`` times these, (K, b), to be written
        over. Both are overwritten by the next block.
    """
    n = a.shape[1]
    width = min(BLOCK, n)
    features = np.empty((linear.shape[1], width), linear.dtype)
    values = np.empty((len(linear), width), linear.dtype)
    for begin in range(0, n, BLOCK):
        part = slice(begin, min(begin + BLOCK, n))
        b = part.stop - begin
        made = quadratic_features(a[:, part], features[:, :b])
        yield part, made, np.matmul(linear, made, out=values[:, :b])


def draw_by_weight(log_weights: Floats, uniform: Floats) -> tuple[NDArray[np.int32], Floats]:
    """One index per column of unnormalised ``log_weights`` (K, N), by inversion of ``uniform`` (N,).

    Args:
        log_weights: Is written over.
        uniform: In [0, 1), of the same dtype.

    Returns:
        The indices, int32 (N,), and by how much a cumulative probability may move before they change, (N,).
    """
    K = len(log_weights)
    log_weights -= log_weights.max(axis=0)
    beyond = np.exp(log_weights, out=log_weights)
    # Row by row, since numpy's cumsum along the first axis takes ten times as long.
    for k in range(1, K):
        np.add(beyond[k - 1], beyond[k], out=beyond[k])
    total = beyond[-1].copy()
    beyond -= uniform * total
    reached = (beyond <= 0.0).view(np.uint8)
    # At most 256 components, and the last one's sum is beyond: but for rounding, a byte can count them.
    index = np.add.reduce(reached[:-1], axis=0, dtype=np.uint8).astype(np.int32)
    np.abs(beyond, out=beyond)
    margin = beyond.min(axis=0) / total
    return index, margin
