"""The subspace that all classes share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca import fit_pca_blocks
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.pieces import Run
from gmmaug_plugin.fitting.workers import in_turn
from gmmaug_plugin.models.basis import Basis

SUBSPACE_STEPS = 2
"""Steps of progress that one :func:`fit_subspace` counts as."""


@dataclass(frozen=True)
class Subspace:
    """What all classes share: the basis and its noise floor.

    Attributes:
        basis: The principal images.
        noise_variance: Cross-fitted variance of a pixel outside the subspace.
        floor: The same in the units of a code, (q,).
        explained_variance_ratio: Share of the variance along every dimension of a code, (q,).
    """

    basis: Basis
    noise_variance: float
    floor: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]


def fit_subspace(photos: PhotoBlocks, options: FitOptions, *, run: Run = in_turn) -> Subspace:
    """Fit the basis and measure its noise floor on halves of the photos."""
    found, residual = fit_pca_blocks(
        photos, symmetry=options.symmetry, random_state=options.random_state, run=run
    )
    components = found.keep(options.variance)
    basis = components.basis(whiten=options.whiten)
    noise_variance = residual(basis.n_dimensions)
    variances = components.code_variances
    unit = variances if options.whiten else np.ones_like(variances)
    return Subspace(basis, noise_variance, noise_variance / unit, variances / components.total_variance)
