"""Copies: which images are training photos, turned, brightened or veiled, and how often real photos seem so.

**The measure.** An image is a copy in a space if it is nearer to a training photo of its class, in any of
the eight symmetries of the square, than the 1st percentile of the distances from real photos to their
nearest other training photo (of the same class, in any symmetry). Three spaces are told apart, see
:mod:`gmmaug_plugin.evaluation.spaces`. An image of a rose that copies a photo of a tulip is no copy here: a
model learns every class from its own photos. The idea of judging a sample's nearest training photo by the
distances of real, unseen photos is that of C. Meehan, K. Chaudhuri, S. Dasgupta, *A Non-Parametric Test to
Detect Data-Copying in Generative Models*, AISTATS 2020; percentile, spaces and symmetries are the
project's own.

**The real photos.** These are the photos held back, and the training photos themselves, each left out in
turn. The held-back ones alone are too few: the 1st percentile of 86 distances lies between the two
smallest of them, and cuts off 0.3% of all real photos or 9%, as luck has it. Near-duplicates of a photo
(:mod:`gmmaug_plugin.images.duplicates`) are left out with it, as they never lie on the other side of a
split: a photo that was saved twice does not tell how much different photos resemble each other.

**The same figure of real photos** is the share of training photos, each left out in turn, below the
threshold. It is about 1% by construction; the comparison of :meth:`CopyRates.exceeds` holds all the same,
since the count of images below an order statistic of as many real photos has the very law that Fisher's
exact test assumes.

**Many photos.** Images are compared with at most 20,000 training photos, see
:mod:`gmmaug_plugin.evaluation.compared`, and thresholds are measured on 600 held-back photos of a class at
most. A copy of a photo that is not compared goes unseen: where a tenth of the photos is compared, so is a
tenth of the copies.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import one_of
from gmmaug_plugin.evaluation.compared import choose_compared, some_of
from gmmaug_plugin.evaluation.copy_rates import CopyRates
from gmmaug_plugin.evaluation.nearest import nearest_turned
from gmmaug_plugin.evaluation.spaces import SPACES, Space, check_images
from gmmaug_plugin.images.duplicates import group_hashes, perceptual_hashes
from gmmaug_plugin.models.symmetry import turned

__all__ = ["SPACES", "CopyDetector", "CopyRates", "Nearest", "NoDifferentPhotosError", "Space"]

PERCENTILE = 1.0
"""Of the distances between real photos: what is nearer counts as a copy."""

MAX_REAL = 600
"""Most training photos of a class that are compared with the others for the rate of real photos, and most
held-back photos that are."""

_LEAST_DISTANCE = 1e-4
"""Exact copies are nearer than this in spite of rounding, so they count whatever the photos are."""


class NoDifferentPhotosError(ValueError):
    """No class has two photos that differ: there is nothing to tell copies by."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training photo of every image.

    Attributes:
        indices: int32 (n,), positions among the training photos.
        symmetries: int8 (n,), 0..7, how each photo is turned to be nearest.
        distances: float32 (n,), Euclidean, in the units of the space ("raw": grey levels);
            0 for exact copies.
        ratios: float32 (n,), distances over the threshold of the class: below 1 an image is a copy.
        training: uint8 (m, image_size, image_size), the training photos.
    """

    indices: NDArray[np.int32]
    symmetries: NDArray[np.int8]
    distances: NDArray[np.float32]
    ratios: NDArray[np.float32]
    training: NDArray[np.uint8]

    def photo(self, index: int) -> NDArray[np.uint8]:
        """The training photo nearest to an image, turned as it matches, uint8 (image_size, image_size)."""
        return np.ascontiguousarray(turned(self.training[self.indices[index]], int(self.symmetries[index])))


@dataclass(frozen=True)
class _Thresholds:
    """Of one class: a distance per space, and how many of how many real photos lie below it."""

    distances: Mapping[Space, float]
    n_below: Mapping[Space, int]
    n_real: int


class CopyDetector:
    """Tells copies of training photos from images that merely resemble them.

    Nothing changes after construction, and any number of threads may use one detector.

    Args:
        training: uint8 (n, image_size, image_size), the photos that a model was fitted on.
        labels: int (n,), their classes; None if they have none, which counts as one class, 0.
        held_back: uint8 (m, image_size, image_size), photos that no model has seen. Near-duplicates of
            training photos among them count as seen and are left out. None: thresholds come from the
            training photos alone.
        held_back_labels: int (m,), their classes.
        random_state: Seed; decides which training photos are compared with the others where a class has
            more than :data:`MAX_REAL`.

    Attributes:
        real_rates: Space -> share of real photos, 0..1, told to be copies of other real photos.
        n_real: Number of real photos counted for it.

    Raises:
        NoDifferentPhotosError: If no class has two different photos.
        ValueError: If shapes, sizes or labels do not fit.
        TypeError: If images are not uint8 or labels no integers.

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> photos = make_flowers(60, image_size=32, n_classes=1, random_state=0)[0]
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
        check_images("training", training)
        codes = _classes("labels", labels, len(training))
        if held_back is None:
            held_back, held_back_labels = training[:0], None if labels is None else codes[:0]
        _check_like("held_back", held_back, training)
        held_back_codes = _classes("held_back_labels", held_back_labels, len(held_back))
        if (labels is None) != (held_back_labels is None):
            raise ValueError(
                "labels and held_back_labels must be given both or neither. Received: "
                f"{'no labels' if labels is None else 'no held_back_labels'}"
            )
        self._training = training
        self._all = {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}
        rng = np.random.default_rng(random_state)
        self._members = choose_compared(self._all, rng)
        found = {
            code: _thresholds(training, rows, held_back, np.flatnonzero(held_back_codes == code), rng)
            for code, rows in self._members.items()
        }
        self._thresholds = _completed(found)
        self.real_rates, self.n_real = self._real(
            {code: len(rows) / len(training) for code, rows in self._all.items()}
        )

    @property
    def compared(self) -> NDArray[np.intp] | None:
        """Positions of the training photos that images are compared with, ascending; None if with all."""
        rows = np.sort(np.concatenate(list(self._members.values())))
        return None if len(rows) == len(self._training) else rows

    @property
    def note(self) -> str | None:
        """One plain sentence on what goes unseen; None where images are compared with all photos."""
        if self.compared is None:
            return None
        return (
            f"Copies are looked for among {len(self.compared):,} of the {len(self._training):,} training "
            "photos, chosen at random: copies of the others go unseen."
        )

    def including(self, images: NDArray[np.uint8], labels: ArrayLike | None = None) -> "CopyDetector":
        """Compare with the training photos that some images are nearest to, too.

        Args:
            images: What is known to be made of training photos, uint8 (n, image_size, image_size).
            labels: As for :meth:`rates`.

        Returns:
            A detector with the same thresholds; this one itself if it compares with all photos.
        """
        if self.compared is None:
            return self
        members = dict(self._members)
        for code, rows in self._rows(images, labels).items():
            sources = nearest_turned(images[rows], self._training, "contrast", among=self._all[code])[0]
            members[code] = np.union1d(members[code], sources)
        other = copy.copy(self)
        other._members = members
        return other

    def rates(self, images: NDArray[np.uint8], labels: ArrayLike | None = None) -> CopyRates:
        """Count copies among images.

        Args:
            images: uint8 (n, image_size, image_size), n at least 1.
            labels: int (n,), their classes, among those of the training photos; None if these have none.

        Returns:
            The shares of copies in the three spaces, beside those of real photos of the same classes.

        Raises:
            ValueError: If there are no images, or shapes, sizes or labels do not fit.
            TypeError: If images are not uint8 or labels no integers.
        """
        if len(images) == 0:
            raise ValueError("A rate needs at least one image. Received: 0 images")
        shares = {code: len(rows) / len(images) for code, rows in self._rows(images, labels).items()}
        real_rates, n_real = self._real(shares)
        rates = {
            space: float((self.nearest(images, labels, space=space).ratios < 1).mean()) for space in SPACES
        }
        return CopyRates(rates, real_rates, len(images), n_real)

    def nearest(
        self, images: NDArray[np.uint8], labels: ArrayLike | None = None, *, space: Space = "contrast"
    ) -> Nearest:
        """Find every image's nearest training photo of its class, in any of the eight symmetries.

        Args:
            images: uint8 (n, image_size, image_size).
            labels: int (n,), their classes, among those of the training photos; None if these have none.
            space: Where distances are measured: "raw", "contrast" or "high_pass".

        Returns:
            The photos, how they are turned, and how near they are.

        Raises:
            ValueError: If shapes, sizes or labels do not fit, or the space is unknown.
            TypeError: If images are not uint8 or labels no integers.
        """
        one_of("space", space, SPACES)
        indices = np.zeros(len(images), np.int32)
        symmetries = np.zeros(len(images), np.int8)
        distances = np.zeros(len(images), np.float32)
        ratios = np.zeros(len(images), np.float32)
        for code, rows in self._rows(images, labels).items():
            indices[rows], symmetries[rows], distances[rows] = nearest_turned(
                images[rows], self._training, space, among=self._members[code]
            )
            ratios[rows] = distances[rows] / self._thresholds[code].distances[space]
        return Nearest(indices, symmetries, distances, ratios, self._training)

    def _rows(self, images: NDArray[np.uint8], labels: ArrayLike | None) -> dict[int, NDArray[np.intp]]:
        _check_like("images", images, self._training)
        if labels is None and len(self._members) > 1:
            raise ValueError(
                "Images need labels where training photos have several classes. Received: labels=None"
            )
        codes = _classes("labels", labels, len(images), default=next(iter(self._members)))
        found = {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}
        unknown = sorted(found.keys() - self._members.keys())
        if unknown:
            raise ValueError(
                f"Labels of images must be among those of the training photos, {list(self._members)}. "
                f"Received: {unknown}"
            )
        return found

    def _real(self, shares: Mapping[int, float]) -> tuple[dict[Space, float], int]:
        counted = {code: share for code, share in shares.items() if self._thresholds[code].n_real}
        total = sum(counted.values())
        rates = {
            space: sum(
                share * self._thresholds[code].n_below[space] / self._thresholds[code].n_real
                for code, share in counted.items()
            )
            / max(total, 1e-12)
            for space in SPACES
        }
        return rates, sum(self._thresholds[code].n_real for code in counted)


