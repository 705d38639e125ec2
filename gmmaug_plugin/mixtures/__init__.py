"""Mixtures: distributions from which images of one class are drawn. They take and return arrays only."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.mixtures.local import LocalMixture
from gmmaug_plugin.mixtures.options import MAX_SIDE, MIN_SIDE, LocalOptions, MixtureOptions, PCAOptions
from gmmaug_plugin.mixtures.pca import PCAMixture

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "LocalMixture",
    "LocalOptions",
    "Mixture",
    "MixtureOptions",
    "PCAMixture",
    "PCAOptions",
    "make_mixture",
]

Mixture = LocalMixture | PCAMixture


def make_mixture(
    photos: NDArray[np.uint8],
    options: MixtureOptions,
    *,
    mirror: bool = True,
    seed: int = 0,
    groups: NDArray[np.int32] | None = None,
) -> Mixture:
    """Make the mixture of one class: a local one for ``LocalOptions``, a PCA mixture for ``PCAOptions``.

    Args:
        photos: uint8 (n, S, S) or (n, S, S, 3); see :class:`LocalMixture` and :meth:`PCAMixture.fit`.
        options: The options.
        mirror: Whether a mirrored photo is as good as the photo.
        seed: Seed of the fit of a PCA mixture.
        groups: int32 (n,), equal numbers for near-duplicates, for the local mixture.
    """
    if isinstance(options, PCAOptions):
        return PCAMixture.fit(photos, options, mirror=mirror, seed=seed)
    return LocalMixture(photos, mirror=mirror, options=options, groups=groups)
