"""Sliced Wasserstein distance between patches of images, level by level of a Laplacian pyramid.

Each level holds the detail of one scale alone, so the distances show at which scale images differ: fine
texture, shapes, or large forms and light. T. Karras, T. Aila, S. Laine and J. Lehtinen, "Progressive growing
of GANs for improved quality, stability, and variation", ICLR 2018, section 5, with the distance of
J. Rabin, G. Peyré, J. Delon and M. Bernot, "Wasserstein barycenter and its application to texture mixing",
SSVM 2011, and the pyramid of P. J. Burt and E. H. Adelson, "The Laplacian pyramid as a compact image code",
*IEEE Trans. Communications* 31, 1983. Other than there: grayscale images, 256 projections instead of 512,
and patches standardised by the reference's mean and deviation, so that a lack of contrast counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import Measure, as_gray

SOURCE = "Karras et al., ICLR 2018, section 5; Rabin et al., SSVM 2011; Burt & Adelson, 1983"
SLACK = 2.0
"""A level is good up to so many times the real figure, which further real photos rarely exceed."""

_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16
_SMALLEST_LEVEL = 16
_PATCH = 7
_N_PATCHES = 24_000
_MOST_PER_IMAGE = 128
"""Patches per image and level, as in the paper."""

_N_PROJECTIONS = 256
_N_SPLITS = 4
_CHUNK = 64
"""Images whose pyramids are in memory at a time."""

_LEAST_DEVIATION = 0.1
"""In gray levels: less than what rounding to bytes alone causes (0.29)."""


def laplacian_pyramid(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Split images by scale.

    Sizes are halved, odd ones rounded up, as long as both sides stay at least 16.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3).

    Returns:
        Band-pass levels, float32 (n, h', w') in gray levels, the finest first, and last what remains: the
        reduced images themselves. Expanding and adding gives the images back.

    Example:
        >>> [level.shape[1] for level in laplacian_pyramid(np.zeros((2, 100, 100), np.uint8))]
        [100, 50, 25]
    """
    current = as_gray("images", images).astype(np.float32)
    levels = []
    while (min(current.shape[1:]) + 1) // 2 >= _SMALLEST_LEVEL:
        reduced = _smooth(current)[:, ::2, ::2]
        levels.append(current - expand(reduced, current.shape[1:]))
        current = reduced
    return [*levels, current]


def expand(reduced: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge images (n, h', w') about twofold to ``shape`` (Burt & Adelson, equation 2)."""
    n, height, width = reduced.shape
    spaced = np.zeros((n, 2 * height, 2 * width), np.float32)
    spaced[:, ::2, ::2] = 4.0 * reduced
    return _smooth(spaced)[:, : shape[0], : shape[1]]


def _smooth(images: NDArray[np.float32]) -> NDArray[np.float32]:
    for axis in (1, 2):
        images = convolve1d(images, _BINOMIAL, axis=axis, mode="mirror")
    return images


@dataclass(frozen=True)
class LevelDistance:
    """How the images of one pyramid level differ from the reference's.

    Attributes:
        size: Height of the level in pixels.
        distance: Mean absolute difference of sorted projections, times 1000. The reference's standardised
            pixels have a deviation of one.
    """

    size: int
    distance: float


def sliced_wasserstein(
    images: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    n_projections: int = 256,
    n_patches: int = 24_000,
    random_state: int = 0,
) -> list[LevelDistance]:
    """Compare images with a reference, level by level.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3); luma is compared.
        reference: The same of m images, of the same size. As many as there are images, ideally: the fewer
            they are, the larger the distance even of real photos.
        n_projections: Random directions per level.
        n_patches: Patches per level of either, about: every image gives equally many.
        random_state: Seed of directions and patches.

    Returns:
        A figure per level, the finest first.

    Raises:
        ValueError: The images and the reference are of different sizes.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32), np.uint8)
        >>> [level.size for level in sliced_wasserstein(noise[:4], noise[4:], n_patches=500)]
        [32, 16]
    """
    whole_number("n_projections", n_projections, 1)
    images, reference = as_gray("images", images, 2), as_gray("reference", reference, 2)
    n = min(len(images), len(reference))
    if images.shape[1:] != reference.shape[1:]:
        raise ValueError(
            f"images must have the reference's size {reference.shape[1:]}. Received: {images.shape[1:]}"
        )
    seed = whole_number("random_state", random_state, 0)
    per_image = max(1, whole_number("n_patches", n_patches, 1) // n)
    banks = [
        _cut_patches(one[:n], per_image, np.random.default_rng([seed, which]))
        for which, one in enumerate((images, reference))
    ]
    rng = np.random.default_rng([seed, 2])
    levels = zip(_level_sizes(images.shape[1]), zip(*banks, strict=True), strict=False)
    return [
        LevelDistance(size, _distances(other, [own], n_projections, rng)[0]) for size, (own, other) in levels
    ]


def _cut_patches(
    images: NDArray[np.uint8], per_image: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Cut random patches of 7 x 7 pixels out of the pyramids of images (n, h, w), the finest level first.

    Returns:
        Per level float32 (n, per_image, 49); fewer columns where a level is smaller than a patch.
    """
    pieces: list[list[NDArray[np.float32]]] = []
    for begin in range(0, len(images), _CHUNK):
        levels = laplacian_pyramid(images[begin : begin + _CHUNK])
        pieces.append([_cut(level, per_image, rng) for level in levels])
    return [np.concatenate(level) for level in zip(*pieces, strict=True)]


