"""From noise to an image: the steps from coarse to fine.

A *position* is a place of a patch in the image, on the grid of a *stage* (patch size and stride). Its
*components* are the Gaussians of the mixture there: patches of the views nearest to the image's own, each
given by a *code*, the place of its upper left pixel in the views (see ``kernel.py``).
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.mixtures import kernel
from gmmaug_plugin.mixtures.options import LocalOptions
from gmmaug_plugin.mixtures.patch_sizes import (
    AT_32,
    BEYOND_32,
    COARSE,
    COARSE_END,
    FINE_END,
    FINE_NOISE,
    FINE_STEPS,
    MIDDLE_BELOW,
    SMALL_BELOW,
    Stage,
)
from gmmaug_plugin.mixtures.pyramid import doubled

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]

_CARRIED = 16  # components carried to a finer side, nearest first
_SECOND_WEIGHT = np.float32(0.3)  # factor for components from the second nearest position of a coarser grid
_SHARPNESS = 3  # power of the Hann window: one patch dominates each pixel, since means of several blur


def drawn_image(
    start: Floats, sigma: float, views: Sequence[Floats], options: LocalOptions, rng: np.random.Generator
) -> Floats:
    """Draw an image.

    Args:
        start: (channels, 16, 16), a layout with noise of standard deviation ``sigma``.
        sigma: Above 0.03.
        views: Photos that the image is made of, (n, channels, side, side) at sides 16, 32, ..., S.
        options: The options.
        rng: Source of all further noise.

    Returns:
        (channels, S, S), gray levels in about 0..1.
    """
    image = start.copy()
    sigmas = np.geomspace(sigma, COARSE_END, options.steps).tolist()
    limits = (MIDDLE_BELOW * options.locality, options.locality)
    stages = [COARSE[sum(noise <= limit for limit in limits)] for noise in sigmas]
    codes, weights = _anneal(image, views[0], stages, sigmas, options, np.zeros((0, 0), np.int32))
    for depth, level in enumerate(views[1:]):
        large, small = BEYOND_32 if depth else AT_32
        added, steps = FINE_NOISE[min(depth, 2)], FINE_STEPS[min(depth, 2)]
        codes, weights = _carried(codes, weights, stages[-1], large, image.shape[1], 2)
        # Blend one component at each position, drawn by its weight, into an image without noise.
        cover = large._replace(search=kernel.AS_KEPT, keep=1)
        image = doubled(image)
        _run(image, level, _chosen(codes, weights, rng), cover, np.array([1, 0], np.float32))
        image += np.float32(added) * rng.standard_normal(image.shape, np.float32)
        sigmas = np.geomspace(added, FINE_END, steps).tolist()
        stages = [large if noise > SMALL_BELOW * added else small for noise in sigmas]
        codes = np.ascontiguousarray(codes[:, :_CARRIED])
        codes, weights = _anneal(image, level, stages, sigmas, options, codes)
    return image


def _anneal(
    image: Floats,
    views: Floats,
    stages: Sequence[Stage],
    sigmas: Sequence[float],
    options: LocalOptions,
    codes: Codes,
) -> tuple[Codes, Floats]:
    """Remove the noise of an image in place, with the stage and the noise level of each step.

    ``codes`` are the components that the first stage starts from, unless it searches all places.

    Returns:
        The last stage's codes and their weights.
    """
    levels = np.array([*sigmas, 0], np.float32)
    weights, before = np.zeros((0, 0), np.float32), stages[0]
    for stage, group in groupby(range(len(stages)), key=lambda step: stages[step]):
        steps = list(group)
        if stage != before and stage.search == kernel.AROUND_KEPT:
            codes, weights = _carried(codes, weights, before, stage, image.shape[1], 1)
        run = levels[steps[0] : steps[-1] + 2]
        codes, weights = _run(image, views, codes, stage, run, options.bandwidth, options.gain)
        before = stage
    return codes, weights


def _run(
    image: Floats,
    views: Floats,
    codes: Codes,
    stage: Stage,
    sigmas: Floats,
    bandwidth: float = 0,
    gain: float = 1,
) -> tuple[Codes, Floats]:
    """Call the kernel with the arguments in its order and types."""
    window, cover = _windows(image.shape[1], stage.size, stage.stride)
    patches = (window, cover, stage.stride, stage.search, stage.centred, stage.keep)
    found: tuple[Codes, Floats] = kernel.anneal(
        image, views, codes, *patches, sigmas, float(bandwidth), float(gain)
    )
    return found


def _chosen(codes: Codes, weights: Floats, rng: np.random.Generator) -> Codes:
    """One component at each position, drawn by its weight."""
    bounds = np.cumsum(weights, axis=1)
    drawn = (bounds <= bounds[:, -1:] * rng.random((len(codes), 1), np.float32)).sum(1)
    drawn[drawn == codes.shape[1]] = 0  # by rounding; the nearest component always exists
    return np.take_along_axis(codes, drawn[:, None], 1)


def _carried(
    codes: Codes, weights: Floats, old: Stage, new: Stage, side: int, scale: int
) -> tuple[Codes, Floats]:
    """Move components to the positions of another stage, at the same or (``scale`` 2) at twice the side.

    Each new position gets the components of the two nearest old positions, at the same place in the image
    relative to the position: codes (new positions, 2 k) and weights, which do not sum to 1.
    """
    near, origins, new_origins = _grids(old, new, side, scale)
    bits, limit = side.bit_length() - 1, side * scale - new.size
    places = np.stack([(codes >> bits) & (side - 1), codes & (side - 1)])
    shifts = (places - origins[:, :, None])[:, near] * scale
    rows, columns = np.clip(shifts + new_origins[:, :, None, None], 0, limit)
    new_bits, old_views = bits + scale - 1, codes[near] >> (2 * bits)  # negative where there is no code
    moved = (((old_views << new_bits) + rows) << new_bits) + columns
    shares = weights[near]
    shares[:, 1] *= _SECOND_WEIGHT
    return moved.reshape(len(near), -1), shares.reshape(len(near), -1)


@lru_cache
def _grids(old: Stage, new: Stage, side: int, scale: int) -> tuple[Codes, Codes, Codes]:
    """The two old positions nearest to each new one, (new positions, 2), and both grids' (2, positions)."""
    sides = ((old, side), (new, side * scale))
    starts = [np.arange(0, length - stage.size + 1, stage.stride) for stage, length in sides]
    before, after = starts[0] + old.size / 2, (starts[1] + new.size / 2) / scale
    apart = (after[:, None] - before) ** 2
    squares = apart[:, None, :, None] + apart[None, :, None, :]
    order = squares.reshape(len(after) ** 2, -1).argsort(axis=1, kind="stable")
    near = np.resize(order[:, :2].T, (2, len(order))).T  # a lone position counts twice
    origins = [np.stack(np.meshgrid(one, one, indexing="ij")).reshape(2, -1) for one in starts]
    return near.astype(np.int32), origins[0].astype(np.int32), origins[1].astype(np.int32)


@lru_cache
def _windows(side: int, size: int, stride: int) -> tuple[Floats, Floats]:
    """A blending window, never zero, and the sum of the windows of all positions over each pixel."""
    line = np.hanning(size + 2)[1:-1] ** _SHARPNESS
    window = (line[:, None] * line + 1e-3).astype(np.float32)
    cover = np.zeros((side, side), np.float32)
    for y in range(0, side - size + 1, stride):
        for x in range(0, side - size + 1, stride):
            cover[y : y + size, x : x + size] += window
    return window, cover
