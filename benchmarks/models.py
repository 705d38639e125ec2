"""Models of chosen shapes, and the same mixture as a peer holds it."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from benchmarks.common import WHOLE_IMAGES
from gmmaug_plugin import fit
from gmmaug_plugin.fitting.multiscale import fit_multiscale_mixture
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.models.basis import Basis, round_to_step
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.symmetry import PART_COPIES, PART_NAMES, Symmetry, part_shape

N_COMPONENTS = 10
MULTISCALE_COMPONENTS = 64
"""Of every level: the most that a search for them tries."""


def model_of(photos: np.ndarray, n_dimensions: int, symmetry: Symmetry) -> tuple[PCAMixture, str]:
    """A mixture of 10 diagonal components in so many dimensions, and "fitted" or "random rows".

    Fitted on the photos where they and their copies have as many dimensions; otherwise of random rows,
    which cost as much.
    """
    if n_dimensions < len(photos):
        options = {"variance": n_dimensions, "symmetry": symmetry, "n_components": N_COMPONENTS}
        return fit(photos, **options, **WHOLE_IMAGES), "fitted"
    return random_model(n_dimensions, symmetry, photos.shape[1]), "random rows"


def multiscale_alone(
    photos: np.ndarray, n_components: int | str = MULTISCALE_COMPONENTS, *, labels: np.ndarray | None = None
) -> MultiscaleMixture:
    """A multi-scale mixture as ``fit`` finds it, without what ``fit`` measures of it afterwards."""
    given = np.zeros(len(photos), np.int32) if labels is None else labels
    options = options_for("multiscale", None, n_components=n_components)
    return fit_multiscale_mixture(photos, given, options, quiet=True)[0]


def random_model(n_dimensions: int, symmetry: Symmetry, image_size: int) -> PCAMixture:
    """A model of random int8 rows and 10 diagonal components."""
    rng = np.random.default_rng(0)
    n_parts = len(PART_NAMES[symmetry])
    n_rows = n_dimensions // sum(PART_COPIES[symmetry])
    shape = (n_rows, *part_shape(symmetry, image_size))
    rows = tuple(rng.integers(-127, 128, shape, np.int8) for _ in range(n_parts))
    basis = Basis(
        symmetry=symmetry,
        mean=round_to_step(np.full((image_size, image_size), 128.0)),
        rows=rows,
        scales=(np.full(n_rows, 0.3 / n_dimensions**0.5, np.float32),) * n_parts,
    )
    mixture = Mixture(
        weights=np.full(N_COMPONENTS, 1 / N_COMPONENTS),
        means=rng.standard_normal((N_COMPONENTS, n_dimensions), np.float32),
        variances=np.ones((N_COMPONENTS, n_dimensions), np.float32),
        factors=np.zeros((0, n_dimensions), np.float32),
        factor_offsets=np.zeros(N_COMPONENTS + 1, np.int32),
        groups=np.arange(N_COMPONENTS, dtype=np.int32),
        classes=np.zeros(N_COMPONENTS, np.int32),
    )
    return PCAMixture(basis, mixture, noise_variance=1.0)


def dense_rows(model: PCAMixture) -> np.ndarray:
    """The basis as a matrix, float32 (n_dimensions, n_pixels), as a peer without symmetry holds it."""
    q = model.basis.n_dimensions
    return model.basis.decode(NumpyEngine(), np.eye(q)).reshape(q, -1)


def in_scikit_learn(model: PCAMixture) -> tuple[PCA, GaussianMixture]:
    """The same basis and mixture in scikit-learn, full covariances where the model has factors."""
    mixture, q = model.mixture, model.basis.n_dimensions
    diagonal = len(mixture.factors) == 0
    estimator = GaussianMixture(
        model.n_components, covariance_type="diag" if diagonal else "full", random_state=0
    )
    estimator.weights_, estimator.means_ = mixture.weights, mixture.means.astype(np.float64)
    variances = mixture.variances[mixture.groups].astype(np.float64)
    estimator.covariances_ = variances if diagonal else _full_covariances(mixture)
    estimator.converged_ = True
    estimator.precisions_cholesky_ = estimator.covariances_
    pca = PCA(q)
    pca.components_ = dense_rows(model).astype(np.float64)
    pca.mean_ = model.basis.mean.ravel().astype(np.float64)
    pca.n_components_, pca.whiten = q, False
    return pca, estimator


def _full_covariances(mixture: Mixture) -> np.ndarray:
    factors = mixture.factors.astype(np.float64)
    covariances = []
    for group in mixture.groups:
        begin, end = mixture.factor_offsets[group : group + 2]
        diagonal = np.diag(mixture.variances[group].astype(np.float64))
        covariances.append(factors[begin:end].T @ factors[begin:end] + diagonal)
    return np.stack(covariances)
