"""The subspace that all classes share, and codes in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca import fit_pca, residual_variance
from gmmaug_plugin.fitting.workers import Run, in_turn
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import Symmetry, symmetric_copies
from gmmaug_plugin.progress import Advance

Images = NDArray[np.uint8]

SUBSPACE_STEPS = 2
"""Steps of progress in one :func:`fit_subspace`."""

_NUMPY = NumpyEngine()
_CHUNK = 256
"""Photos that are encoded at a time, with all their copies."""


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


def fit_subspace(images: Images, options: FitOptions, advance: Advance, *, run: Run = in_turn) -> Subspace:
    """Fit the basis and measure its noise floor on halves of the photos."""
    components = fit_pca(images, symmetry=options.symmetry, run=run).keep(options.variance)
    basis = components.basis(whiten=options.whiten)
    advance()
    noise_variance = residual_variance(
        images,
        n_dimensions=basis.n_dimensions,
        symmetry=options.symmetry,
        random_state=options.random_state,
        run=run,
    )
    advance()
    variances = components.code_variances
    unit = variances if options.whiten else np.ones_like(variances)
    return Subspace(basis, noise_variance, noise_variance / unit, variances / components.total_variance)


def class_codes(basis: Basis, images: Images, symmetry: Symmetry) -> NDArray[np.float64]:
    """Codes of photos and all their symmetric copies, float64 (n x copies, q)."""
    codes = []
    for begin in range(0, len(images), _CHUNK):
        copies = symmetric_copies(images[begin : begin + _CHUNK], symmetry)
        codes.append(basis.encode(_NUMPY, copies.astype(np.float32) - basis.mean))
    return np.concatenate(codes)


def photo_means(values: NDArray[np.float64], n_photos: int) -> NDArray[np.float64]:
    """Mean over every photo's copies, (n_photos,), of values in the order of :func:`class_codes`."""
    n_copies = len(values) // n_photos
    chunks = np.split(values, range(_CHUNK * n_copies, len(values), _CHUNK * n_copies))
    return np.concatenate([chunk.reshape(n_copies, -1).mean(axis=0) for chunk in chunks])
