"""The recipe gmmaug began as, done by scikit-learn itself, so that anybody can compare.

PCA to 99% of the variance with whitening, then a full-covariance mixture whose number of components
is the AIC's choice. See ``docs/model.md`` for what comes of it: copies and fog.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.expectation_maximisation import n_parameters
from gmmaug_plugin.fitting.joining import join_classes
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca import BYTE_NOISE
from gmmaug_plugin.fitting.search import first_candidates
from gmmaug_plugin.fitting.selection import (
    INFORMATION_CRITERIA,
    CopiesError,
    CriterionCurve,
    Fitted,
    Judge,
    choose,
    information_curves,
)
from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.basis import Basis, quantize_rows, round_to_step
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.progress import Advance, progress_bar

SEED_COMPONENTS = range(1, 600, 10)
"""The numbers of components that the notebook tries."""

_RELATIVE_RANK = 1e-5
"""Directions whose variance is a smaller share of the component's greatest are the regularisation's."""


def fit_seed_recipe(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    options: FitOptions,
    *,
    quiet: bool,
    n_components: Sequence[int] | None = None,
    judge: Judge | None = None,
    class_names: Sequence[str] = (),
) -> Fitted:
    """Fit as the notebook did: one PCA over all photos and, where there are classes, a mixture for each.

    Only ``n_components`` and ``random_state`` of the options are heeded; ``"auto"`` is the notebook's
    range, cut at the number of photos. The AIC decides, as it did there; the BIC is told beside it.

    Args:
        images: Photos (n, size, size).
        labels: Class of each, 0..C-1 without gaps.
        options: The options.
        quiet: Show no progress.
        n_components: The number for each class, instead of what the options say of all.
        judge: Asked of each class's best candidate. One that it refuses is not replaced by the next best:
            only the best is kept while the others are tried, for 410 full covariances weigh 1.8 GB.
        class_names: For errors.

    Raises:
        CopiesError: The judge refuses the best candidate of a class.
    """
    pca = PCA(0.99, whiten=True)
    with workers():
        codes = pca.fit_transform(images.reshape(len(images), -1).astype(np.float64))
    basis, noise_variance = _basis(pca, images.shape[1]), max(float(pca.noise_variance_), BYTE_NOISE)
    counts = np.bincount(labels)
    wanted = [one.n_components for one in options.per_class(len(counts), n_components)]
    tried = [
        first_candidates(SEED_COMPONENTS if k == "auto" else k, int(n))  # type: ignore[arg-type]
        for k, n in zip(wanted, counts, strict=True)
    ]
    mixtures, curves = [], {}
    with progress_bar("Fitting", sum(map(len, tried)), quiet=quiet) as advance:
        for label, ks in enumerate(tried):
            with workers():
                curves[label], best = _scan(codes[labels == label], ks, options.random_state, advance)
                mixtures.append(_factored(best))
            alone = PCAMixture(basis, join_classes([mixtures[-1]], np.ones(1)), noise_variance)
            chosen, refused = choose([best.n_components], lambda _: alone, label, judge)  # noqa: B023
            if chosen is None:
                raise CopiesError.of_class(label, refused, class_names, received=options.n_components)
    model = PCAMixture(basis, join_classes(mixtures, counts / counts.sum()), noise_variance)
    return Fitted(model, curves, pca.explained_variance_ratio_)


def _scan(
    codes: NDArray[np.float64], tried: tuple[int, ...], random_state: int, advance: Advance
) -> tuple[tuple[CriterionCurve, ...], GaussianMixture]:
    """Fit every candidate; the curves and the winner of the AIC."""
    best, lowest, log_densities = None, np.inf, {}
    for k in tried:
        estimator = GaussianMixture(k, covariance_type="full", random_state=random_state).fit(codes)
        log_densities[k] = estimator.score_samples(codes)
        value = n_parameters(k, codes.shape[1], "full") / len(codes) - log_densities[k].mean()
        if value < lowest:
            best, lowest = estimator, value
        advance()
    curves = information_curves(log_densities, n_dimensions=codes.shape[1], covariance_type="full")
    return tuple(curves[criterion] for criterion in INFORMATION_CRITERIA), best


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
