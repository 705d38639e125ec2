"""Small models and images that tests of several rooms share."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin import fit
from gmmaug_plugin.models.basis import Basis, quantize_rows, round_to_step
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.models.symmetry import PART_NAMES, PIXELS_PER_VALUE, Symmetry, part_shape
from gmmaug_plugin.models.templates import Templates


def random_basis(symmetry: Symmetry, *, image_size: int = 16, rows: int = 3, seed: int = 0) -> Basis:
    """A basis of random orthonormal rows, 20 grey levels per unit of code and pixel on average."""
    rng = np.random.default_rng(seed)
    height, width = part_shape(symmetry, image_size)
    parts, scales = [], []
    for _ in PART_NAMES[symmetry]:
        orthonormal = np.linalg.qr(rng.normal(size=(height * width, rows)))[0].T
        int8, scale = quantize_rows(
            orthonormal.reshape(rows, height, width) / PIXELS_PER_VALUE[symmetry] ** 0.5
        )
        parts.append(int8)
        scales.append((scale * 20 * image_size).astype(np.float32))
    mean = np.full((image_size, image_size), 120.0)
    return Basis(symmetry, round_to_step(mean), tuple(parts), tuple(scales))


def random_mixture(
    n_dimensions: int, *, components: tuple[int, ...] = (2, 3), ranks: bool = True, seed: int = 0
) -> Mixture:
    """A mixture of as many classes as there are numbers of components, in the artifact's dtypes."""
    rng = np.random.default_rng(seed)
    K = sum(components)
    n_factors = rng.integers(0, n_dimensions, K) if ranks else np.zeros(K, int)
    weights = rng.dirichlet(np.full(K, 5.0))
    return Mixture(
        weights=weights / weights.sum(),
        means=rng.normal(size=(K, n_dimensions)).astype(np.float32),
        variances=rng.uniform(0.2, 0.6, (K, n_dimensions)).astype(np.float32),
        factors=(0.4 * rng.normal(size=(n_factors.sum(), n_dimensions))).astype(np.float32),
        factor_offsets=np.cumsum([0, *n_factors]).astype(np.int32),
        groups=rng.permutation(K).astype(np.int32),
        classes=np.repeat(np.arange(len(components)), components).astype(np.int32),
    )


def random_model(
    symmetry: Symmetry = "flip",
    *,
    image_size: int = 16,
    components: tuple[int, ...] = (2, 3),
    ranks: bool = True,
    seed: int = 0,
    templates: int = 0,
    strengths: Strengths | None = None,
) -> PCAMixture:
    """A small model; its classes are called a, b, …, and one class is unlabelled."""
    basis = random_basis(symmetry, image_size=image_size, seed=seed)
    mixture = random_mixture(basis.n_dimensions, components=components, ranks=ranks, seed=seed)
    return PCAMixture(
        basis,
        mixture,
        noise_variance=30.0,
        class_names=tuple("abcdefgh"[: len(components)]) if len(components) > 1 else (),
        info={"note": "made for tests"},
        strengths=strengths or Strengths(),
        templates=random_templates(mixture, templates, seed=seed) if templates else None,
    )


def random_templates(mixture: Mixture, n: int, *, seed: int = 0) -> Templates:
    """Templates of all components in turn, each a draw of its own."""
    components = np.arange(n) % mixture.n_components
    normal = np.random.default_rng(seed).standard_normal((n, mixture.noise_width))
    codes = mixture.means[components] + mixture.deviations(NumpyEngine(), components, normal)
    return Templates.of(codes, components)


fit_pca = partial(fit, model="pca")
"""A fit of a mixture over whole images, which is not the default."""

fit_all = partial(fit_pca, holdout=0.0, allow_copies=True)
"""The same on all photos given, whatever it copies: for tests of what is done with a model."""


def component_covariance(mixture: Mixture, k: int) -> NDArray[np.float64]:
    """The dense covariance of one component."""
    group = mixture.groups[k]
    begin, end = mixture.factor_offsets[group : group + 2]
    factors = mixture.factors[begin:end].astype(np.float64)
    return np.diag(mixture.variances[group].astype(np.float64)) + factors.T @ factors
