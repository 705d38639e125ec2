"""The compiled steps of the local mixture: candidates, distances, weights, patches, blending.

Images and photos are float32 (channels, side, side), gray levels in 0..1, the side 2**bits. *Positions* are
the places of the image's own patches: a grid of ``stride`` pixels, numbered row by row. A *code* is the place
of a patch in the photos: ``(view * side + row) * side + column`` of its upper left pixel, negative for none.

Plain loops throughout, since each array expression adds a second to the compilation.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.mixtures.simd import add_window, difference_sums

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]
Function = TypeVar("Function", bound=Callable[..., Any])

AS_KEPT = -2  # value of ``search``: the codes given are the only candidates
AROUND_KEPT = -1  # value of ``search``: the candidates that :func:`_around` lists

_FAR = np.float32(3e38)
_ZERO = np.float32(0)
_ONE = np.float32(1)
_LEAST_WEIGHT = np.float32(1e-3)  # lighter components change no gray level but cost as much as others
_GAIN_BELOW = np.float32(0.5)  # noise below which means get more contrast; above it they are rightly flat


def _compiled(function: Function) -> Function:
    """Compile, with the result kept on disk where a folder for it can be written."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast(Function, numba.njit(**options)(function))


@_compiled
def _everywhere(y: int, x: int, radius: int, limit: int, n_views: int, bits: int, codes: Codes) -> int:
    """Write all places within ``radius`` of (y, x), in every view, to ``codes``; return their number."""
    n = 0
    for v in range(n_views):
        for row in range(max(y - radius, 0), min(y + radius, limit) + 1):
            for column in range(max(x - radius, 0), min(x + radius, limit) + 1):
                codes[n] = (((v << bits) + row) << bits) + column
                n += 1
    return n


@_compiled
def _append(code: int, codes: Codes, n: int, table: Codes) -> int:
    """Append a code unless it is a duplicate, and return the new number of codes.

    ``table`` is a hash table whose size is a power of two; a colliding code replaces the older one, which may
    then be appended twice. No branches: the processor could not predict them.
    """
    slot = ((code * 0x9E3779B1) >> 16) & (len(table) - 1)
    new = table[slot] != code
    table[slot] = code
    codes[n] = code
    return n + int(new)


@_compiled
def _around(
    i: int, j: int, grid: int, stride: int, limit: int, bits: int, kept: Codes, codes: Codes, table: Codes
) -> int:
    """Write the candidates of ``AROUND_KEPT`` for position (i, j) to ``codes``; return their number.

    They are the position's codes, the places one pixel around them, and the best codes of its four
    neighbours, shifted by the distance of the positions.
    """
    for slot in range(len(table)):
        table[slot] = -1
    n, last, p = 0, (1 << bits) - 1, i * grid + j
    for q in range(kept.shape[1]):
        code = int(kept[p, q])
        if code < 0:
            break
        y, x = (code >> bits) & last, code & last
        for dy in range(max(-1, -y), min(1, limit - y) + 1):
            for dx in range(max(-1, -x), min(1, limit - x) + 1):
                n = _append(code + (dy << bits) + dx, codes, n, table)
    for side in range(4):
        di, dj = (side & 1) * (side - 2), (1 - (side & 1)) * (side - 1)
        if 0 <= i + di < grid and 0 <= j + dj < grid:
            code = int(kept[p + di * grid + dj, 0])
            y, x = ((code >> bits) & last) - di * stride, (code & last) - dj * stride
            if 0 <= y <= limit and 0 <= x <= limit:
                n = _append(code - ((di * stride) << bits) - dj * stride, codes, n, table)
    return n


@_compiled
def _cut(image: Floats, y: int, x: int, size: int, patch: Floats) -> None:
    """Copy a patch out of an image: ``patch`` is flat, channel by channel, row by row."""
    k = 0
    for c in range(image.shape[0]):
        for a in range(y, y + size):
            for b in range(x, x + size):
                patch[k] = image[c, a, b]
                k += 1


