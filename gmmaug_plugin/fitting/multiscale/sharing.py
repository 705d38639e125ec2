"""Details of single classes put together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.multiscale.conditional import ConditionalMixture

Levels = tuple[tuple[ConditionalMixture, ...], ...]


def join_details(of_classes: Sequence[Levels], shares: NDArray[np.float64]) -> Levels:
    """Levels of which every class has components of its own."""
    n_levels, n_phases = len(of_classes[0]), len(of_classes[0][0])
    return tuple(
        tuple(_join([levels[level][phase] for levels in of_classes], shares) for phase in range(n_phases))
        for level in range(n_levels)
    )


def _join(mixtures: Sequence[ConditionalMixture], shares: NDArray[np.float64]) -> ConditionalMixture:
    weights = np.concatenate([share * one.weights for share, one in zip(shares, mixtures, strict=True)])
    return ConditionalMixture(
        weights=weights / weights.sum(),
        means=np.concatenate([one.means for one in mixtures]),
        roots=np.concatenate([one.roots for one in mixtures]),
        classes=np.repeat(np.arange(len(mixtures)), [one.n_components for one in mixtures]).astype(np.int32),
    )
