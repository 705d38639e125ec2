"""The recipe gmmaug began as, done by scikit-learn itself, so that anybody can compare.

PCA to 99% of the variance with whitening, then a full-covariance mixture whose number of components
is the AIC's choice. See ``docs/model.md`` for what comes of it: copies and fog.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca import BYTE_NOISE
from gmmaug_plugin.fitting.pca_fitter import join_classes
from gmmaug_plugin.fitting.selection import CriterionCurve, Fitted, candidates
from gmmaug_plugin.models.basis import Basis, quantize_rows, round_to_step
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.progress import Advance, progress_bar

SEED_COMPONENTS = range(1, 600, 10)
"""The numbers of components that the notebook tries."""

_RELATIVE_RANK = 1e-5
"""Directions whose variance is a smaller share of the component's greatest are the regularisation's."""


def fit_seed_recipe(
    images: NDArray[np.uint8], labels: NDArray[np.int32], options: FitOptions, *, quiet: bool
) -> Fitted:
    """Fit as the notebook did: one PCA over all photos and, where there are classes, a mixture for each.

    Only ``n_components`` and ``random_state`` of the options are heeded; ``"auto"`` is the notebook's
    range, cut at the number of photos.
    """
    pca = PCA(0.99, whiten=True)
    codes = pca.fit_transform(images.reshape(len(images), -1).astype(np.float64))
    wanted = SEED_COMPONENTS if options.n_components == "auto" else options.n_components
    counts = np.bincount(labels)
    tried = {label: candidates(wanted, int(n)) for label, n in enumerate(counts)}  # type: ignore[arg-type]
    mixtures, curves = [], {}
    with progress_bar("Fitting", sum(map(len, tried.values())), quiet=quiet) as advance:
        for label, ks in tried.items():
            curves[label], best = _scan(codes[labels == label], ks, options.random_state, advance)
            mixtures.append(_factored(best))
    mixture = join_classes(mixtures, counts / counts.sum())
    model = PCAMixture(_basis(pca, images.shape[1]), mixture, max(float(pca.noise_variance_), BYTE_NOISE))
    return Fitted(model, curves, pca.explained_variance_ratio_)


def _scan(
    codes: NDArray[np.float64], tried: tuple[int, ...], random_state: int, advance: Advance
) -> tuple[CriterionCurve, GaussianMixture]:
    """Fit every candidate; the curve and the winner. One at a time: 410 covariances weigh 1.8 GB."""
    best, values = None, []
    for k in tried:
        estimator = GaussianMixture(k, covariance_type="full", random_state=random_state).fit(codes)
        values.append(float(estimator.aic(codes)) / len(codes))
        if values[-1] == min(values):
            best = estimator
        advance()
    return CriterionCurve("aic", tried, tuple(values)), best


def _basis(pca: PCA, image_size: int) -> Basis:
    rows = pca.components_.reshape(-1, image_size, image_size)
    int8, scales = quantize_rows(rows)
    mean = round_to_step(pca.mean_.reshape(image_size, image_size))
    scales = scales * np.sqrt(pca.explained_variance_).astype(np.float32)
    return Basis("none", mean, (int8,), (scales.astype(np.float32),))


def _factored(estimator: GaussianMixture) -> Mixture:
    """Covariances as factors over a diagonal of ``reg_covar``: a component of m photos has rank m - 1."""
    diagonal = estimator.reg_covar
    factors = []
    for covariance in estimator.covariances_:
        eigenvalues, vectors = np.linalg.eigh(covariance)
        kept = eigenvalues - diagonal > max(diagonal, _RELATIVE_RANK * eigenvalues[-1])
        factors.append(np.sqrt(eigenvalues[kept, None] - diagonal) * vectors[:, kept].T)
    K, q = estimator.means_.shape
    return Mixture(
        weights=estimator.weights_,
        means=estimator.means_,
        variances=np.full((K, q), diagonal),
        factors=np.concatenate(factors),
        factor_offsets=np.cumsum([0, *map(len, factors)]).astype(np.int32),
        groups=np.arange(K, dtype=np.int32),
        classes=np.zeros(K, np.int32),
    )