@_compiled
def _distances(
    patch: Floats,
    photos: Floats,
    codes: Codes,
    n: int,
    size: int,
    channels: int,
    bits: int,
    centred: bool,
    distances: Floats,
) -> None:
    """Squared distances to ``n`` candidates, averaged over channels; ``centred``: without the means."""
    area, side, pixels = 1 << (2 * bits), 1 << bits, size * size
    for m in range(n):
        code = int(codes[m])
        start = (code >> (2 * bits)) * channels * area + (code & (area - 1))
        total = _ZERO
        for c in range(channels):
            if size == 8:  # constant sizes let the compiler unroll the loops over a patch
                squares, sums = difference_sums(patch, c * 64, photos, start + c * area, 8, side)
            elif size == 16:
                squares, sums = difference_sums(patch, c * 256, photos, start + c * area, 16, side)
            else:
                squares, sums = difference_sums(patch, c * pixels, photos, start + c * area, size, side)
            total += squares - sums * sums / np.float32(pixels) if centred else squares
        distances[m] = total / np.float32(channels)


@_compiled
def _select(codes: Codes, distances: Floats, n: int, kept: Codes, nearest: Floats) -> None:
    """Fill ``kept`` with the nearest of ``n`` candidates in order, and with -1 if there are fewer."""
    last = len(kept) - 1
    for q in range(len(kept)):
        kept[q], nearest[q] = -1, _FAR
    for m in range(n):
        found = distances[m]
        if found < nearest[last]:
            place = last
            while place > 0 and nearest[place - 1] > found:
                place -= 1
            twin = place - 1
            while twin >= 0 and nearest[twin] == found and kept[twin] != codes[m]:
                twin -= 1
            if twin >= 0 and nearest[twin] == found:
                continue
            for q in range(last, place, -1):
                nearest[q], kept[q] = nearest[q - 1], kept[q - 1]
            nearest[place], kept[place] = found, codes[m]


@_compiled
def _posterior(distances: Floats, kept: Codes, variance: np.float32, weights: Floats) -> None:
    """Posterior weights of the kept components under Gaussian noise, summing to 1."""
    total = _ZERO
    for q in range(len(kept)):
        weights[q] = _ZERO
        if kept[q] >= 0:
            weight = np.exp((distances[0] - distances[q]) / (variance + variance))
            if weight >= _LEAST_WEIGHT:
                weights[q] = weight
                total += weight
    for q in range(len(kept)):
        weights[q] /= total


@_compiled
def _mean(
    patch: Floats,
    photos: Floats,
    kept: Codes,
    weights: Floats,
    size: int,
    channels: int,
    bits: int,
    centred: bool,
    gain: np.float32,
    zeros: Floats,
    mean: Floats,
) -> None:
    """Weighted mean of the components, its contrast raised to that of the components by at most ``gain``.

    With ``centred`` each channel has the mean of ``patch`` instead of the components'. ``zeros`` is an array
    of zeros of a channel's size.
    """
    area, side, pixels = 1 << (2 * bits), 1 << bits, np.float32(size * size)
    for k in range(len(mean)):
        mean[k] = _ZERO
    energy, left = _ZERO, np.float32(1e-9)
    for c in range(channels):
        start = c * size * size
        for q in range(len(kept)):
            if weights[q] > _ZERO:
                code = int(kept[q])
                place = ((code >> (2 * bits)) * channels + c) * area + (code & (area - 1))
                squares, sums = add_window(mean, start, photos, place, size, side, weights[q])
                energy += weights[q] * (squares - sums * sums / pixels)
        squares, sums = difference_sums(mean, start, zeros, 0, size, size)
        left += squares - sums * sums / pixels
    factor = min(gain, np.sqrt(max(energy / left, _ONE)))
    for c in range(channels):
        start = c * size * size
        _, sums = difference_sums(mean, start, zeros, 0, size, size)
        before = sums / pixels
        after = before
        if centred:
            _, sums = difference_sums(patch, start, zeros, 0, size, size)
            after = sums / pixels
        for k in range(start, start + size * size):
            mean[k] = after + factor * (mean[k] - before)


@_compiled
def _blend(
    patch: Floats, mean: Floats, share: np.float32, window: Floats, y: int, x: int, total: Floats
) -> None:
    """Add a denoised patch, ``mean`` and a ``share`` of the noisy patch, to the windowed ``total``."""
    k = 0
    for c in range(total.shape[0]):
        for a in range(window.shape[0]):
            for b in range(window.shape[0]):
                total[c, y + a, x + b] += window[a, b] * (mean[k] + share * (patch[k] - mean[k]))
                k += 1