def _thresholds(
    training: NDArray[np.uint8],
    members: NDArray[np.intp],
    held_back: NDArray[np.uint8],
    unseen: NDArray[np.intp],
    rng: np.random.Generator,
) -> _Thresholds | None:
    """Measure one class, ``members`` of the training and ``unseen`` of the held-back photos.

    Returns:
        None if it has no two different photos.
    """
    unseen = some_of(unseen, MAX_REAL, rng)
    hashes = perceptual_hashes(training, members), perceptual_hashes(held_back, unseen)
    both = group_hashes(np.concatenate(hashes))
    groups = both[: len(members)]
    if len(np.unique(groups)) == 1:
        return None
    some = np.sort(rng.permutation(len(members))[:MAX_REAL])
    others = held_back[unseen[~np.isin(both[len(members) :], groups)]]
    real_photos = training[members[some]]
    distances, n_below = {}, {}
    for space in SPACES:
        real = nearest_turned(real_photos, training, space, among=members, groups=(groups[some], groups))[2]
        away = nearest_turned(others, training, space, among=members)[2] if len(others) else real[:0]
        both_kinds = np.concatenate([real, away])
        distances[space] = max(float(np.percentile(both_kinds, PERCENTILE)), _LEAST_DISTANCE)
        n_below[space] = int((real < distances[space]).sum())
    return _Thresholds(distances, n_below, len(some))


