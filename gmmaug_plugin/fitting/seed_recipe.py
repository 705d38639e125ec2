"""The recipe gmmaug began as, with scikit-learn's results, so that anybody can compare.

PCA to 99% of the variance with whitening, then a full-covariance mixture whose number of components
is the AIC's choice. See ``docs/model.md`` for what comes of it: copies and fog. Where there are fewer photos
than pixels, and fewer members of a component than dimensions, everything goes through Gram matrices: the same
numbers to rounding, some sixty times as fast (``docs/performance.md``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.decomposition import PCA

from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.expectation_maximisation import Estimate, fit_mixture
from gmmaug_plugin.fitting.joining import join_classes
from gmmaug_plugin.fitting.maximisation import n_parameters
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.parts import Parts
from gmmaug_plugin.fitting.pca import BYTE_NOISE, NO_DIFFERENCE
from gmmaug_plugin.fitting.pieces import Run
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

_SHARE = 0.99
_REG_COVAR = 1e-6
"""What scikit-learn adds to all variances by default."""

_AT_ONCE = 8
"""Candidates fitted before the worse ones are let go."""

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
    execution: Execution = HERE,
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
        execution: How it is carried out; here in any case.

    Raises:
        CopiesError: The judge refuses the best candidate of a class.
    """
    with workers():
        pca = _whitened(images)
    basis = _basis(pca, images.shape[1])
    noise_variance = max(pca.noise_variance, BYTE_NOISE)
    counts = np.bincount(labels)
    wanted = [one.n_components for one in options.per_class(len(counts), n_components)]
    tried = [
        first_candidates(SEED_COMPONENTS if k == "auto" else k, int(n))  # type: ignore[arg-type]
        for k, n in zip(wanted, counts, strict=True)
    ]
    mixtures, curves = [], {}
    with progress_bar("Fitting", sum(map(len, tried)), quiet=quiet) as advance:
        for label, ks in enumerate(tried):
            with workers() as run:
                codes = pca.codes[labels == label]
                parts = execution.parts.under(f"class-{label}")
                curves[label], best = _scan(codes, ks, options.random_state, advance, run, parts)
            mixtures.append(_compact(best.mixture))
            alone = PCAMixture(basis, join_classes([mixtures[-1]], np.ones(1)), noise_variance)
            chosen, refused = choose([best.mixture.n_components], lambda _: alone, label, judge)  # noqa: B023
            if chosen is None:
                raise CopiesError.of_class(label, refused, class_names, received=options.n_components)
    model = PCAMixture(basis, join_classes(mixtures, counts / counts.sum()), noise_variance)
    return Fitted(model, curves, pca.variances / pca.total_variance)


@dataclass(frozen=True)
class _Whitened:
    """What scikit-learn's ``PCA(0.99, whiten=True)`` gives.

    Attributes:
        codes: Of the photos, float64 (n, q), of unit variance.
        mean: Mean photo, (D,).
        rows: Orthonormal principal images, (q, D).
        variances: Variance along each, descending, (q,).
        total_variance: Variance over all directions.
        noise_variance: Mean variance of the directions left out.
    """

    codes: NDArray[np.float64]
    mean: NDArray[np.float64]
    rows: NDArray[np.float64]
    variances: NDArray[np.float64]
    total_variance: float
    noise_variance: float


def _whitened(images: NDArray[np.uint8]) -> _Whitened:
    flat = images.reshape(len(images), -1).astype(np.float64)
    if (flat == flat[0]).all():
        raise ValueError(NO_DIFFERENCE)
    n, D = flat.shape
    if n > D:
        pca = PCA(_SHARE, whiten=True)
        codes, variances = pca.fit_transform(flat), pca.explained_variance_
        total = float(variances.sum() / pca.explained_variance_ratio_.sum())
        return _Whitened(codes, pca.mean_, pca.components_, variances, total, float(pca.noise_variance_))
    mean = flat.mean(axis=0)
    flat -= mean
    eigenvalues, vectors = eigh(flat @ flat.T, overwrite_a=True)
    every = np.maximum(eigenvalues[::-1], 0.0) / (n - 1)
    total = float(every.sum())
    q = int(np.searchsorted(np.cumsum(every / total), _SHARE, side="right")) + 1
    variances, directions = every[:q], vectors[:, ::-1][:, :q]
    rows = directions.T @ flat / np.sqrt(variances * (n - 1))[:, None]
    noise = float(every[q:].mean()) if q < n else 0.0
    # Of a direction's two signs scikit-learn takes the one that makes its greatest pixel positive.
    signs = np.sign(np.take_along_axis(rows, np.abs(rows).argmax(axis=1, keepdims=True), axis=1))
    return _Whitened(directions * signs.T * np.sqrt(n - 1), mean, rows * signs, variances, total, noise)


