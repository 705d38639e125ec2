"""Copies: which images are training photos, turned, brightened or veiled, and how often real photos seem so.

**The measure.** An image is a copy in a space if it is nearer to a training photo of its class, in any of
the eight symmetries of the square, than the 1st percentile of the distances from real photos to their
nearest other training photo (of the same class, in any symmetry). There are three spaces, see
:mod:`gmmaug_plugin.evaluation.nearest`. The idea of judging a sample's nearest training photo by the
distances of real, unseen photos is that of C. Meehan, K. Chaudhuri, S. Dasgupta, *A Non-Parametric Test to
Detect Data-Copying in Generative Models*, AISTATS 2020; percentile, spaces and symmetries are the
project's own.

**The real photos.** These are the photos held back, and the training photos themselves, each left out in
turn. The held-back ones alone are too few: the 1st percentile of 86 distances lies between the two smallest
of them, and cuts off 0.3% of all real photos or 9%, by luck. Near-duplicates of a photo are left out with
it: a photo that was saved twice does not show how much different photos resemble each other.

**The same figure of real photos** is the share of training photos, each left out in turn, below the
threshold: about 1% by construction.

**Limits.** Color images are compared by their luma, images larger than 128 pixels at 128, and with at most
7,000 training photos (460 MB): copies of other photos go unseen.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.evaluation.measures import as_gray
from gmmaug_plugin.evaluation.nearest import SPACES, PhotoBank, Space, turned
from gmmaug_plugin.photos import near_duplicates
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count, limited_threads

__all__ = ["SPACES", "CopyDetector", "CopyRates", "Nearest", "NoDifferentPhotosError", "Space"]

PERCENTILE = 1.0
"""Of the distances between real photos: nearer images count as copies."""

MAX_COMPARED = 7_000
"""Training photos that images are compared with, of all classes."""

MAX_SIZE = 128
"""Height and width in pixels at which images are compared, at most."""

MAX_REAL = 600
"""Training photos, and held-back photos, of a class that thresholds are measured on, at most."""

FALSE_ALARMS = 0.01
"""Significance level of :meth:`CopyRates.exceeds`, over all spaces together."""

_LEAST_DISTANCE = 1e-4
"""Exact copies are nearer than this in spite of rounding, so they count whatever the photos are."""


class NoDifferentPhotosError(ValueError):
    """No class has two photos that differ, so no distance between photos is known."""


@dataclass(frozen=True)
class CopyRates:
    """How many images are copies, beside how many real photos seem to be.

    Attributes:
        rates: Space -> share of the images that are copies, 0..1.
        real_rates: Space -> the same share of real photos against each other, classes weighted as they are
            among the images.
        n: Number of images.
        n_real: Number of real photos counted, of the classes of the images.
    """

    rates: Mapping[Space, float]
    real_rates: Mapping[Space, float]
    n: int
    n_real: int

    def exceeds(self) -> tuple[Space, ...]:
        """Spaces in which the images copy more than real photos do, by more than chance explains.

        Fisher's exact test, one-sided, of the two counts (R. A. Fisher, *The Design of Experiments*, 1935,
        chapter 2), at a third of :data:`FALSE_ALARMS` in each of the three spaces.
        """
        return tuple(space for space in SPACES if self._p_value(space) <= FALSE_ALARMS / len(SPACES))

    def _p_value(self, space: Space) -> float:
        copies, real = round(self.rates[space] * self.n), round(self.real_rates[space] * self.n_real)
        return float(hypergeom.sf(copies - 1, self.n + self.n_real, copies + real, self.n))

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; rates are shares, 0..1."""
        return {
            "rates": dict(self.rates),
            "real_rates": dict(self.real_rates),
            "n": self.n,
            "n_real": self.n_real,
            "exceeds": list(self.exceeds()),
        }


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training photo of every image.

    Attributes:
        indices: int32 (n,), positions among the training photos.
        symmetries: int8 (n,), 0..7, how each photo is turned to be nearest.
        distances: float32 (n,), Euclidean, in the units of the space ("raw": gray levels);
            0 for exact copies.
        ratios: float32 (n,), distances over the threshold of the class: below 1 an image is a copy.
        training: The training photos, uint8 (m, size, size) or (m, size, size, 3).
    """

    indices: NDArray[np.int32]
    symmetries: NDArray[np.int8]
    distances: NDArray[np.float32]
    ratios: NDArray[np.float32]
    training: NDArray[np.uint8]

    def photo(self, index: int) -> NDArray[np.uint8]:
        """The training photo nearest to an image, turned as it matches, uint8 (size, size[, 3])."""
        # Channels first, so that the last two axes turn; moved back for a grayscale photo they are the same.
        photo = np.moveaxis(np.atleast_3d(self.training[self.indices[index]]), 2, 0)
        shown = np.moveaxis(turned(photo, int(self.symmetries[index])), 0, 2)
        return np.ascontiguousarray(shown.reshape(self.training.shape[1:]), np.uint8)


@dataclass(frozen=True)
class _Thresholds:
    """Thresholds of one class: a distance per space, and the number of real photos nearer than it."""

    distances: Mapping[Space, float]
    n_below: Mapping[Space, int]
    n_real: int


class CopyDetector:
    """Distinguishes copies of training photos from images that merely resemble them.

    Nothing changes after construction, and any number of threads may use one detector.

    Args:
        training: The photos that images are drawn from, uint8 (n, size, size) or (n, size, size, 3).
        labels: int (n,), their classes; None if they have none, which counts as one class, 0.
        held_back: Photos that no image is drawn from, of the same shape. Near-duplicates of training photos
            among them are left out. None: thresholds come from the training photos alone.
        held_back_labels: int (m,), their classes.
        random_state: Seed; decides which photos are compared where there are too many.

    Attributes:
        real_rates: Space -> share of real photos, 0..1, that count as copies of other real photos.
        n_real: Number of real photos counted for it.

    Raises:
        NoDifferentPhotosError: No class has two different photos. A single such class takes the smallest
            threshold of the others.
        ValueError: Shapes, sizes or labels do not fit.
        TypeError: Images are not uint8 or labels no integers.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (60, 32, 32), np.uint8)
        >>> detector = CopyDetector(photos[:40])
        >>> detector.rates(photos[:40, :, ::-1]).rates["contrast"]
        1.0
    """

    def __init__(
        self,
        training: NDArray[np.uint8],
        labels: ArrayLike | None = None,
        held_back: NDArray[np.uint8] | None = None,
        held_back_labels: ArrayLike | None = None,
        *,
        random_state: int = 0,
    ) -> None:
        photos = _compared("training", training, None)
        codes = _classes("labels", labels, len(training))
        if held_back is None:
            held_back, held_back_labels = training[:0], None if labels is None else codes[:0]
        unseen = _compared("held_back", held_back, training)
        unseen_codes = _classes("held_back_labels", held_back_labels, len(held_back))
        if (labels is None) != (held_back_labels is None):
            raise ValueError(
                "labels and held_back_labels must be given both or neither. Received: "
                f"{'no labels' if labels is None else 'no held_back_labels'}"
            )
        self._training = training
        rng = np.random.default_rng(random_state)
        self._members = _choose_compared(codes, rng)

        def measured(code: int) -> tuple[PhotoBank, _Thresholds | None]:
            bank = PhotoBank(photos[self._members[code]])
            own = np.random.default_rng([random_state, code])
            return bank, _thresholds(bank, unseen[unseen_codes == code], own)

        with limited_threads(), ThreadPoolExecutor(core_count()) as threads:
            found = dict(zip(self._members, threads.map(measured, self._members), strict=True))
        self._banks = {code: bank for code, (bank, _) in found.items()}
        self._thresholds = _completed({code: thresholds for code, (_, thresholds) in found.items()})
        self.real_rates, self.n_real = self._real(
            {code: float((codes == code).mean()) for code in self._members}
        )

    def of_class(self, code: int) -> "CopyDetector":
        """The detector of one class alone, whose images and photos need no labels.

        Args:
            code: The class, among those of the training photos.
        """
        alone = copy(self)
        alone._members = {0: np.arange(len(self._members[code]))}
        alone._training = self._training[self._members[code]]
        alone._banks = {0: self._banks[code]}
        alone._thresholds = {0: self._thresholds[code]}
        alone.real_rates, alone.n_real = alone._real({0: 1.0})
        return alone

    @property
    def note(self) -> str | None:
        """One plain sentence on unseen copies; None where images are compared with all photos."""
        n_compared = sum(map(len, self._members.values()))
        if n_compared == len(self._training):
            return None
        return (
            f"Copies are looked for among {n_compared:,} of the {len(self._training):,} training photos, "
            "chosen at random: copies of the others go unseen."
        )

    def ratios(self, images: NDArray[np.uint8], labels: ArrayLike | None = None) -> NDArray[np.float32]:
        """How near each image is to being a copy.

        Args:
            images: uint8 (n, size, size) or (n, size, size, 3).
            labels: int (n,), their classes, among those of the training photos; None if these have none.

        Returns:
            float32 (n,), the least of distance over threshold in the three spaces: below 1 an image is a
            copy. An image's ratio does not depend on the other images.

        Raises:
            ValueError: Shapes, sizes or labels do not fit.
            TypeError: Images are not uint8 or labels no integers.
        """
        ratios = np.full(len(images), np.inf, np.float32)
        for space in self._nearest(images, labels, SPACES).values():
            np.minimum(ratios, space.ratios, out=ratios)
        return ratios

    def rates(self, images: NDArray[np.uint8], labels: ArrayLike | None = None) -> CopyRates:
        """Count copies among images.

        Args:
            images: uint8 (n, size, size) or (n, size, size, 3), n at least 1.
            labels: As for :meth:`ratios`.

        Returns:
            The shares of copies in the three spaces, beside those of real photos of the same classes.

        Raises:
            ValueError: There are no images, or shapes, sizes or labels do not fit.
            TypeError: Images are not uint8 or labels no integers.
        """
        if len(images) == 0:
            raise ValueError("A rate needs at least one image. Received: 0 images")
        rows = self._rows(labels, len(images))
        real_rates, n_real = self._real({code: len(one) / len(images) for code, one in rows.items()})
        nearest = self._nearest(images, labels, SPACES)
        rates = {space: float((nearest[space].ratios < 1).mean()) for space in SPACES}
        return CopyRates(rates, real_rates, len(images), n_real)

    def nearest(
        self, images: NDArray[np.uint8], labels: ArrayLike | None = None, *, space: Space = "contrast"
    ) -> Nearest:
        """Find every image's nearest training photo of its class, in any of the eight symmetries.

        Args:
            images: uint8 (n, size, size) or (n, size, size, 3).
            labels: As for :meth:`ratios`.
            space: Where distances are measured: "raw", "contrast" or "high_pass".

        Returns:
            The photos, how they are turned, and how near they are.

        Raises:
            ValueError: Shapes, sizes or labels do not fit, or the space is unknown.
            TypeError: Images are not uint8 or labels no integers.
        """
        one_of("space", space, SPACES)
        return self._nearest(images, labels, (space,))[space]

    def _nearest(
        self, images: NDArray[np.uint8], labels: ArrayLike | None, spaces: tuple[Space, ...]
    ) -> dict[Space, Nearest]:
        gray, n = _compared("images", images, self._training), len(images)
        nearest = {
            space: Nearest(
                np.zeros(n, np.int32),
                np.zeros(n, np.int8),
                np.zeros(n, np.float32),
                np.zeros(n, np.float32),
                self._training,
            )
            for space in spaces
        }
        for code, rows in self._rows(labels, n).items():
            for space, found in self._banks[code].nearest(gray[rows], spaces).items():
                one = nearest[space]
                one.indices[rows] = self._members[code][found.indices]
                one.symmetries[rows] = found.symmetries
                one.distances[rows] = found.distances
                one.ratios[rows] = found.distances / np.float32(self._thresholds[code].distances[space])
        return nearest

    def _rows(self, labels: ArrayLike | None, n: int) -> dict[int, NDArray[np.intp]]:
        if labels is None and len(self._members) > 1:
            raise ValueError(
                "Images need labels where training photos have several classes. Received: labels=None"
            )
        codes = _classes("labels", labels, n, default=next(iter(self._members)))
        rows = {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}
        unknown = sorted(rows.keys() - self._members.keys())
        if unknown:
            raise ValueError(
                f"Labels of images must be among those of the training photos, {list(self._members)}. "
                f"Received: {unknown}"
            )
        return rows

    def _real(self, shares: Mapping[int, float]) -> tuple[dict[Space, float], int]:
        counted = {code: share for code, share in shares.items() if self._thresholds[code].n_real}
        total = max(sum(counted.values()), 1e-12)
        rates: dict[Space, float] = dict.fromkeys(SPACES, 0.0)
        for code, share in counted.items():
            one = self._thresholds[code]
            for space in SPACES:
                rates[space] += share / total * one.n_below[space] / one.n_real
        return rates, sum(self._thresholds[code].n_real for code in counted)


def _compared(name: str, images: NDArray[np.uint8], like: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Grayscale images at the size at which they are compared; ``like`` has the shape they must have."""
    gray = as_gray(name, images, 1 if like is None else 0)
    size = images.shape[1] if like is None else like.shape[1]
    if gray.shape[1:] != (size, size):
        raise ValueError(f"{name} must be {size} x {size} pixels. Received: shape {images.shape}")
    return resize_images(gray, min(size, MAX_SIZE)) if len(gray) else gray[:, :MAX_SIZE, :MAX_SIZE]


