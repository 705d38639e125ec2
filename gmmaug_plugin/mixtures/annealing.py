"""From noise to an image: the patch sizes and noise levels at each side, and the steps between them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.mixtures import kernel
from gmmaug_plugin.mixtures.local import COARSE_END, LocalOptions
from gmmaug_plugin.mixtures.pyramid import doubled

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]

_MIDDLE = 2.5  # times the locality: noise below which the middle patch serves; whole images are photos
_FINE_END = 0.012
_FINE = (
    (0.08, 5),
    (0.06, 5),
    (0.04, 4),
)  # at sides 32, 64, 128 and beyond: noise added, steps to take it away
_SMALL_BELOW = 0.6  # share of the noise added below which the smaller patches serve
_CARRIED = 16  # components taken to a new side, nearest first
_SHARPNESS = 3  # power of the Hann window: means of patches that disagree are fog, so one patch prevails
_GAIN_BELOW = 0.5  # above such noise a posterior mean is rightly flat


class _Stage(NamedTuple):
    """One patch size at one side; ``search`` as for the kernel."""

    size: int
    stride: int
    centred: bool
    search: int
    keep: int


_COARSE = (_Stage(16, 1, False, 0, 16), _Stage(12, 2, False, 1, 16), _Stage(8, 2, False, 2, 16))
_AT_32 = (_Stage(12, 4, False, kernel.AROUND_KEPT, 12), _Stage(8, 4, True, kernel.AROUND_KEPT, 12))
# The coarser side has set the patches' means.
_BEYOND = (_Stage(16, 8, True, kernel.AROUND_KEPT, 12), _Stage(8, 4, True, kernel.AROUND_KEPT, 12))


def drawn_image(
    start: Floats, sigma: float, views: Sequence[Floats], options: LocalOptions, rng: np.random.Generator
) -> Floats:
    """Draw an image.

    Args:
        start: (channels, 16, 16) with noise of standard deviation ``sigma``.
        sigma: Above 0.03.
        views: Photos that the image is made of, (n, channels, side, side) at sides 16, 32, ..., S.
        options: Dials.
        rng: Gives all further noise.

    Returns:
        (channels, S, S), gray levels in about 0..1.
    """
    image = start.copy()
    sigmas = _ladder(sigma, COARSE_END, options.steps)
    limits = (_MIDDLE * options.locality, options.locality)
    stages = [_COARSE[sum(noise <= limit for limit in limits)] for noise in sigmas]
    codes, weights = _anneal(image, views[0], stages, sigmas, None, options, rng)
    for depth, level in enumerate(views[1:]):
        first, second = _BEYOND if depth else _AT_32
        noise, steps = _FINE[min(depth, len(_FINE) - 1)]
        codes, weights = _carried(codes, weights, stages[-1], first, image.shape[1], 2)
        image = doubled(image)
        _lay(image, level, first, _chosen(codes, weights, rng))
        image += np.float32(noise) * rng.standard_normal(image.shape, np.float32)
        sigmas = _ladder(noise, _FINE_END, steps)
        stages = [first if left > _SMALL_BELOW * noise else second for left in sigmas]
        codes = np.ascontiguousarray(codes[:, :_CARRIED])
        codes, weights = _anneal(image, level, stages, sigmas, codes, options, rng)
    return image


def _anneal(
    image: Floats,
    views: Floats,
    stages: Sequence[_Stage],
    sigmas: Sequence[float],
    codes: Codes | None,
    options: LocalOptions,
    rng: np.random.Generator,
) -> tuple[Codes, Floats]:
    """Take the noise out of an image in place, a stage for each sigma; ``codes`` are the first stage's.

    Returns:
        The last stage's codes and their weights.
    """
    ladder = np.array([*sigmas, 0], np.float32)
    found = None if codes is None else (codes, np.zeros(codes.shape, np.float32))
    before = stages[0]
    for stage in dict.fromkeys(stages):
        first = stages.index(stage)
        count = stages.count(stage)
        if found is None or stage.search >= 0:
            found = _nothing()
        elif stage != before:
            found = _carried(*found, before, stage, image.shape[1], 1)
        noise = rng.standard_normal((count if options.eta else 0, *image.shape), np.float32)
        found = _run(image, views, found[0], stage, ladder[first : first + count + 1], options, noise)
        before = stage
    assert found is not None
    return found


def _run(
    image: Floats,
    views: Floats,
    codes: Codes,
    stage: _Stage,
    sigmas: Floats,
    options: LocalOptions,
    noise: Floats,
) -> tuple[Codes, Floats]:
    window, cover = _windows(image.shape[1], stage.size, stage.stride)
    found: tuple[Codes, Floats] = kernel.anneal(
        image,
        views,
        codes,
        window,
        cover,
        stage.stride,
        stage.search,
        stage.centred,
        stage.keep,
        sigmas,
        float(options.bandwidth),
        float(options.gain),
        _GAIN_BELOW,
        float(options.eta),
        noise,
    )
    return found


def _lay(image: Floats, views: Floats, stage: _Stage, one: Codes) -> None:
    """Cover an image in place with one component at each position, blended."""
    taken = stage._replace(search=kernel.AS_KEPT, keep=1)
    plain = LocalOptions(gain=1)
    _run(
        image, views, one, taken, np.array([1, 0], np.float32), plain, np.zeros((0, *image.shape), np.float32)
    )


def _chosen(codes: Codes, weights: Floats, rng: np.random.Generator) -> Codes:
    """One component at each position, drawn by its weight."""
    bounds = np.cumsum(weights, axis=1)
    drawn = (bounds <= bounds[:, -1:] * rng.random((len(codes), 1), np.float32)).sum(1)
    # Rounding may point past the last component; the nearest one is always there.
    drawn[drawn == codes.shape[1]] = 0
    return np.take_along_axis(codes, drawn[:, None], 1)


def _carried(
    codes: Codes, weights: Floats, old: _Stage, new: _Stage, side: int, scale: int
) -> tuple[Codes, Floats]:
    """Components of one grid handed to another, at the same side or at twice the side."""
    limit = side * scale - new.size
    found: tuple[Codes, Floats] = kernel.carry(
        codes,
        weights,
        _nearest(old, new, side, scale),
        side.bit_length() - 1,
        (side - old.size) // old.stride + 1,
        old.stride,
        scale,
        limit,
        limit // new.stride + 1,
        new.stride,
    )
    return found


@lru_cache
def _nearest(old: _Stage, new: _Stage, side: int, scale: int) -> Codes:
    """The two old positions whose centres are nearest to each new one: (new positions, 2)."""
    before = np.arange(0, side - old.size + 1, old.stride) + old.size / 2
    after = (np.arange(0, side * scale - new.size + 1, new.stride) + new.size / 2) / scale
    apart = (after[:, None] - before) ** 2
    squares = apart[:, None, :, None] + apart[None, :, None, :]
    order = squares.reshape(len(after) ** 2, -1).argsort(axis=1, kind="stable")
    # A lone position counts twice.
    return np.ascontiguousarray(np.resize(order[:, :2].T, (2, len(order))).T, np.int32)


@lru_cache
def _ladder(first: float, last: float, steps: int) -> tuple[float, ...]:
    """Noise levels from first to last, in equal ratios."""
    return tuple(np.geomspace(first, last, steps).tolist())


def _nothing() -> tuple[Codes, Floats]:
    return np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32)


@lru_cache
def _windows(side: int, size: int, stride: int) -> tuple[Floats, Floats]:
    """A blending window, never zero, and the sum of all positions' windows over each pixel."""
    line = np.hanning(size + 2)[1:-1] ** _SHARPNESS
    window = (line[:, None] * line + 1e-3).astype(np.float32)
    cover = np.zeros((side, side), np.float32)
    for y in range(0, side - size + 1, stride):
        for x in range(0, side - size + 1, stride):
            cover[y : y + size, x : x + size] += window
    return window, cover