@_compiled
def _step(image: Floats, total: Floats, cover: Floats, ratio: np.float32) -> None:
    """Euler's step: the denoised image plus ``ratio`` times the noise."""
    for c in range(image.shape[0]):
        for y in range(image.shape[1]):
            for x in range(image.shape[2]):
                clean = total[c, y, x] / cover[y, x]
                image[c, y, x] = clean + ratio * (image[c, y, x] - clean)


@_compiled
def anneal(
    image: Floats,
    views: Floats,
    kept: Codes,
    window: Floats,
    cover: Floats,
    stride: int,
    search: int,
    centred: bool,
    keep: int,
    sigmas: Floats,
    bandwidth: float,
    gain: float,
) -> tuple[Codes, Floats]:
    """Reduce the noise of an image in place from ``sigmas[0]`` to ``sigmas[-1]``, with patches of one size.

    Args:
        image: (channels, side, side), with noise of standard deviation ``sigmas[0]``.
        views: The photos, (n, channels, side, side).
        kept: Codes (positions, k) found before; not read when ``search`` is 0 or more.
        window: Blending weights of a patch, (size, size), size a multiple of 4.
        cover: The sum of the windows over each pixel, (side, side).
        stride: Pixels between positions; a divisor of the side less ``size``.
        search: ``AS_KEPT``, ``AROUND_KEPT``, or a radius in pixels: all places within it, in all views.
        centred: Compare and average patches without their means.
        keep: Number of nearest candidates that become components.
        sigmas: Noise before each step and after the last.
        bandwidth: Standard deviation of each component.
        gain: Largest scaling of a mean's contrast, applied at noise below 0.5.

    Returns:
        Codes (positions, keep) of the last step's components, nearest first, and their posterior weights.
    """
    channels, side, size = image.shape[0], image.shape[1], window.shape[0]
    limit = side - size
    grid = limit // stride + 1
    bits = 0
    while 1 << bits < side:
        bits += 1
    most = max(kept.shape[1], keep) * 9 + 4
    if search >= 0:
        most = len(views) * (2 * search + 1) ** 2
    table_size = 64
    while table_size < 2 * most and search == AROUND_KEPT:
        table_size *= 2
    codes, table = np.empty(most + 1, np.int32), np.empty(table_size, np.int32)
    patch, mean = np.empty(channels * size * size, np.float32), np.empty(channels * size * size, np.float32)
    zeros, total = np.zeros(size * size, np.float32), np.empty((channels, side, side), np.float32)
    distances, nearest = np.empty(most, np.float32), np.empty(keep, np.float32)
    weights = np.empty((grid * grid, keep), np.float32)
    flat, sums = views.reshape(-1), total.reshape(-1)
    for step in range(len(sigmas) - 1):
        sigma = sigmas[step]
        variance = sigma * sigma + np.float32(bandwidth * bandwidth)
        share = np.float32(bandwidth * bandwidth) / variance
        scale = np.float32(gain) if sigma < _GAIN_BELOW else _ONE
        found = np.empty((grid * grid, keep), np.int32)
        for k in range(len(sums)):
            sums[k] = _ZERO
        for p in range(grid * grid):
            i, j = p // grid, p % grid
            y, x = i * stride, j * stride
            n = kept.shape[1]
            if search >= 0:
                n = _everywhere(y, x, search, limit, len(views), bits, codes)
            elif search == AROUND_KEPT:
                n = _around(i, j, grid, stride, limit, bits, kept, codes, table)
            else:
                for q in range(n):
                    codes[q] = kept[p, q]
            _cut(image, y, x, size, patch)
            _distances(patch, flat, codes, n, size, channels, bits, centred, distances)
            _select(codes, distances, n, found[p], nearest)
            _posterior(nearest, found[p], variance, weights[p])
            _mean(patch, flat, found[p], weights[p], size, channels, bits, centred, scale, zeros, mean)
            _blend(patch, mean, share, window, y, x, total)
        _step(image, total, cover, sigmas[step + 1] / sigma)
        kept = found
    return kept, weights
