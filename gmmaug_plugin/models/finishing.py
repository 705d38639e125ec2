"""The end of synthesis in numpy: folded grey levels to bytes, in as few passes over memory as there can be.

With numba installed (the extra ``fast``) it is one pass. Values are multiples of a step that float32 adds
exactly, so both ways give the same bytes.
"""

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.symmetry import Symmetry

Floats = NDArray[np.float32]

_VALUES = 2**18
"""Grey levels between their product and their bytes, as floats: a megabyte, which a core's cache holds."""

SWITCH = "GMMAUG_NUMBA"
"""Environment variable: 0 goes without numba though it is installed."""


@cache
def kernels() -> ModuleType | None:
    """The compiled kernels; None where numba is not installed, cannot be used or is switched off."""
    if os.environ.get(SWITCH) == "0" or find_spec("numba") is None:
        return None
    try:
        return import_module("gmmaug_plugin.models.kernels")
    except (ImportError, RuntimeError):
        # numba refuses versions of numpy that it does not know, and places where it may not keep its code.
        return None


def tiles(n: int, size: int, symmetry: Symmetry) -> Iterator[tuple[slice, slice]]:
    """Which images, and which of their lines, to work on at a time, so that they stay in a core's cache.

    All images together where their lines can be told apart: every value of the basis is then read once. Under
    "d4" an image's lines hang together.
    """
    if symmetry == "d4":
        step = max(1, _VALUES // (size * size))
        for begin in range(0, n, step):
            yield slice(begin, min(begin + step, n)), slice(0, size)
        return
    step = max(1, _VALUES // (max(n, 1) * size))
    for begin in range(0, size, step):
        yield slice(0, n), slice(begin, min(begin + step, size))


def finish(
    parts: list[Floats], symmetry: Symmetry, raised: Floats, out: NDArray[np.uint8], line: int = 0
) -> None:
    """Unfold some lines of images, add a mean, cut to whole grey levels and clip to 0..255.

    Args:
        parts: Lines of the parts of :func:`~gmmaug_plugin.models.symmetry.fold`, (n, copies, ·, w') each;
            under "d4" the whole parts; written over.
        symmetry: The symmetry.
        raised: These lines of the mean image, unchanged by the symmetry, plus a half: cutting then rounds.
        out: Uint8 (n, h, w), of which these lines are filled.
        line: The first line.
    """
    compiled = kernels()
    if compiled is None:
        _finish_in_passes(parts, symmetry, raised, out[:, line : line + len(raised)])
        return
    n, _, width = out.shape
    if symmetry == "none":
        flat = out.reshape(n, -1)
        compiled.finish_whole(parts[0].reshape(n, -1), raised.ravel(), flat, line * width)
        return
    even, odd = parts[0][:, 0], parts[1][:, 0]
    if symmetry == "d4":
        halves = np.empty((2, n, len(raised), width // 2), np.float32)
        compiled.unfold_rows(even, odd, parts[2], halves[0], halves[1])
        even, odd = halves
    half = np.ascontiguousarray(raised[:, : width // 2])
    if width % 16:
        compiled.finish_mirrored(even, odd, half, out, line)
    else:
        compiled.finish_mirrored_words(even, odd, half, out.view(np.uint64), line)


def _finish_in_passes(
    parts: list[Floats], symmetry: Symmetry, raised: Floats, out: NDArray[np.uint8]
) -> None:
    if symmetry == "none":
        values = parts[0][:, 0]
        values += raised
        _cut(values, out)
        return
    even, odd = parts[0][:, 0], parts[1][:, 0]
    if symmetry == "d4":
        mixed = np.swapaxes(parts[2][:, 1], -1, -2)
        even, odd = _unfold_rows(even, mixed), _unfold_rows(parts[2][:, 0], odd)
    half = raised.shape[1] // 2
    even += raised[:, :half]
    far = even - odd
    even += odd
    _cut(even, out[..., :half])
    _cut(far[..., ::-1], out[..., half:])


def _unfold_rows(even: Floats, odd: Floats) -> Floats:
    n, h, w = even.shape
    whole = np.empty((n, 2 * h, w), np.float32)
    np.add(even, odd, out=whole[:, :h])
    np.subtract(even, odd, out=whole[:, : h - 1 : -1])
    return whole


def _cut(values: Any, out: NDArray[np.uint8]) -> None:
    np.clip(values, 0.0, 255.5, out=values)
    np.copyto(out, values, casting="unsafe")
