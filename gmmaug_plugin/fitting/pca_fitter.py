"""Photos to a PCA mixture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.contest import ClassContest, HeldOutFold, class_model, n_first_fits
from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.joining import join_classes
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.parts import Parts
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.search import first_candidates
from gmmaug_plugin.fitting.selection import (
    N_FOLDS,
    CopiesError,
    CriterionCurve,
    Fitted,
    Judge,
    Refused,
    choose,
    folds,
)
from gmmaug_plugin.fitting.subspace import SUBSPACE_STEPS, Subspace, fit_subspace
from gmmaug_plugin.fitting.workers import Workers, shared, workers
from gmmaug_plugin.images.storage import Images, ImageSource
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.progress import Steps, progress_bar

Labels = NDArray[np.int32]


def fit_pca_mixture(
    images: Images,
    labels: Labels,
    options: FitOptions,
    *,
    quiet: bool,
    n_components: Sequence[int] | None = None,
    judge: Judge | None = None,
    class_names: Sequence[str] = (),
    execution: Execution = HERE,
) -> Fitted:
    """Fit a shared basis and one mixture per class.

    The work is shared out over threads; the result is the same for any number of them.

    Args:
        images: Photos (n, size, size).
        labels: Class of each, 0..C-1 without gaps.
        options: The options.
        quiet: Show no progress.
        n_components: The number for each class, instead of what the options say of all.
        judge: Asked of each class's best candidate, and of the next best while it refuses. Called in
            this thread between the fits.
        class_names: For errors.
        execution: How it is carried out; a cluster works on the blocks of photos.

    Returns:
        The model and how it came about.

    Raises:
        CopiesError: The judge refuses all candidates of a class.
    """
    counts = np.bincount(labels)
    plan = _Plan.of(counts, options, n_components)
    mixtures, curves, refused = [], {}, {}
    client, parts = execution.client, execution.parts
    with progress_bar("Fitting", plan.n_steps, quiet=quiet) as steps, shared(images, client) as source:
        with workers(client) as run:
            photos = _Photos(source, labels, options, steps, run, parts)
            subspace = photos.subspace()
            without_fold = [photos.subspace_without(fold) for fold in range(max(plan.n_folds))]
        for label, n_usable in enumerate(plan.usable):
            with workers(client) as run:
                photos = _Photos(source, labels, options, steps, run, parts)
                held_out = photos.held_out(label, without_fold[: plan.n_folds[label]])
                contest = ClassContest(
                    photos.of_class(label),
                    subspace,
                    held_out,
                    plan.per_class[label],
                    steps,
                    parts.under(f"class-{label}"),
                )
                curves[label] = contest.search(n_usable, run)
            ranked, best = curves[label][0].ranked, contest.fits.best
            chosen, out = choose(ranked, lambda k: class_model(best[k].mixture, subspace), label, judge)  # noqa: B023
            if out:
                refused[label] = out
            if chosen is None:
                raise CopiesError.of_class(label, out, class_names, received=options.n_components)
            mixtures.append(best[chosen].mixture)
    mixture = join_classes(mixtures, counts / counts.sum())
    model = PCAMixture(subspace.basis, mixture, subspace.noise_variance)
    return Fitted(model, curves, subspace.explained_variance_ratio, refused)


@dataclass(frozen=True)
class _Plan:
    """What is to be fitted.

    Attributes:
        usable: By class, photos that a fit is on: of cross-validation's folds each leaves so many.
        per_class: By class, the options.
        n_folds: By class, the folds it is tried on.
        n_steps: Steps of progress in all, as far as they are known before.
    """

    usable: list[int]
    per_class: list[FitOptions]
    n_folds: list[int]
    n_steps: int

    @classmethod
    def of(
        cls, counts: NDArray[np.int64], options: FitOptions, n_components: Sequence[int] | None
    ) -> "_Plan":
        """The plan for classes of so many photos."""
        heldout = options.criterion == "heldout"
        usable = [int(n) for n in (counts - -(-counts // N_FOLDS) if heldout else counts)]
        per_class = options.per_class(len(counts), n_components)
        first = [first_candidates(one.n_components, n) for one, n in zip(per_class, usable, strict=True)]  # type: ignore[arg-type]
        n_folds = [N_FOLDS if heldout and len(ks) > 1 else 0 for ks in first]
        n_fits = sum((1 + n) * n_first_fits(ks, options.n_init) for n, ks in zip(n_folds, first, strict=True))
        return cls(usable, per_class, n_folds, SUBSPACE_STEPS * (1 + max(n_folds)) + n_fits)


class _Photos:
    """The photos in blocks, by class and by fold."""

    def __init__(
        self,
        source: ImageSource,
        labels: Labels,
        options: FitOptions,
        steps: Steps,
        workers: Workers,
        parts: Parts,
    ) -> None:
        self.blocks = PhotoBlocks.of(source, workers, block_size=options.block_size)
        self._labels, self._options, self._steps, self._workers = labels, options, steps, workers
        self._fold_of = folds(labels, random_state=options.random_state)
        self._parts = parts

    def of_class(self, label: int) -> PhotoBlocks:
        """The photos of one class."""
        return self.blocks.where(self._labels == label)

    def subspace(self) -> Subspace:
        """The basis fitted on all photos."""
        return self._subspace("subspace", self.blocks)

    def subspace_without(self, fold: int) -> Subspace:
        """The basis fitted anew on the other folds' photos, of all classes."""
        others = self.blocks.where(self._fold_of != fold)
        return self._subspace(f"subspace-without-fold-{fold}", others)

    def _subspace(self, name: str, blocks: PhotoBlocks) -> Subspace:
        fitted = partial(fit_subspace, blocks, self._options, run=self._workers)
        found = self._parts.do(name, fitted, Subspace, Basis)
        for _ in range(SUBSPACE_STEPS):
            self._steps()
        return found

    def held_out(self, label: int, subspaces: Sequence[Subspace]) -> list[HeldOutFold]:
        """The folds of one class."""
        of_class = self._labels == label
        return self._workers(
            [
                partial(
                    HeldOutFold,
                    subspace,
                    self.blocks.where(of_class & (self._fold_of != fold)),
                    self.blocks.where(of_class & (self._fold_of == fold)),
                    self._options,
                    self._steps,
                    self._parts.under(f"class-{label}.fold-{fold}"),
                )
                for fold, subspace in enumerate(subspaces)
            ]
        )


def describe_curves(
    curves: Mapping[int, Sequence[CriterionCurve]], class_names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Every class's curves as plain JSON values, by class name ("" for unlabelled photos)."""
    names = class_names or ("",)
    return {names[label]: [describe_curve(curve) for curve in of_class] for label, of_class in curves.items()}


def describe_refused(
    refused: Mapping[int, Sequence[Refused]], class_names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Refused candidates as plain JSON values, by class name ("" for unlabelled photos)."""
    names = class_names or ("",)
    return {names[label]: [asdict(one) for one in of_class] for label, of_class in refused.items()}


def describe_curve(curve: CriterionCurve) -> dict[str, Any]:
    """A curve as plain JSON values."""
    errors = curve.standard_errors
    return {
        "criterion": curve.criterion,
        "n_components": list(curve.n_components),
        "values": [round(value, 4) for value in curve.values],
        "standard_errors": None if errors is None else [round(error, 4) for error in errors],
        "best": curve.best,
    }
