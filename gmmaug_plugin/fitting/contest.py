"""The candidates of one class, fitted and compared."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmaug_plugin.fitting.code_blocks import CodeBlocks
from gmmaug_plugin.fitting.expectation_maximisation import Estimate, climb, climb_blocks, likeliest
from gmmaug_plugin.fitting.joining import join_classes
from gmmaug_plugin.fitting.maximisation import Covariances
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.parts import NO_PARTS, Parts
from gmmaug_plugin.fitting.photo_blocks import BLOCK_SIZE, PhotoBlocks
from gmmaug_plugin.fitting.pieces import Run
from gmmaug_plugin.fitting.search import search
from gmmaug_plugin.fitting.selection import (
    INFORMATION_CRITERIA,
    CriterionCurve,
    heldout_curve,
    information_curves,
)
from gmmaug_plugin.fitting.starts import Codes, k_means_start, split_start
from gmmaug_plugin.fitting.subspace import Subspace
from gmmaug_plugin.images.storage import Images
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.progress import Advance, Steps

_NUMPY = NumpyEngine()

START_PHOTOS = BLOCK_SIZE
"""Photos that are enough to start from."""


class CandidateFits:
    """The likeliest mixture of every number of components tried on one set of codes.

    A candidate is started by k-means, ``n_init`` times, and from the mixture of the nearest smaller
    candidate, if one has been fitted, by splitting components; the likeliest end is kept. Where there are
    several blocks, both starts are worked out on :data:`START_PHOTOS` photos and climb there first.

    Attributes:
        best: The estimates, by number of components.
    """

    def __init__(
        self,
        codes: CodeBlocks,
        subspace: Subspace,
        options: FitOptions,
        advance: Advance,
        parts: Parts = NO_PARTS,
    ) -> None:
        self.best: dict[int, Estimate] = {}
        self._parts = parts
        self._codes, self._options, self._advance = codes, options, advance
        self._covariances = Covariances(options.covariance_type, subspace.floor)
        self._some = codes.some(START_PHOTOS, seed=options.random_state)

    def fresh(self, n_components: int, start: int) -> Estimate:
        """Fit from k-means; changes nothing."""
        seed = self._options.random_state + start
        return self._climb(
            f"{n_components}-components-start-{start}",
            partial(k_means_start, self._some, n_components, seed),
        )

    def settle(self, fresh: Iterable[tuple[int, Sequence[Estimate]]]) -> None:
        """Keep the likeliest of the fresh fits of candidates, given in ascending order, and a warm one."""
        for n_components, estimates in fresh:
            smaller = max((k for k in self.best if k < n_components), default=None)
            if smaller is not None:
                start = partial(split_start, self._some, self.best[smaller].mixture, n_components)
                warm = self._climb(f"{n_components}-components-from-{smaller}", start)
                self.best[n_components] = likeliest([*estimates, warm])
            else:
                self.best[n_components] = likeliest(estimates)

    def _climb(self, name: str, start: Callable[[], NDArray[np.float64]]) -> Estimate:
        estimate = self._parts.do(name, partial(self._climb_from, start), Estimate, Mixture)
        self._advance()
        return estimate

    def _climb_from(self, start: Callable[[], NDArray[np.float64]]) -> Estimate:
        options = self._options
        estimate = climb(self._some, start(), self._covariances, max_iter=options.max_iter, tol=options.tol)
        if len(self._codes.sizes) > 1:
            estimate = climb_blocks(
                self._codes.pieces,
                estimate.mixture,
                self._covariances,
                max_iter=options.max_iter,
                tol=options.tol,
            )
        return estimate


class HeldOutFold:
    """Candidates fitted without one fold's photos, and what those are worth under them."""

    def __init__(
        self,
        subspace: Subspace,
        kept: PhotoBlocks,
        held_out: PhotoBlocks,
        options: FitOptions,
        advance: Advance,
        parts: Parts = NO_PARTS,
    ) -> None:
        self._subspace, self._held_out = subspace, held_out
        codes = CodeBlocks.of(kept, subspace.basis, options.symmetry)
        self.fits = CandidateFits(codes, subspace, options, advance, parts)

    def log_likelihoods(self, candidates: Sequence[int]) -> list[float]:
        """Mean log-density of the fold's photos under candidates, nats."""
        models = [class_model(self.fits.best[k].mixture, self._subspace) for k in candidates]
        inside = self._codes.pieces.sum(_inside, [model.mixture for model in models])
        return [float(one) for one in (inside + self._outside) / self._held_out.n_photos]

    @cached_property
    def _codes(self) -> CodeBlocks:
        return CodeBlocks.of(self._held_out, self._subspace.basis, "none")

    @cached_property
    def _outside(self) -> float:
        """The density's part outside the code space: the same for all candidates, and the dear one."""
        model = class_model(self.fits.best[min(self.fits.best)].mixture, self._subspace)
        whole: float = self._held_out.sum(_log_density, model)
        return whole - float(self._codes.pieces.sum(_inside, [model.mixture])[0])


