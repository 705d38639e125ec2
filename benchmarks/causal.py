"""The causal order of details, left to right and top to bottom, to compare with the order in three phases."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.conditional import ConditionalMixture
from gmmaug_plugin.models.multiscale.contexts import N_CONTRASTS, contrasts

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1))
ENGINE = NumpyEngine()

Vectors = NDArray[np.float32]


def all_contrasts(coarse: Vectors) -> Vectors:
    """The coarse neighbourhoods of all positions, (8, n, h, w)."""
    n, h, w = coarse.shape
    found = np.empty((N_CONTRASTS, n, h, w), np.float32)
    for row in range(2):
        for column in range(2):
            found[:, :, row::2, column::2] = contrasts(ENGINE, coarse, row, column)
    return found


def causal_vectors(coarse: Vectors, details: tuple[Vectors, ...]) -> Vectors:
    """Contexts and details of all positions, (23, N): the four neighbours that come before."""
    triple = np.stack(details)
    h, w = coarse.shape[1:]
    padded = np.pad(triple, ((0, 0), (0, 0), (1, 0), (1, 1)))
    beside = [padded[:, :, 1 + a : 1 + a + h, 1 + b : 1 + b + w] for a, b in NEIGHBOURS]
    return np.concatenate([all_contrasts(coarse), *beside, triple]).reshape(23, -1)


def decode_causally(
    mixture: ConditionalMixture, coarse: Vectors, components: NDArray[np.int32], innovations: Vectors
) -> Vectors:
    """Details (3, n, h, w) given their codes, one step per diagonal: as far as causality allows.

    Args:
        mixture: Of causal vectors.
        coarse: (n, h, w).
        components: (n, h, w).
        innovations: (3, n, h, w).
    """
    n, h, w = coarse.shape
    around = all_contrasts(coarse)
    padded = np.zeros((3, n, h + 1, w + 2), np.float32)
    rows = np.arange(h)
    for step in range(w + 2 * h - 2):
        columns = step - 2 * rows
        i = rows[(columns >= 0) & (columns < w)]
        j = step - 2 * i
        beside = [padded[:, :, i + 1 + a, j + 1 + b] for a, b in NEIGHBOURS]
        context = np.concatenate([around[:, :, i, j], *beside]).reshape(20, -1)
        codes = innovations[:, :, i, j].reshape(3, -1)
        made = mixture.details(ENGINE, context, components[:, i, j].reshape(-1), codes)
        padded[:, :, i + 1, j + 1] = made.reshape(3, n, -1)
    return padded[:, :, 1:, 1 : w + 1]
