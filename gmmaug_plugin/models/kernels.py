"""What ends synthesis, in one pass over every image, compiled by numba.

Importing this needs numba. ``models.finishing`` does the same without, in several passes.
"""

from typing import Any

import numpy as np
from numba import njit

_BLACK, _WHITE = np.float32(0.0), np.float32(255.5)
_LOW_BYTES, _LOW_PAIRS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)

compiled: Any = njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
"""Without bounds checks, since shapes are checked by the callers."""


@compiled
def finish_whole(values: Any, raised: Any, out: Any, begin: int) -> None:
    """Bytes of float32 values (n, d) plus ``raised`` (d,), cut and clipped, from ``begin`` on in ``out``."""
    for i in range(len(values)):
        row, target = values[i], out[i, begin : begin + len(raised)]
        for j in range(len(raised)):
            target[j] = np.uint8(np.int32(min(max(row[j] + raised[j], _BLACK), _WHITE)))


@compiled
def finish_mirrored(even: Any, odd: Any, raised: Any, out: Any, line: int) -> None:
    """Bytes of images whose halves are even + odd, and even - odd mirrored.

    Args:
        even: Float32 (n, h, w).
        odd: The same.
        raised: Half of the mean, float32 (h, w).
        out: Uint8 (n, ·, 2 w).
        line: Line of ``out`` where the first one goes.
    """
    n, h, w = even.shape
    near, far = np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)
    for i in range(n):
        _halves(even[i], odd[i], raised, near, far)
        for r in range(h):
            for c in range(w):
                out[i, line + r, c], out[i, line + r, w + c] = near[r, c], far[r, w - 1 - c]


@compiled
def finish_mirrored_words(even: Any, odd: Any, raised: Any, out: Any, line: int) -> None:
    """The same eight bytes at a time: ``out`` is uint64 (n, ·, w / 4)."""
    n, h, w = even.shape
    near, far = np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)
    near_words, far_words = near.view(np.uint64), far.view(np.uint64)
    for i in range(n):
        _halves(even[i], odd[i], raised, near, far)
        for r in range(h):
            for c in range(w // 8):
                x = far_words[r, w // 8 - 1 - c]
                x = ((x & _LOW_BYTES) << _8) | ((x >> _8) & _LOW_BYTES)
                x = ((x & _LOW_PAIRS) << _16) | ((x >> _16) & _LOW_PAIRS)
                out[i, line + r, w // 8 + c] = (x << _32) | (x >> _32)
            for c in range(w // 8):
                out[i, line + r, c] = near_words[r, c]


@compiled
def _halves(even: Any, odd: Any, raised: Any, near: Any, far: Any) -> None:
    # One long loop for each half: loops over lines are too short to be worth vector instructions.
    e, o, m = even.ravel(), odd.ravel(), raised.ravel()
    a, b = near.ravel(), far.ravel()
    for j in range(len(m)):
        a[j] = np.uint8(np.int32(min(max(m[j] + e[j] + o[j], _BLACK), _WHITE)))
    for j in range(len(m)):
        b[j] = np.uint8(np.int32(min(max(m[j] + e[j] - o[j], _BLACK), _WHITE)))


@compiled
def unfold_rows(even_even: Any, odd_odd: Any, mixed: Any, even: Any, odd: Any) -> None:
    """Halves, even and odd along the columns, of images told by quarters.

    Args:
        even_even: Float32 (n, h, h).
        odd_odd: The same.
        mixed: Even along the rows and odd along the columns, and the transposed of the other way round,
            (n, 2, h, h).
        even: To be filled, float32 (n, 2 h, h).
        odd: The same.
    """
    n, h, _ = even_even.shape
    for i in range(n):
        for r in range(h):
            for c in range(h):
                ee, oe = even_even[i, r, c], mixed[i, 1, c, r]
                eo, oo = mixed[i, 0, r, c], odd_odd[i, r, c]
                even[i, r, c], even[i, 2 * h - 1 - r, c] = ee + oe, ee - oe
                odd[i, r, c], odd[i, 2 * h - 1 - r, c] = eo + oo, eo - oo
