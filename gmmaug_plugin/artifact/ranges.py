"""Whether a model of finite numbers makes finite images and densities.

Every number of a file may be finite and sound by itself, and yet some draws too great for float32, or a
covariance too near to singular for float64. No fit makes such numbers; a file may hold them.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import ConditionalMixture
from gmmaug_plugin.models.multiscale.conditional import quadratic_form

FARTHEST = 1e9
"""Grey levels that a draw may be away from black: white is 255, and float32 holds the square of it."""

DEVIATIONS = 10.0
"""No normal number of a stream is as far from zero: one in 10^23 would be."""

LEAST_VARIANCE, GREATEST_VARIANCE = 1e-30, 1e30
"""Of a pixel outside the subspace: scores of the brightest images stay far from the ends of float64."""

_LEAST_ANGLE = 1e-5
"""Least eigenvalue of the rows of a basis, as unit vectors, times each other: float32 tells it from zero."""

_GREATEST_FORM = 1e21
"""Greatest coefficient of log densities. Contexts are within 2^22 (``tones.FARTHEST_TONE`` at every level,
three pixels at a time), so sums of 300 of their squares, so many times, are numbers that float32 holds."""

Floats = NDArray[np.float64]


def check_densities(mixture: Mixture) -> None:
    """Check that a mixture over codes has densities.

    Raises:
        ArtifactError: A covariance is singular, as far as float64 can tell, or a number overflows.
    """
    if not mixture.has_densities():
        raise ArtifactError("Covariances must have finite inverses. Received: others, so the file is damaged")


def code_reach(mixture: Mixture) -> Floats:
    """How far from zero draws of a mixture get in every dimension, (q,)."""
    variances = mixture.variances.astype(np.float64)
    squares = mixture.factors.astype(np.float64) ** 2
    for group, (begin, end) in enumerate(pairwise(mixture.factor_offsets)):
        variances[group] += squares[begin:end].sum(axis=0)
    means = np.abs(mixture.means.astype(np.float64))
    return np.asarray((means + DEVIATIONS * np.sqrt(variances)[mixture.groups]).max(axis=0))


def check_reach(farthest: float) -> None:
    """Check how many grey levels from black draws may be.

    Raises:
        ArtifactError: Too many for float32.
    """
    if not farthest <= FARTHEST:
        raise ArtifactError(f"Images must be within {FARTHEST:g} grey levels. Received: {farthest:g}")


def check_basis(basis: Basis, reach: Floats) -> None:
    """Check that a basis turns codes into images of finite grey levels, and images into codes.

    Args:
        basis: The basis.
        reach: How far from zero codes get in every dimension, (q,).

    Raises:
        ArtifactError: Images are too bright or too dark for float32, or rows depend on one another.
    """
    check_reach(float(np.abs(basis.mean).max()) + float(reach @ basis.peaks()))
    if not basis.is_independent(_LEAST_ANGLE):
        raise ArtifactError("The rows of the basis must be independent. Received: others")


def are_densities(mixture: ConditionalMixture) -> bool:
    """Whether float32 can hold a mixture's densities, of contexts and of details with them."""
    equal, roots = np.ones(mixture.n_components), mixture.full_roots()
    means = mixture.means.astype(np.float64)
    try:
        with np.errstate(all="ignore"):
            forms = [
                quadratic_form(equal, means[:, :m], roots[:, :m, :m])
                for m in (mixture.n_context, means.shape[1])
            ]
    except np.linalg.LinAlgError:
        return False
    return all(bool((np.abs(form) <= _GREATEST_FORM).all()) for form in forms)