def _scan(
    codes: NDArray[np.float64],
    tried: tuple[int, ...],
    random_state: int,
    advance: Advance,
    run: Run,
    parts: Parts,
) -> tuple[tuple[CriterionCurve, ...], Estimate]:
    """Fit every candidate; the curves and the winner of the AIC."""
    best, winner, lowest, log_densities = 0, None, np.inf, {}
    # A batch at a time, since 60 mixtures of full covariances at once would weigh some hundred megabytes.
    for begin in range(0, len(tried), _AT_ONCE):
        ks = tried[begin : begin + _AT_ONCE]
        ends = run([partial(_try, codes, k, random_state, advance, parts) for k in ks])
        for k, (found, estimate) in zip(ks, ends, strict=True):
            log_densities[k] = found
            value = n_parameters(k, codes.shape[1], "full") / len(codes) - float(found.mean())
            if not best or value < lowest:
                best, winner, lowest = k, estimate, value
    if not best:
        raise ValueError(f"n_components must have a candidate for {len(codes)} photos. Received: {tried}")
    curves = information_curves(log_densities, n_dimensions=codes.shape[1], covariance_type="full")
    if winner is None:
        (winner,) = run([partial(_fit, codes, best, random_state)])
    return tuple(curves[criterion] for criterion in INFORMATION_CRITERIA), winner


def _try(
    codes: NDArray[np.float64], k: int, random_state: int, advance: Advance, parts: Parts
) -> tuple[NDArray[np.float64], Estimate | None]:
    """Log-densities under a candidate, and the candidate itself unless an earlier fit had tried it.

    Only the former are kept as parts: one winner is fitted again sooner than 60 of up to 1.8 GB are written.
    """
    fitted: list[Estimate] = []

    def log_densities() -> NDArray[np.float64]:
        fitted.append(_fit(codes, k, random_state))
        return fitted[0].log_densities

    found = parts.do(f"{k}-components", log_densities)
    advance()
    return found, fitted[0] if fitted else None


def _fit(codes: NDArray[np.float64], k: int, random_state: int) -> Estimate:
    """Fit as scikit-learn's ``GaussianMixture(k, covariance_type="full")`` does by default."""
    return fit_mixture(codes, k, covariance_type="full", reg_covar=_REG_COVAR, random_state=random_state)


def _basis(pca: _Whitened, image_size: int) -> Basis:
    int8, scales = quantize_rows(pca.rows.reshape(-1, image_size, image_size))
    mean = round_to_step(pca.mean.reshape(image_size, image_size))
    scales = scales * np.sqrt(pca.variances).astype(np.float32)
    return Basis("none", mean, (int8,), (scales.astype(np.float32),))


def _compact(mixture: Mixture) -> Mixture:
    """The same mixture with orthogonal factors: a component of m photos has rank m - 1."""
    factors = []
    for begin, end in pairwise(mixture.factor_offsets):
        rows = mixture.factors[begin:end].astype(np.float64)
        _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
        squares = lengths * lengths
        kept = squares > max(_REG_COVAR, _RELATIVE_RANK * squares.max(initial=0.0))
        factors.append(lengths[kept, None] * directions[kept])
    offsets = np.cumsum([0, *map(len, factors)]).astype(np.int32)
    return replace(mixture, factors=np.concatenate(factors), factor_offsets=offsets)