def _classes(name: str, labels: ArrayLike | None, n: int, default: int = 0) -> NDArray[np.int64]:
    if labels is None:
        return np.full(n, default, np.int64)
    codes = np.asarray(labels)
    if codes.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers. Received: dtype {codes.dtype}")
    if codes.shape != (n,):
        raise ValueError(f"{name} must be one per image, {n}. Received: shape {codes.shape}")
    return codes.astype(np.int64)


def _choose_compared(codes: NDArray[np.int64], rng: np.random.Generator) -> dict[int, NDArray[np.intp]]:
    """Positions of the photos of each class to compare with; the largest classes give photos up first."""
    members = {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}
    left, most = MAX_COMPARED, 0
    for place, count in enumerate(sorted(len(rows) for rows in members.values())):
        share = left // (len(members) - place)
        most = max(most, min(count, share), 1)
        left -= min(count, share)
    return {code: _some(rows, most, rng) for code, rows in members.items()}


def _some(rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many of ``rows``, at random, in the order they had."""
    return rows if len(rows) <= most else rows[np.sort(rng.permutation(len(rows))[:most])]


def _thresholds(bank: PhotoBank, unseen: NDArray[np.uint8], rng: np.random.Generator) -> _Thresholds | None:
    """Measure one class; None if it has no two different photos."""
    n = len(bank.photos)
    unseen = unseen[_some(np.arange(len(unseen)), MAX_REAL, rng)]
    both = near_duplicates(np.concatenate([bank.photos, unseen]))
    groups = both[:n]
    if len(np.unique(groups)) == 1:
        return None
    some = np.sort(rng.permutation(n)[:MAX_REAL])
    leave_out = groups[some][:, None] == groups
    real = bank.nearest(bank.photos[some], leave_out=leave_out)
    others = bank.nearest(unseen[~np.isin(both[n:], groups)])
    distances: dict[Space, float] = {}
    for space in SPACES:
        both_kinds = np.concatenate([real[space].distances, others[space].distances])
        distances[space] = max(float(np.percentile(both_kinds, PERCENTILE)), _LEAST_DISTANCE)
    n_below = {space: int((real[space].distances < distances[space]).sum()) for space in SPACES}
    return _Thresholds(distances, n_below, len(some))


def _completed(found: Mapping[int, _Thresholds | None]) -> dict[int, _Thresholds]:
    """Give classes without two different photos the least of the other classes' thresholds."""
    known = [thresholds for thresholds in found.values() if thresholds is not None]
    if not known:
        raise NoDifferentPhotosError(
            "A threshold for copies takes a class with at least two different training photos. "
            f"Received: {len(found)} classes without"
        )
    least: dict[Space, float] = {space: min(one.distances[space] for one in known) for space in SPACES}
    other = _Thresholds(least, dict.fromkeys(SPACES, 0), 0)
    return {code: other if thresholds is None else thresholds for code, thresholds in found.items()}
