"""Copies: images that are a training photo again, possibly turned, mirrored, brightened or under fog.

**Definition.** An image is a copy in a space if its distance to the nearest training photo of its class, in
any of the eight symmetries of the square, is below a threshold. The threshold is the 1st percentile of the
same distance of up to 600 training photos of the class, each compared with all others except its
near-duplicates. So about 1% of real photos count as copies of others. Judging distances to training photos by
those of real photos is the idea of C. Meehan, K. Chaudhuri, S. Dasgupta, *A Non-Parametric Test to Detect
Data-Copying in Generative Models*, AISTATS 2020; percentile, spaces and symmetries are the project's own.

The spaces are gray levels as they are ("raw"), with mean 0 and norm 1 ("contrast"), and the same after a
Gaussian blur of sigma size/32 is subtracted ("high_pass"). Each alone misses some copies: docs/measures.md.

Color images are compared by their luma, images larger than 128 pixels at 128, and with at most 7,000
training photos (460 MB): copies of other photos are not found.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import fisher_exact

from gmmaug_plugin.checks import image_stack
from gmmaug_plugin.photos import near_duplicates, to_grayscale
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count, limited_threads

Space = Literal["raw", "contrast", "high_pass"]
SPACES: tuple[Space, ...] = get_args(Space)
Floats = NDArray[np.float32]
Images = NDArray[np.uint8]

PERCENTILE = 1.0  # of the distances between real photos: nearer images count as copies
MAX_COMPARED = 7_000  # training photos, of all classes together
MAX_SIZE = 128  # height and width in pixels of compared images
MAX_REAL = 600  # training photos of a class that a threshold is measured on
FALSE_ALARMS = 0.01  # significance level of CopyRates.exceeds, for all spaces together

_LEAST_DISTANCE = 1e-4  # of thresholds: exact copies are nearer in spite of rounding
_LEAST_NORM = 0.5  # in gray levels, of images that are not flat: one level in one pixel exceeds it
_TOLERANCE = 1e-4  # above the relative error of products at half precision
_MOST_CANDIDATES = 8
_IMAGES_AT_ONCE, _PHOTOS_AT_ONCE = 64, 256
_FOUND = np.dtype([("photo", np.int32), ("symmetry", np.int8), ("distance", np.float32)])


class NoDifferentPhotosError(ValueError):
    """No class has two photos that differ, so there is no distance between photos."""


@dataclass(frozen=True)
class CopyRates:
    """Share of copies among images, and the same share among real photos.

    Attributes:
        rates: Space -> share of the images that are copies, 0..1.
        real_rates: Space -> share of real photos that count as copies of other real photos, 0..1; classes
            are weighted by their number of images.
        n: Number of images.
        n_real: Number of real photos in the classes of the images.
    """

    rates: Mapping[Space, float]
    real_rates: Mapping[Space, float]
    n: int
    n_real: int

    def exceeds(self) -> tuple[Space, ...]:
        """Spaces in which significantly more images than real photos are copies.

        Fisher's exact test, one-sided, of the two counts (R. A. Fisher, *The Design of Experiments*, 1935,
        chapter 2), at a third of :data:`FALSE_ALARMS` in each of the three spaces.
        """
        found = []
        for space in SPACES:
            copies, real = round(self.rates[space] * self.n), round(self.real_rates[space] * self.n_real)
            table = np.array([[copies, self.n - copies], [real, self.n_real - real]])
            if fisher_exact(table, alternative="greater").pvalue <= FALSE_ALARMS / len(SPACES):
                found.append(space)
        return tuple(found)


@dataclass(frozen=True, eq=False, repr=False)
class Nearest:
    """The nearest training photo of every image.

    Attributes:
        indices: int32 (n,), positions among the training photos.
        symmetries: int8 (n,), 0..7, how each photo is turned to be nearest, see :func:`turned`.
        ratios: float32 (n,), distance divided by the threshold of the class: an image below 1 is a copy.
    """

    indices: NDArray[np.int32]
    symmetries: NDArray[np.int8]
    ratios: Floats


class CopyDetector:
    """Distinguishes copies of training photos from images that merely resemble them.

    Immutable and thread-safe.

    Args:
        training: Training photos, uint8 (n, size, size) or (n, size, size, 3), n at least 1.
        labels: Classes of the photos, int (n,); None if they have none, which counts as one class, 0.

    Raises:
        NoDifferentPhotosError: No class has two different photos. If only some have none, they take the
            smallest threshold of the other classes.
        ValueError: The photos are not square or the labels are not one per photo.
        TypeError: The photos are not uint8 or the labels are not integers.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (40, 32, 32), np.uint8)
        >>> CopyDetector(photos).rates(photos[:, :, ::-1]).rates["contrast"]
        1.0
    """

    def __init__(self, training: Images, labels: ArrayLike | None = None) -> None:
        self._training = training
        photos = self._comparable("training", training)
        self._members = _choose_compared(labels, len(training))
        with limited_threads(), ThreadPoolExecutor(core_count()) as threads:
            made = threads.map(lambda code: _ClassPhotos(photos[self._members[code]], code), self._members)
            self._classes = dict(zip(self._members, made, strict=True))
        known = [one.thresholds for one in self._classes.values() if one.n_real]
        if not known:
            raise NoDifferentPhotosError(
                "A threshold for copies needs a class with at least two different training photos. "
                f"Received: {len(self._classes)} classes without"
            )
        for one in self._classes.values():
            if not one.n_real:
                one.thresholds = {space: min(other[space] for other in known) for space in SPACES}

    def of_class(self, code: int) -> "CopyDetector":
        """A detector for images of one class, without labels; ``code`` is the label of its photos."""
        single = copy(self)
        single._training = self._training[self._members[code]]
        single._members = {0: np.arange(len(single._training))}
        single._classes = {0: self._classes[code]}
        return single

    @property
    def note(self) -> str | None:
        """A sentence on the photos that images are not compared with; None if there are none."""
        n_compared = sum(map(len, self._members.values()))
        if n_compared == len(self._training):
            return None
        return (
            f"Images are compared with {n_compared:,} of the {len(self._training):,} training photos, "
            "chosen at random: copies of the others are not found."
        )

    def ratios(self, images: Images, labels: ArrayLike | None = None) -> Floats:
        """How near each image is to being a copy.

        Args:
            images: uint8 (n, size, size) or (n, size, size, 3), n at least 1, size as of the training photos.
            labels: Their classes, int (n,), among those of the training photos; None if these have none.

        Returns:
            float32 (n,), the least of distance divided by threshold in the three spaces: an image below 1 is
            a copy. The ratio of an image does not depend on the other images.

        Raises:
            ValueError: Shapes, sizes or labels do not fit.
            TypeError: Images are not uint8 or labels are not integers.
        """
        return np.asarray(np.min([one.ratios for one in self.nearest(images, labels).values()], axis=0))

    def rates(self, images: Images, labels: ArrayLike | None = None) -> CopyRates:
        """Shares of copies in the three spaces, and those of real photos of the same classes.

        Arguments and errors are those of :meth:`ratios`.
        """
        nearest = self.nearest(images, labels)
        rates = {space: float((nearest[space].ratios < 1).mean()) for space in SPACES}
        members = [(self._classes[code], rows) for code, rows in self._rows(labels, len(images)).items()]
        weights = [len(rows) if one.n_real else 0 for one, rows in members]
        real = np.array([one.real_rates for one, _ in members]).T @ weights / max(sum(weights), 1)
        real_rates = dict(zip(SPACES, real.tolist(), strict=True))
        return CopyRates(rates, real_rates, len(images), sum(one.n_real for one, _ in members))

    def nearest(self, images: Images, labels: ArrayLike | None = None) -> dict[Space, Nearest]:
        """Space -> every image's nearest training photo of its class, in any of the eight symmetries.

        Arguments and errors are those of :meth:`ratios`.
        """
        gray = self._comparable("images", images)
        found = np.empty((len(SPACES), len(images)), _FOUND)
        for code, rows in self._rows(labels, len(images)).items():
            one = self._classes[code]
            near = one.nearest(gray[rows])
            near["photo"] = self._members[code][near["photo"]]
            near["distance"] /= np.array([[one.thresholds[space]] for space in SPACES], np.float32)
            found[:, rows] = near
        return {
            space: Nearest(one["photo"], one["symmetry"], one["distance"])
            for space, one in zip(SPACES, found, strict=True)
        }

    def _comparable(self, name: str, images: Images) -> Images:
        """The images in grayscale, at the size at which they are compared."""
        image_stack(name, images)
        size = self._training.shape[1]
        if images.shape[1:3] != (size, size):
            raise ValueError(f"{name} must be {size} x {size} pixels. Received: shape {images.shape}")
        return resize_images(to_grayscale(images), min(size, MAX_SIZE))

    def _rows(self, labels: ArrayLike | None, n: int) -> dict[int, NDArray[np.intp]]:
        """Positions of the images of each class."""
        rows = _rows_by_class(labels, n)
        unknown = sorted(rows.keys() - self._classes.keys())
        if unknown or (labels is None and len(self._classes) > 1):
            raise ValueError(
                f"labels must be among those of the training photos, {list(self._classes)}. "
                f"Received: {None if labels is None else unknown}"
            )
        return rows


class _ClassPhotos:
    """Photos of one class, ready to be compared with many images, and their thresholds.

    The inner products of an image with all eight symmetries of a photo take two matrix products instead of
    eight: mirroring only changes the signs of odd parts of an image (J.-P. Serre, *Linear Representations of
    Finite Groups*, 1977, sections 2.6 and 2.7). The products, at half precision, only propose candidates;
    distances are computed from differences of pixels. So the result for an image is bit-identical whichever
    other images it is compared with.

    Args:
        photos: uint8 (m, size, size), m at least 1; kept at 4 bytes a pixel.
        code: The class, which seeds the choice of photos that thresholds are measured on.

    Attributes:
        thresholds: Space -> distance; empty if no two photos differ.
        real_rates: Share of the photos below the threshold, 0..1, in each of the three spaces.
        n_real: Number of photos that thresholds are measured on; 0 if no two photos differ.
    """

    def __init__(self, photos: Images, code: int) -> None:
        self._photos = photos
        chunks = [photos[i : i + _PHOTOS_AT_ONCE] for i in range(0, len(photos), _PHOTOS_AT_ONCE)]
        self._means, self._deviations = np.concatenate([_moments(chunk) for chunk in chunks], axis=1)
        self._parts = {
            space: [_mirror_parts(_to_space(chunk, space)).astype(np.float16) for chunk in chunks]
            for space in SPACES[1:]
        }
        self.thresholds: dict[Space, float] = {}
        self.real_rates, self.n_real = np.zeros(len(SPACES)), 0
        groups = near_duplicates(photos)
        if len(np.unique(groups)) == 1:
            return
        some = np.sort(np.random.default_rng([0, code]).permutation(len(photos))[:MAX_REAL])
        self.n_real = len(some)
        found = self.nearest(photos[some], leave_out=groups[some][:, None] == groups)
        for place, distances in enumerate(found["distance"]):
            threshold = max(float(np.percentile(distances, PERCENTILE)), _LEAST_DISTANCE)
            self.thresholds[SPACES[place]] = threshold
            self.real_rates[place] = (distances < threshold).mean()

    def nearest(self, images: Images, leave_out: NDArray[np.bool_] | None = None) -> NDArray[np.void]:
        """The nearest photo of images (n, size, size) in each space, (3, n) of :data:`_FOUND`.

        ``leave_out``, bool (n, m), marks the photos that an image is not compared with.
        """
        found = np.empty((len(SPACES), len(images)), _FOUND)
        with limited_threads():
            for begin in range(0, len(images), _IMAGES_AT_ONCE):
                block = images[begin : begin + _IMAGES_AT_ONCE]
                for place, (squares, slack) in enumerate(self._estimates(block)):
                    if leave_out is not None:
                        squares[leave_out[begin : begin + _IMAGES_AT_ONCE]] = np.inf
                    near = squares <= squares.min(axis=1, keepdims=True) + slack
                    for row, image in enumerate(block):
                        some = np.flatnonzero(near[row])
                        some = some[np.argsort(squares[row, some], kind="stable")[:_MOST_CANDIDATES]]
                        found[place, begin + row] = self._closest(image, np.sort(some), SPACES[place])
        return found

    def _estimates(self, images: Images) -> list[tuple[Floats, Floats]]:
        """Squared distances (n, m) in the best symmetry and their uncertainty (n, 1), for each space."""
        contrast, high_pass = (2 - 2 * self._greatest_products(images, space) for space in SPACES[1:])
        means, deviations = (one[:, None] for one in _moments(images))
        spread = (deviations - self._deviations) ** 2 + (means - self._means) ** 2
        raw = images[0].size * (spread + deviations * self._deviations * contrast)
        largest = images[0].size * (deviations**2 + self._deviations.max() ** 2)
        slack = np.full((len(images), 1), 2 * _TOLERANCE, np.float32)
        return [(raw, _TOLERANCE * largest), (contrast, slack), (high_pass, slack)]

    def _greatest_products(self, images: Images, space: Space) -> Floats:
        """The greatest inner product over the eight symmetries, (n, m)."""
        points = _to_space(images, space)
        both = np.concatenate([_mirror_parts(points), _mirror_parts(points.swapaxes(1, 2))], axis=1)
        greatest = []
        for photos in self._parts[space]:
            even, odd_columns, odd_rows, odd = both @ photos.astype(np.float32).swapaxes(1, 2)
            # Mirroring one axis changes the signs of ``odd`` and of one mixed part; mirroring both axes
            # those of both mixed parts.
            same, opposite = np.abs(odd_columns + odd_rows), np.abs(odd_columns - odd_rows)
            products = even + np.maximum(odd + same, opposite - odd)
            greatest.append(np.maximum(products[: len(images)], products[len(images) :]))
        return np.concatenate(greatest, axis=1)

    def _closest(self, image: Images, candidates: NDArray[np.intp], space: Space) -> tuple[int, int, float]:
        """Position, symmetry and distance of the nearest of some photos."""
        point, photos = _to_space(image[None], space), _to_space(self._photos[candidates], space)
        squares = np.empty((len(candidates), 8), np.float32)
        for symmetry in range(8):
            difference = (turned(photos, symmetry) - point).reshape(len(candidates), -1)
            squares[:, symmetry] = np.einsum("ij,ij->i", difference, difference)
        row, symmetry = divmod(int(squares.argmin()), 8)
        return int(candidates[row]), symmetry, float(np.sqrt(squares[row, symmetry]))


def turned(images: NDArray[Any], symmetry: int) -> NDArray[Any]:
    """Images (n, size, size) or (n, size, size, 3) in one of the eight symmetries of the square, as a view.

    Args:
        images: Any dtype.
        symmetry: 0..7: ``symmetry // 2`` quarter turns to the left, of the mirror image for odd numbers.

    Example:
        >>> turned(np.array([[[1, 2], [3, 4]]]), 3).tolist()
        [[[1, 3], [2, 4]]]
    """
    return np.rot90(images[:, :, ::-1] if symmetry % 2 else images, symmetry // 2, axes=(1, 2))


def _to_space(images: Images, space: Space) -> Floats:
    """Points of images (n, size, size) in a space, float32 of the same shape.

    In "contrast" and "high_pass" a flat image becomes a constant of norm 1: as far from every other image as
    an uncorrelated one, sqrt(2).
    """
    points = images.astype(np.float32)
    if space == "high_pass":
        blur = _blur(points.shape[-1])
        points -= blur @ points @ blur
    if space != "raw":
        points -= points.mean(axis=(1, 2), keepdims=True)
        norms = np.sqrt(np.einsum("ijk,ijk->i", points, points))
        flat = norms < _LEAST_NORM
        points /= np.where(flat, 1, norms)[:, None, None]
        points[flat] = 1 / points.shape[-1]
    return points


@cache
def _blur(size: int) -> Floats:
    """The Gaussian blur of a row of pixels as a symmetric matrix, which is faster than the filter."""
    return gaussian_filter1d(np.eye(size), max(1.0, size / 32), axis=0).astype(np.float32)


def _moments(images: Images) -> Floats:
    """Means and standard deviations of images, (2, n)."""
    levels = images.astype(np.float32)
    return np.stack([levels.mean(axis=(1, 2)), levels.std(axis=(1, 2))])


def _mirror_parts(points: Floats) -> Floats:
    """Split images (n, size, size) into even and odd parts under mirroring: (4, n, half * half).

    The parts are even; even in rows and odd in columns; odd in rows and even in columns; odd in both. Their
    inner products add up to the inner product of the images.
    """
    basis = _mirror_basis(points.shape[-1])
    parts = basis[:, None, None] @ points @ basis.swapaxes(1, 2)[:, None]
    return np.asarray(parts.reshape(4, len(points), -1), np.float32)


@cache
def _mirror_basis(size: int) -> Floats:
    """Unit vectors that are even and odd under mirroring, (2, half, size); an odd middle pixel is 0."""
    identity = np.eye(size)
    rows = np.stack([identity + identity[::-1], identity - identity[::-1]])[:, : (size + 1) // 2]
    norms = np.linalg.norm(rows, axis=2, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1), np.float32)


def _rows_by_class(labels: ArrayLike | None, n: int) -> dict[int, NDArray[np.intp]]:
    """Positions of each class among n labels; without labels all are of class 0."""
    codes = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    if codes.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers. Received: dtype {codes.dtype}")
    if codes.shape != (n,):
        raise ValueError(f"labels must be one per image, {n}. Received: shape {codes.shape}")
    return {code: np.flatnonzero(codes == code) for code in np.unique(codes).tolist()}


def _choose_compared(labels: ArrayLike | None, n: int) -> dict[int, NDArray[np.intp]]:
    """Positions of the photos of each class that images are compared with, at random from large classes."""
    members, most = _rows_by_class(labels, n), MAX_COMPARED
    while most > 1 and sum(min(len(rows), most) for rows in members.values()) > MAX_COMPARED:
        most -= 1
    rng = np.random.default_rng(0)
    return {
        code: rows if len(rows) <= most else rows[np.sort(rng.permutation(len(rows))[:most])]
        for code, rows in members.items()
    }