def _completed(found: Mapping[int, _Thresholds | None]) -> dict[int, _Thresholds]:
    """Give classes without two different photos the least of the other classes' thresholds."""
    known = [thresholds for thresholds in found.values() if thresholds is not None]
    if not known:
        raise NoDifferentPhotosError(
            "Copies can be told where a class has at least two different training photos. "
            f"Received: {len(found)} classes without"
        )
    least = {space: min(thresholds.distances[space] for thresholds in known) for space in SPACES}
    other = _Thresholds(least, dict.fromkeys(SPACES, 0), 0)
    return {code: other if thresholds is None else thresholds for code, thresholds in found.items()}


def _check_like(name: str, images: NDArray[np.uint8], training: NDArray[np.uint8]) -> None:
    check_images(name, images)
    if images.shape[1:] != training.shape[1:]:
        size, own = training.shape[1], images.shape[1]
        raise ValueError(
            f"{name} must have the size of the training photos, {size} x {size}. Received: {own} x {own}"
        )


def _classes(name: str, labels: ArrayLike | None, n: int, *, default: int = 0) -> NDArray[np.int64]:
    if labels is None:
        return np.full(n, default)
    codes = np.asarray(labels)
    if codes.dtype.kind not in "iu" and codes.size:
        raise TypeError(f"{name} must be integers. Received: dtype {codes.dtype}")
    if codes.shape != (n,):
        raise ValueError(f"{name} must be one per image, {n}. Received: shape {codes.shape}")
    return codes.astype(np.int64)