def _inside(codes: Codes, mixtures: Sequence[Mixture]) -> NDArray[np.float64]:
    """Sums over codes of their log-densities under mixtures."""
    exact = codes.astype(np.float64, copy=False)
    return np.array([logsumexp(one.log_joint(_NUMPY, exact), axis=1).sum() for one in mixtures])


def _log_density(images: Images, model: PCAMixture) -> float:
    return float(model.score_samples(images).sum())


class ClassContest:
    """The search for one class's number of components.

    Args:
        photos: The class's photos.
        subspace: Of all photos.
        held_out: The folds of cross-validation; without any the information criteria decide.
        options: The options.
        steps: Told of every fit; those of :func:`n_first_fits` it must know already.
        parts: Where fits are kept.
    """

    def __init__(
        self,
        photos: PhotoBlocks,
        subspace: Subspace,
        held_out: Sequence[HeldOutFold],
        options: FitOptions,
        steps: Steps,
        parts: Parts = NO_PARTS,
    ) -> None:
        self._codes = CodeBlocks.of(photos, subspace.basis, options.symmetry)
        self.fits = CandidateFits(self._codes, subspace, options, steps, parts)
        self._n_dimensions = subspace.basis.n_dimensions
        self._held_out, self._options, self._steps = held_out, options, steps
        self._fold_means: dict[int, NDArray[np.float64]] = {}

    def search(self, n_usable: int, run: Run) -> tuple[CriterionCurve, ...]:
        """Try candidates for ``n_usable`` photos to fit on; the curves, the deciding one first."""

        def evaluate(candidates: tuple[int, ...]) -> list[float]:
            self._fit(candidates, run)
            curve = self._curves()[0]
            return [curve.values[curve.n_components.index(k)] for k in candidates]

        search(self._options.n_components, n_usable, evaluate)  # type: ignore[arg-type]
        return self._curves()

    def _fit(self, candidates: tuple[int, ...], run: Run) -> None:
        """Fit candidates to all photos and without each fold."""
        everywhere = [self.fits, *(fold.fits for fold in self._held_out)]
        if self.fits.best:
            self._steps.expect(
                len(everywhere) * sum(1 + n_starts(k, self._options.n_init) for k in candidates)
            )
        jobs = [
            partial(fits.fresh, k, start)
            for fits, k in product(everywhere, candidates)
            for start in range(n_starts(k, self._options.n_init))
        ]
        ends = iter(run(jobs))
        fresh = [
            [(k, [next(ends) for _ in range(n_starts(k, self._options.n_init))]) for k in candidates]
            for _ in everywhere
        ]
        run([partial(fits.settle, ends) for fits, ends in zip(everywhere, fresh, strict=True)])
        scores = run([partial(fold.log_likelihoods, candidates) for fold in self._held_out])
        if scores:
            self._fold_means |= zip(candidates, np.array(scores).T, strict=True)

    def _curves(self) -> tuple[CriterionCurve, ...]:
        log_likelihoods = {
            k: self._codes.photo_means(estimate.log_densities) for k, estimate in self.fits.best.items()
        }
        curves = information_curves(
            log_likelihoods,
            n_dimensions=self._n_dimensions,
            covariance_type=self._options.covariance_type,
        )
        order = INFORMATION_CRITERIA[:: -1 if self._options.criterion == "bic" else 1]
        crossed = (heldout_curve(self._fold_means),) if self._fold_means else ()
        return (*crossed, *(curves[criterion] for criterion in order))


def class_model(mixture: Mixture, subspace: Subspace) -> PCAMixture:
    """The model of one class alone, from its mixture."""
    return PCAMixture(subspace.basis, join_classes([mixture], np.ones(1)), subspace.noise_variance)


def n_starts(n_components: int, n_init: int) -> int:
    """How many k-means starts a candidate gets: those of one component are all the same."""
    return 1 if n_components == 1 else n_init


def n_first_fits(candidates: Sequence[int], n_init: int) -> int:
    """How many fits the first candidates take: all but the smallest have a warm start as well."""
    return sum(1 + n_starts(k, n_init) for k in candidates) - 1
