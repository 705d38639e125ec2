"""Contexts and details at random positions of photos, in all eight positions of a square."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def coarser_photos(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
    """Tones that every level takes apart, float32 (n, ·, ·), those of the coarsest level first."""
    photos = [to_tones(_NUMPY, images)]
    for _ in range(n_levels(images.shape[1]) - 1):
        photos.append(split(photos[-1])[0])
    return tuple(reversed(photos))


def take_positions(
    coarser: Sequence[NDArray[np.float32]], step: Step, *, seed: Sequence[int], n: int = N_VECTORS
) -> Positions:
    """Take random positions of a step.

    Args:
        coarser: What :func:`coarser_photos` gives.
        step: The level and phase.
        seed: Of the random choices.
        n: Number of positions, fewer where there are no more.
    """
    photos = coarser[step.level]
    rng = np.random.default_rng(seed)
    most = max(_FEWEST_IMAGES, _MOST_POSITIONS // step.count)
    pairs = rng.permutation(N_SYMMETRIES * len(photos))[:most]
    copies = np.concatenate(
        [turned(photos[pairs[pairs % N_SYMMETRIES == g] // N_SYMMETRIES], g) for g in range(N_SYMMETRIES)]
    )
    coarse, details = split(copies)
    vectors = vectors_at(_NUMPY, Grids(coarse), details, step.phase)
    chosen = rng.permutation(vectors.shape[1])[:n]
    return Positions(np.ascontiguousarray(vectors[:, chosen]), min(len(chosen), len(photos) * step.count))