def _cut(level: NDArray[np.float32], per_image: int, rng: np.random.Generator) -> NDArray[np.float32]:
    sides = tuple(min(_PATCH, side) for side in level.shape[1:])
    windows = np.lib.stride_tricks.sliding_window_view(level, sides, axis=(1, 2))
    top, left = (rng.integers(0, places, (len(level), per_image)) for places in windows.shape[1:3])
    return windows[np.arange(len(level))[:, None], top, left].reshape(len(level), per_image, -1)


def _level_sizes(height: int) -> Iterator[int]:
    while True:
        yield height
        height = (height + 1) // 2


def _distances(
    reference: NDArray[np.float32],
    others: list[NDArray[np.float32]],
    n_projections: int,
    rng: np.random.Generator,
) -> list[float]:
    """Compare patches (n, per_image, p) of several sets with those of one reference."""
    flat = reference.reshape(-1, reference.shape[-1])
    mean, deviation = flat.mean(axis=0), np.maximum(flat.std(axis=0), _LEAST_DEVIATION)
    directions = rng.normal(size=(len(mean), n_projections)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)

    def projected(patches: NDArray[np.float32]) -> NDArray[np.float32]:
        points = (patches.reshape(flat.shape) - mean) / deviation
        return np.sort(directions.T @ points.T, axis=1)

    own = projected(reference)
    return [1000 * float(np.abs(projected(other) - own).mean(dtype=np.float64)) for other in others]


def measure_sliced_wasserstein(
    images: NDArray[np.uint8], photos: NDArray[np.uint8], *, random_state: int = 0
) -> list[Measure]:
    """Compare images with photos, beside photos with photos.

    The photos are split four times into two halves at random; with each split, 64 projections compare
    one half, and equally many images, with the other half, and the figures are averaged: a single split
    of a few hundred photos gives half or double the figure by chance. A level is good if the images'
    distance is at most twice the photos'. There are about 24,000 patches per level, but at most 128 of an
    image.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3).
        photos: Real photos, the same of m; twice as many as images are used, if there are.
        random_state: Seed of splits, patches and directions.

    Returns:
        A measure per level, the finest first: ``sliced_wasserstein_128``, and so on, times 1000.
    """
    images, photos = as_gray("images", images, 2), as_gray("photos", photos, 4)
    n = min(len(images), len(photos) // 2)
    rng = np.random.default_rng([whole_number("random_state", random_state, 0), 3])
    photos = photos[rng.permutation(len(photos))[: 2 * n]]
    per_image = min(_MOST_PER_IMAGE, max(1, _N_PATCHES // n))
    banks = zip(
        _level_sizes(photos.shape[1]),
        _cut_patches(images[:n], per_image, rng),
        _cut_patches(photos, per_image, rng),
        strict=False,
    )
    levels = []
    for size, of_images, of_photos in banks:
        figures = []
        for _ in range(_N_SPLITS):
            order = rng.permutation(2 * n)
            sets = [of_images, of_photos[order[:n]]]
            figures.append(_distances(of_photos[order[n:]], sets, _N_PROJECTIONS // _N_SPLITS, rng))
        levels.append((size, np.mean(figures, axis=0).tolist()))
    return [_as_measure(size, pair, place, len(levels)) for place, (size, pair) in enumerate(levels)]


def _as_measure(size: int, pair: list[float], place: int, n_levels: int) -> Measure:
    value, real = pair
    good = value <= SLACK * real
    subject, verb = _subject(place, n_levels)
    verdict = f"{subject} in the images {verb} as in the photos."
    if not good:
        times = f"{value / real:.2g} times" if real else "many times"
        verdict = (
            f"{subject} of the images {'differ' if verb == 'are' else 'differs'} {times} as much from the "
            "photos as photos differ from each other."
        )
    return Measure(
        name=f"sliced_wasserstein_{size}",
        title=f"{subject}, sliced Wasserstein distance at {size} pixels",
        value=value,
        real=real,
        unit="",
        good=good,
        verdict=verdict,
        source=SOURCE,
    )


def _subject(place: int, n_levels: int) -> tuple[str, str]:
    if place == n_levels - 1:
        return "Large forms and light", "are"
    if place == 0:
        return "Fine texture", "is"
    return ("Coarser texture", "is") if place < n_levels / 2 else ("Shapes", "are")
