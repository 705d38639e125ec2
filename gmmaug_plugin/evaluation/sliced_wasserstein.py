"""Sliced Wasserstein distance between patches of images, for each level of a Laplacian pyramid.

Each level holds the detail of one scale, so the distances show at which scale images differ: fine texture,
shapes, or large forms and light. T. Karras, T. Aila, S. Laine and J. Lehtinen, "Progressive growing of GANs
for improved quality, stability, and variation", ICLR 2018, section 5, with the distance of J. Rabin,
G. Peyré, J. Delon and M. Bernot, "Wasserstein barycenter and its application to texture mixing", SSVM 2011,
and the pyramid of P. J. Burt and E. H. Adelson, "The Laplacian pyramid as a compact image code", *IEEE Trans.
Communications* 31, 1983. Differences: grayscale images, 256 projections instead of 512, and patches
standardized by the mean and deviation of the reference, so that a lack of contrast counts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from gmmaug_plugin.checks import image_stack
from gmmaug_plugin.evaluation.measure import Measure, judge_distance
from gmmaug_plugin.photos import to_grayscale

Floats = NDArray[np.float32]

SOURCE = "Karras et al., ICLR 2018, section 5; Rabin et al., SSVM 2011; Burt & Adelson, 1983"

_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16
_SMALLEST_LEVEL = 16
_PATCH = 7
_N_PATCHES = 24_000
_MOST_PER_IMAGE = 128  # patches per image and level, as in the paper
_N_PROJECTIONS = 256
_N_SPLITS = 4
_IMAGES_AT_ONCE = 64
_LEAST_DEVIATION = 0.1  # in gray levels: less than the error of rounding to bytes (0.29)


def laplacian_pyramid(images: NDArray[np.uint8]) -> list[Floats]:
    """Split images by scale.

    Sizes are halved, odd ones rounded up, as long as both sides stay at least 16.

    Args:
        images: uint8 (n, h, w).

    Returns:
        Band-pass levels, float32 (n, h', w') in gray levels, the finest first, and as the last level the
        reduced images. Expanding and adding the levels restores the images.

    Example:
        >>> [level.shape[1] for level in laplacian_pyramid(np.zeros((2, 100, 100), np.uint8))]
        [100, 50, 25]
    """
    current = images.astype(np.float32)
    levels = []
    while (min(current.shape[1:]) + 1) // 2 >= _SMALLEST_LEVEL:
        reduced = _smooth(current)[:, ::2, ::2]
        levels.append(current - expand(reduced, current.shape[1:]))
        current = reduced
    return [*levels, current]


def expand(reduced: Floats, shape: tuple[int, ...]) -> Floats:
    """Enlarge images (n, h', w') about twofold to ``shape`` (Burt & Adelson, equation 2)."""
    n, height, width = reduced.shape
    spaced = np.zeros((n, 2 * height, 2 * width), np.float32)
    spaced[:, ::2, ::2] = 4.0 * reduced
    return _smooth(spaced)[:, : shape[0], : shape[1]]


def _smooth(images: Floats) -> Floats:
    for axis in (1, 2):
        images = convolve1d(images, _BINOMIAL, axis=axis, mode="mirror")
    return images


def sliced_wasserstein(
    images: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    n_projections: int = _N_PROJECTIONS,
    n_patches: int = _N_PATCHES,
) -> list[float]:
    """Compare images with a reference, level by level.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3), n at least 2; luma is compared.
        reference: m images of the same size. The first min(n, m) images of both sets are compared. The
            smaller the sets, the larger the distance, also of real photos.
        n_projections: Random directions per level.
        n_patches: Patches per level of either set, approximately: all images have equally many.

    Returns:
        For each level, the finest first, the mean absolute difference of sorted projections, times 1000. The
        standardized pixels of the reference have a deviation of 1.

    Raises:
        TypeError: Images are not uint8.
        ValueError: The images and the reference differ in size, or there are fewer than 2.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32), np.uint8)
        >>> len(sliced_wasserstein(noise[:4], noise[4:], n_patches=500))
        2
    """
    image_stack("images", images, least=2)
    image_stack("reference", reference, least=2)
    if images.shape[1:3] != reference.shape[1:3]:
        raise ValueError(
            f"images must have the reference's size {reference.shape[1:3]}. Received: {images.shape[1:3]}"
        )
    n = min(len(images), len(reference))
    per_image = max(1, n_patches // n)
    own = _cut_patches(images[:n], per_image, np.random.default_rng([0, 0]))
    other = _cut_patches(reference[:n], per_image, np.random.default_rng([0, 1]))
    rng = np.random.default_rng([0, 2])
    return [_distances(level, [mine], n_projections, rng)[0] for mine, level in zip(own, other, strict=True)]


def measure_sliced_wasserstein(images: NDArray[np.uint8], photos: NDArray[np.uint8]) -> list[Measure]:
    """Compare images with photos, and photos with photos.

    The photos are split four times into two halves at random. With each split, 64 projections compare one
    half, and equally many images, with the other half. The figures are averaged, since a single split of a
    few hundred photos can give half or double the figure by chance. A level is good if the distance of the
    images is at most twice that of the photos.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3).
        photos: Real photos, the same of m, m at least 4; at most twice as many as images are compared.

    Returns:
        A measure per level, the finest first: ``sliced_wasserstein_128``, and so on, times 1000.
    """
    n = min(len(images), len(photos) // 2)
    rng = np.random.default_rng([0, 3])
    photos = photos[rng.permutation(len(photos))[: 2 * n]]
    per_image = min(_MOST_PER_IMAGE, max(1, _N_PATCHES // n))
    patches = [_cut_patches(one, per_image, rng) for one in (images[:n], photos)]
    measures = []
    for place, (of_images, of_photos) in enumerate(zip(*patches, strict=True)):
        figures = []
        for _ in range(_N_SPLITS):
            order = rng.permutation(2 * n)
            sets = of_images, of_photos[order[:n]]
            figures.append(_distances(of_photos[order[n:]], sets, _N_PROJECTIONS // _N_SPLITS, rng))
        value, real = np.mean(figures, axis=0).tolist()
        good, outcome = judge_distance(value, real)
        scale, size = _scale_name(place, len(patches[0])), -(-photos.shape[1] // 2**place)
        name, title = f"sliced_wasserstein_{size}", f"{scale}, sliced Wasserstein distance at {size} pixels"
        verdict = f"{scale}: the images are {outcome}."
        measures.append(Measure(name, title, value, real, "", good, verdict, SOURCE))
    return measures


def _cut_patches(images: NDArray[np.uint8], per_image: int, rng: np.random.Generator) -> list[Floats]:
    """Random patches of 7 x 7 pixels, float32 (n, per_image, 49), from each level of the pyramids."""
    pieces = []
    for begin in range(0, len(images), _IMAGES_AT_ONCE):
        levels = laplacian_pyramid(to_grayscale(images[begin : begin + _IMAGES_AT_ONCE]))
        pieces.append([_cut(level, per_image, rng) for level in levels])
    return [np.concatenate(level) for level in zip(*pieces, strict=True)]


def _cut(level: Floats, per_image: int, rng: np.random.Generator) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(level, (_PATCH, _PATCH), axis=(1, 2))
    top, left = (rng.integers(0, places, (len(level), per_image)) for places in windows.shape[1:3])
    return windows[np.arange(len(level))[:, None], top, left].reshape(len(level), per_image, -1)


def _distances(
    reference: Floats, others: Sequence[Floats], n_projections: int, rng: np.random.Generator
) -> list[float]:
    """Distances of sets of patches (n, per_image, p) from one reference, with the same projections."""
    flat = reference.reshape(-1, reference.shape[-1])
    mean, deviation = flat.mean(axis=0), np.maximum(flat.std(axis=0), _LEAST_DEVIATION)
    directions = rng.normal(size=(len(mean), n_projections)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)

    def projected(patches: Floats) -> Floats:
        points = (patches.reshape(flat.shape) - mean) / deviation
        return np.sort(directions.T @ points.T, axis=1)

    own = projected(reference)
    return [1000 * float(np.abs(projected(other) - own).mean(dtype=np.float64)) for other in others]


def _scale_name(place: int, n_levels: int) -> str:
    if place == n_levels - 1:
        return "Large forms and light"
    if place == 0:
        return "Fine texture"
    return "Coarse texture" if place < n_levels / 2 else "Shapes"
