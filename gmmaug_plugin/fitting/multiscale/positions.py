"""Contexts and details at random positions of photos, in all eight positions of a square."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.images.storage import release
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.contexts import Grids
from gmmaug_plugin.models.multiscale.layout import Step
from gmmaug_plugin.models.multiscale.multiscale_mixture import vectors_at
from gmmaug_plugin.models.multiscale.pyramid import n_levels, split
from gmmaug_plugin.models.multiscale.tones import to_tones
from gmmaug_plugin.models.symmetry import N_SYMMETRIES, turned

N_VECTORS = 48_000
"""Positions that a mixture is fitted on."""

_MOST_POSITIONS = 300_000
"""Positions whose contexts are worked out at a time, of which some are taken."""

_FEWEST_IMAGES = 64

_MOST_KEPT = 2**26
"""Pixels of photos whose tones are kept, as floats: 4,096 photos of 128 x 128, 0.4 GB with all levels."""

_AT_ONCE = 256
"""Photos that are floats at a time where they are not kept."""

_NUMPY = NumpyEngine()


@dataclass(frozen=True, eq=False)
class Positions:
    """Vectors to fit one mixture on.

    Attributes:
        vectors: Contexts and details, float32 (D, N).
        n_original: How many positions of photos these stand for at most: a photo's eight copies are no
            photos of their own.
    """

    vectors: NDArray[np.float32]
    n_original: int


class CoarserPhotos:
    """Tones of photos that every level of the pyramid takes apart.

    Those of a few thousand photos are kept; of more they are worked out where they are asked for, since as
    floats they would not fit into memory. Everything that is fitted takes some photos only.

    Args:
        images: Photos, uint8 (n, size, size).

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> CoarserPhotos(make_flowers(3, image_size=64)[0]).at(0, np.array([2])).shape
        (1, 16, 16)
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        self._n_levels = n_levels(images.shape[1])
        self._kept = self._all_levels(images) if images.size <= _MOST_KEPT else None

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._images)

    def at(self, level: int, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Tones, float32 (m, ·, ·), that a level takes apart; the coarsest level is 0."""
        if self._kept is not None:
            return self._kept[level][rows]
        size = self._images.shape[1] >> (self._n_levels - 1 - level)
        found = np.empty((len(rows), size, size), np.float32)
        order = np.argsort(rows, kind="stable")
        for begin in range(0, len(rows), _AT_ONCE):
            some = order[begin : begin + _AT_ONCE]
            found[some] = self._all_levels(self._images[rows[some]], level)[0]
            release(self._images)
        return found

    def _all_levels(self, images: NDArray[np.uint8], least: int = 0) -> tuple[NDArray[np.float32], ...]:
        photos = [to_tones(_NUMPY, images)]
        for _ in range(self._n_levels - 1 - least):
            photos.append(split(photos[-1])[0])
        return tuple(reversed(photos))


def take_positions(
    photos: CoarserPhotos,
    step: Step,
    *,
    seed: Sequence[int],
    members: NDArray[np.intp] | None = None,
    n: int = N_VECTORS,
) -> Positions:
    """Take random positions of a step.

    Args:
        photos: The photos.
        step: The level and phase.
        seed: Of the random choices.
        members: Which photos; None for all.
        n: Number of positions, fewer where there are no more.
    """
    members = np.arange(len(photos)) if members is None else members
    rng = np.random.default_rng(seed)
    most = max(_FEWEST_IMAGES, _MOST_POSITIONS // step.count)
    pairs = rng.permutation(N_SYMMETRIES * len(members))[:most]
    by_symmetry = [pairs[pairs % N_SYMMETRIES == g] // N_SYMMETRIES for g in range(N_SYMMETRIES)]
    copies = np.concatenate(
        [turned(photos.at(step.level, members[rows]), g) for g, rows in enumerate(by_symmetry)]
    )
    coarse, details = split(copies)
    vectors = vectors_at(_NUMPY, Grids(coarse), details, step.phase)
    chosen = rng.permutation(vectors.shape[1])[:n]
    return Positions(np.ascontiguousarray(vectors[:, chosen]), min(len(chosen), len(members) * step.count))
