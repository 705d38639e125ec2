"""Mixtures of single classes put together into one."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.mixture import Mixture


def join_classes(mixtures: list[Mixture], shares: NDArray[np.float64]) -> Mixture:
    """Put the mixtures of all classes into one, in the precision of the artifact."""
    offsets, groups, rows, n_groups = [np.zeros(1, np.int64)], [], 0, 0
    for mixture in mixtures:
        offsets.append(mixture.factor_offsets[1:].astype(np.int64) + rows)
        groups.append(mixture.groups + n_groups)
        rows += len(mixture.factors)
        n_groups += len(mixture.variances)
    weights = np.concatenate(
        [share * mixture.weights for share, mixture in zip(shares, mixtures, strict=True)]
    )
    counts = [mixture.n_components for mixture in mixtures]
    return Mixture(
        weights=weights / weights.sum(),
        means=np.concatenate([m.means for m in mixtures]).astype(np.float32),
        variances=np.concatenate([m.variances for m in mixtures]).astype(np.float32),
        factors=np.concatenate([m.factors for m in mixtures]).astype(np.float32),
        factor_offsets=np.concatenate(offsets).astype(np.int32),
        groups=np.concatenate(groups).astype(np.int32),
        classes=np.repeat(np.arange(len(mixtures)), counts).astype(np.int32),
    )
