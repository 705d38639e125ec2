"""Photos to a multi-scale mixture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.joining import join_classes
from gmmaug_plugin.fitting.multiscale.bases import base_codes, fit_base, within_class_covariance
from gmmaug_plugin.fitting.multiscale.details import (
    LADDER,
    Rung,
    climb_ladder,
    criterion_value,
    polish,
    standard_error,
)
from gmmaug_plugin.fitting.multiscale.gaussians import Gaussians
from gmmaug_plugin.fitting.multiscale.positions import CoarserPhotos, Positions, take_positions
from gmmaug_plugin.fitting.multiscale.sharing import join_details
from gmmaug_plugin.fitting.options import Criterion, FitOptions
from gmmaug_plugin.fitting.parts import Parts
from gmmaug_plugin.fitting.pieces import Run
from gmmaug_plugin.fitting.selection import INFORMATION_CRITERIA, CriterionCurve
from gmmaug_plugin.fitting.workers import Workers, workers
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale.conditional import MAX_COMPONENTS, ConditionalMixture
from gmmaug_plugin.models.multiscale.layout import Step, steps_of
from gmmaug_plugin.models.multiscale.multiscale_mixture import MultiscaleMixture
from gmmaug_plugin.progress import Steps, progress_bar

T = TypeVar("T")

HELD_OUT = 5
"""Of ``criterion="heldout"`` one photo in so many is held out."""

PHOTOS_PER_BASE = 4000
"""Photos of a class that its base is fitted on: 64 numbers need no more."""

LevelCurves = dict[str, tuple[CriterionCurve, ...]]


def fit_multiscale_mixture(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    options: FitOptions,
    *,
    quiet: bool,
    n_components: Sequence[int] | None = None,
    class_names: Sequence[str] = (),
    execution: Execution = HERE,
) -> tuple[MultiscaleMixture, LevelCurves]:
    """Fit a mixture over bases and, for every level and phase of the pyramid, one over details.

    The work is shared out over threads, or over the machines of a cluster; the result is the same for any
    number of them. However many photos there are, a mixture is fitted on a fixed number of random positions,
    and a base on at most :data:`PHOTOS_PER_BASE` photos of a class.

    Args:
        images: Photos (n, size, size), of a size that there are pyramids of.
        labels: Class of each, 0..C-1 without gaps.
        options: The options.
        quiet: Show no progress.
        n_components: The number for each level, the coarsest first, instead of what the options say; where
            classes share no details those of the first class, then of the second, and so on.
        class_names: Names of classes, for the curves of those that have details of their own.
        execution: How it is carried out.

    Returns:
        The model, without class names and info, and curves of the criteria by level, in the order of
        ``n_components``.
    """
    photos = CoarserPhotos(images)
    steps = steps_of(images.shape[1])
    apart = options.sharing == "none"
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)] if apart else [None]
    total, parts = 1 + 2 * len(steps) * len(groups), execution.parts
    with progress_bar("Fitting", total, quiet=quiet) as advance, workers(execution.client) as crew:
        base = parts.do("base", partial(_fit_bases, photos, labels, options, crew), Mixture)
        advance()
        fitted = []
        curves: LevelCurves = {}
        for number, members in enumerate(groups):
            everyone = np.arange(len(images)) if members is None else members
            fit = _Details(photos, everyone, steps, options, len(groups), crew, advance, number, parts)
            n_levels = steps[-1].level + 1
            begin = number * n_levels
            levels, found = fit.fit(n_components and n_components[begin : begin + n_levels])
            fitted.append(levels)
            owner = "" if members is None else f"{class_names[number] if class_names else number}, "
            curves |= {owner + level: found_there for level, found_there in found.items()}
    shares = np.bincount(labels) / len(labels)
    levels = fitted[0] if options.sharing != "none" else join_details(fitted, shares)
    return MultiscaleMixture(base, levels), curves


def level_name(size: int) -> str:
    """What a level is called: the size of the images that it makes of the coarser ones.

    Example:
        >>> level_name(8)
        'details at 16 x 16'
    """
    return f"details at {2 * size} x {2 * size}"


def _fit_bases(photos: CoarserPhotos, labels: NDArray[np.int32], options: FitOptions, run: Run) -> Mixture:
    counts = np.bincount(labels)
    codes = []
    for label in range(len(counts)):
        members = np.flatnonzero(labels == label)
        if len(members) > PHOTOS_PER_BASE:
            chosen = np.random.default_rng((options.random_state, label)).permutation(len(members))
            members = np.sort(members[chosen[:PHOTOS_PER_BASE]])
        codes.append(base_codes(photos.at(0, members)))
    every = np.concatenate(codes, axis=1)
    of_every = np.repeat(np.arange(len(counts), dtype=np.int32), [one.shape[1] for one in codes])
    seed = options.random_state
    if options.sharing == "all":
        spread = within_class_covariance(every, np.zeros_like(of_every))
        shared = fit_base(every, spread, random_state=seed)
        return join_classes([shared] * len(counts), counts / counts.sum())
    spread = within_class_covariance(every, of_every)
    mixtures = run([partial(fit_base, one, spread, random_state=seed) for one in codes])
    return join_classes(mixtures, counts / counts.sum())


class _Details:
    """Fits the details of all levels to some photos."""

    def __init__(
        self,
        photos: CoarserPhotos,
        members: NDArray[np.intp],
        steps: Sequence[Step],
        options: FitOptions,
        n_groups: int,
        workers: Workers,
        advance: Steps,
        number: int,
        parts: Parts,
    ) -> None:
        self._photos, self._members, self._steps, self._options = photos, members, steps, options
        self._workers, self._advance, self._number = workers, advance, number
        self._parts = parts.under(f"group-{number}")
        self._most = MAX_COMPONENTS // n_groups

    def fit(
        self, n_components: Sequence[int] | None
    ) -> tuple[tuple[tuple[ConditionalMixture, ...], ...], LevelCurves]:
        """Fit all candidates, choose among them level by level, and go on with those chosen."""
        n_levels = self._steps[-1].level + 1
        candidates = [
            self._candidates() if n_components is None else (n_components[level],)
            for level in range(n_levels)
        ]
        climbed = self._climb(candidates)
        curves: LevelCurves = {}
        chosen = []
        for level in range(n_levels):
            members = [one for one in climbed if one.step.level == level]
            found = _level_curves(members, self._options.criterion)
            curves[level_name(members[0].step.size)] = found
            chosen.append(found[0].best)
        mixtures = self._workers.send(
            [
                self._kept(
                    f"step-{number}-of-{chosen[one.step.level]}-components",
                    partial(
                        polish,
                        one.positions,
                        one.rungs[chosen[one.step.level]].mixture,
                        self._options.max_iter,
                        self._options.tol,
                    ),
                    ConditionalMixture,
                )
                for number, one in enumerate(climbed)
            ],
            self._advance,
        )
        n_phases = len(self._steps) // n_levels
        return tuple(tuple(mixtures[k : k + n_phases]) for k in range(0, len(mixtures), n_phases)), curves

    def _candidates(self) -> tuple[int, ...]:
        wanted = self._options.n_components
        if wanted == "auto":
            return tuple(k for k in LADDER if k <= self._most) or (self._most,)
        return (wanted,) if isinstance(wanted, int) else tuple(wanted)  # type: ignore[arg-type]

    def _climb(self, candidates: Sequence[Sequence[int]]) -> list["_Climbed"]:
        """Fit the candidates of every step, given by level."""
        taken = self._workers(
            [partial(self._take, step, len(candidates[step.level]) > 1) for step in self._steps]
        )
        rungs = self._workers.send(
            [
                self._kept(
                    f"step-{number}-candidates",
                    partial(
                        climb_ladder,
                        positions,
                        judged,
                        candidates[step.level],
                        random_state=self._options.random_state,
                    ),
                    Rung,
                    Gaussians,
                )
                for number, (step, (_, positions, judged)) in enumerate(zip(self._steps, taken, strict=True))
            ],
            self._advance,
        )
        return [
            _Climbed(step, everything, found)
            for step, (everything, _, _), found in zip(self._steps, taken, rungs, strict=True)
        ]

    def _kept(self, name: str, task: Callable[[], T], *kinds: type) -> Callable[[], T]:
        """A task that can be sent away, done only where it has not been before."""
        return partial(self._parts.do, name, task, *kinds)

    def _take(self, step: Step, compared: bool) -> tuple[Positions, Positions, Positions]:
        """Positions of a step: all, those to fit candidates on, and those to judge them by."""
        everything = self._positions(self._members, step)
        if self._options.criterion != "heldout" or not compared:
            return everything, everything, everything
        held_out = np.arange(len(self._members)) % HELD_OUT == HELD_OUT - 1
        kept, judged = (self._positions(self._members[part], step) for part in (~held_out, held_out))
        return everything, kept, judged

    def _positions(self, members: NDArray[np.intp], step: Step) -> Positions:
        seed = (self._options.random_state, self._number, step.begin)
        return take_positions(self._photos, step, seed=seed, members=members)


@dataclass(frozen=True, eq=False)
class _Climbed:
    """The candidates of one step.

    Attributes:
        step: The level and phase.
        positions: What the one chosen goes on with.
        rungs: Mixtures by number of components.
    """

    step: Step
    positions: Positions
    rungs: Mapping[int, Rung]


def _level_curves(members: Sequence[_Climbed], criterion: Criterion) -> tuple[CriterionCurve, ...]:
    """Criteria of a level, per position of all phases; the deciding one first."""
    tried = tuple(sorted(set.intersection(*(set(one.rungs) for one in members))))
    if criterion == "heldout" and len(tried) > 1:
        return (_level_curve(members, "heldout", tried),)
    order = INFORMATION_CRITERIA[:: 1 if criterion == "aic" else -1]
    return tuple(_level_curve(members, one, tried) for one in order)


def _level_curve(members: Sequence[_Climbed], criterion: Criterion, tried: tuple[int, ...]) -> CriterionCurve:
    shares = np.array([one.step.count for one in members], float)
    shares /= shares.sum()
    values = [shares @ [criterion_value(one.rungs[K], criterion) for one in members] for K in tried]
    errors = [
        np.sqrt(np.square(shares * [standard_error(one.rungs[K], criterion) for one in members]).sum())
        for K in tried
    ]
    return CriterionCurve(criterion, tried, tuple(map(float, values)), tuple(map(float, errors)))
