"""Photos to a PCA mixture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.expectation_maximisation import Estimate, fit_mixture
from gmmaug_plugin.fitting.options import Criterion, FitOptions
from gmmaug_plugin.fitting.pca import fit_pca, residual_variance
from gmmaug_plugin.fitting.selection import (
    N_FOLDS,
    CriterionCurve,
    Fitted,
    candidates,
    folds,
    heldout_curve,
    information_criterion,
)
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import symmetric_copies
from gmmaug_plugin.progress import Advance, progress_bar

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]

_NUMPY = NumpyEngine()
_SUBSPACE_STEPS = 2
"""Steps of progress in one :func:`fit_subspace`."""


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


def fit_pca_mixture(images: Images, labels: Labels, options: FitOptions, *, quiet: bool) -> Fitted:
    """Fit a shared basis and one mixture per class.

    Args:
        images: Photos (n, size, size).
        labels: Class of each, 0..C-1 without gaps.
        options: The options.
        quiet: Show no progress.

    Returns:
        The model and how it came about.
    """
    crossed = options.criterion == "heldout"
    counts = np.bincount(labels)
    # Of cross-validation's folds each leaves this many photos to fit on.
    usable = counts - -(-counts // N_FOLDS) if crossed else counts
    tried = {label: candidates(options.n_components, int(n)) for label, n in enumerate(usable)}  # type: ignore[arg-type]
    searched = sum(len(ks) for ks in tried.values() if len(ks) > 1)
    subspaces = 1 + (N_FOLDS if crossed and searched else 0)
    steps = _SUBSPACE_STEPS * subspaces + len(tried) + searched * (N_FOLDS if crossed else 1)
    with progress_bar("Fitting", steps, quiet=quiet) as advance:
        subspace = fit_subspace(images, options, advance)
        curves: dict[int, CriterionCurve] = {}
        if crossed and searched:
            curves = _heldout_curves(images, labels, tried, options, advance)
        estimates = []
        for label, ks in tried.items():
            codes = class_codes(subspace.basis, images[labels == label], options)
            if label not in curves:
                curves[label], estimate = _information_curve(codes, ks, subspace, options, advance)
            else:
                estimate = _fit_class(codes, curves[label].best, subspace, options)
            estimates.append(estimate)
            advance()
    mixture = join_classes([e.mixture for e in estimates], counts / counts.sum())
    model = PCAMixture(subspace.basis, mixture, subspace.noise_variance)
    return Fitted(model, curves, subspace.explained_variance_ratio)


def fit_subspace(images: Images, options: FitOptions, advance: Advance) -> Subspace:
    """Fit the basis and measure its noise floor on halves of the photos."""
    components = fit_pca(images, symmetry=options.symmetry).keep(options.variance)
    basis = components.basis(whiten=options.whiten)
    advance()
    noise_variance = residual_variance(
        images,
        n_dimensions=basis.n_dimensions,
        symmetry=options.symmetry,
        random_state=options.random_state,
    )
    advance()
    variances = components.code_variances
    unit = variances if options.whiten else np.ones_like(variances)
    return Subspace(basis, noise_variance, noise_variance / unit, variances / components.total_variance)


def class_codes(basis: Basis, images: Images, options: FitOptions) -> NDArray[np.float64]:
    """Codes of photos and all their symmetric copies, float64 (n x copies, q)."""
    codes = []
    for begin in range(0, len(images), 256):
        copies = symmetric_copies(images[begin : begin + 256], options.symmetry)
        codes.append(basis.encode(_NUMPY, copies.astype(np.float32) - basis.mean))
    return np.concatenate(codes)


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


def _fit_class(
    codes: NDArray[np.float64], n_components: int, subspace: Subspace, options: FitOptions
) -> Estimate:
    return fit_mixture(
        codes,
        n_components,
        covariance_type=options.covariance_type,
        floor=subspace.floor,
        max_iter=options.max_iter,
        tol=options.tol,
        n_init=options.n_init,
        random_state=options.random_state,
    )


def _information_curve(
    codes: NDArray[np.float64],
    tried: tuple[int, ...],
    subspace: Subspace,
    options: FitOptions,
    advance: Advance,
) -> tuple[CriterionCurve, Estimate]:
    """Fit every candidate; the curve and the winner."""
    criterion: Criterion = "bic" if options.criterion == "bic" else "aic"
    n_copies = len(symmetric_copies(np.empty((1, 2, 2), np.uint8), options.symmetry))
    values, estimates = [], []
    for n_components in tried:
        estimate = _fit_class(codes, n_components, subspace, options)
        value = information_criterion(
            estimate.log_likelihood,
            criterion=criterion,
            n_components=n_components,
            n_dimensions=codes.shape[1],
            n_photos=len(codes) // n_copies,
            covariance_type=options.covariance_type,
        )
        values.append(value)
        estimates.append(estimate)
        if len(tried) > 1:
            advance()
    return CriterionCurve(criterion, tried, tuple(values)), estimates[int(np.argmin(values))]


def _heldout_curves(
    images: Images,
    labels: Labels,
    tried: dict[int, tuple[int, ...]],
    options: FitOptions,
    advance: Advance,
) -> dict[int, CriterionCurve]:
    """Cross-validate the candidates of every class, the basis fitted anew on each fold's photos."""
    fold_of = folds(labels, random_state=options.random_state)
    subspaces = [fit_subspace(images[fold_of != fold], options, advance) for fold in range(N_FOLDS)]
    curves = {}
    for label, ks in tried.items():
        if len(ks) == 1:
            continue
        of_class = labels == label
        codes = [
            class_codes(subspace.basis, images[of_class & (fold_of != fold)], options)
            for fold, subspace in enumerate(subspaces)
        ]

        def scores(
            fold: int,
            n_components: int,
            codes: list[NDArray[np.float64]] = codes,
            of_class: NDArray[np.bool_] = of_class,
        ) -> NDArray[np.float64]:
            subspace = subspaces[fold]
            estimate = _fit_class(codes[fold], n_components, subspace, options)
            mixture = join_classes([estimate.mixture], np.ones(1))
            model = PCAMixture(subspace.basis, mixture, subspace.noise_variance)
            advance()
            return model.score_samples(images[of_class & (fold_of == fold)])

        curves[label] = heldout_curve(ks, scores)
    return curves


def describe_curves(
    curves: dict[int, CriterionCurve], class_names: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """The curves as plain JSON values, by class name ("" for unlabelled photos)."""
    names = class_names or ("",)
    return {
        names[label]: {
            "criterion": curve.criterion,
            "n_components": list(curve.n_components),
            "values": [round(value, 4) for value in curve.values],
            "standard_errors": None
            if curve.standard_errors is None
            else [round(error, 4) for error in curve.standard_errors],
        }
        for label, curve in curves.items()
    }
