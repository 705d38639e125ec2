"""The result of a study: trainings as plain data, differences between arms, and a verdict that can be No."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

When = Literal["end", "early_stop"]
Figure = Literal["accuracy", "nll", "nll_scaled"]

PHOTOS, POOL_ALONE = "photos", "pool alone"

SURE = 2.0
"""Standard errors that settle a difference when there are many seeds."""
LIKELY = 1.0
"""Standard errors from which a gain is a reason to train more seeds."""

_AT_REST = 0.02
"""Nats: the validation loss is at rest if the last third of the steps lowers it by no more."""

_WHENS: dict[When, str] = {"end": "at the end", "early_stop": "at the lowest validation loss"}
_FIGURES: dict[Figure, tuple[str, int, float]] = {
    "accuracy": ("accuracy, %", 1, 100.0),
    "nll": ("NLL", 3, 1.0),
    "nll_scaled": ("NLL, scaled", 3, 1.0),
}
"""Heading, decimals and factor of a figure in tables."""


class Arm(NamedTuple):
    """One way to feed the classifier.

    Attributes:
        name: Unique, shown in tables.
        ratio: Share of each batch that comes from the pool: 0 for photos alone, 1 for the pool alone.
    """

    name: str
    ratio: float


class Point(NamedTuple):
    """A classifier at one moment of its training, measured on the test photos unless stated otherwise.

    Attributes:
        step: Training steps done.
        accuracy: Share of photos classified correctly, 0..1.
        nll: Negative log-likelihood, nats per photo.
        nll_scaled: The same with logits divided by ``temperature``.
        temperature: The divisor of the logits that suits the validation photos best.
        validation_nll: Negative log-likelihood of the validation photos, nats per photo.
    """

    step: int
    accuracy: float
    nll: float
    nll_scaled: float
    temperature: float
    validation_nll: float


@dataclass(frozen=True)
class Run:
    """An arm trained with one seed.

    Attributes:
        arm: Name of the arm.
        seed: Number of the seed, from 0.
        points: The learning curve, in the order of steps.
        seconds: Duration, with the drawing of the pool if this run was the seed's first.
    """

    arm: str
    seed: int
    points: tuple[Point, ...] = field(repr=False)
    seconds: float = 0.0

    def read(self, when: When) -> Point:
        """The last point, or the point of lowest validation loss."""
        return self.points[-1] if when == "end" else min(self.points, key=lambda one: one.validation_nll)

    def at_rest(self) -> bool:
        """Whether the last third of the steps lowered the validation loss by at most 0.02 nats."""
        early = [one.validation_nll for one in self.points if one.step <= 2 / 3 * self.points[-1].step]
        return min(early, default=math.inf) <= self.read("early_stop").validation_nll + _AT_REST


class Table(NamedTuple):
    """A table of text: every row has one string per heading."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Usefulness:
    """Whether a pool helps a classifier, and the figures behind the answer.

    Attributes:
        settings: Photos per class, steps, image size and so on: plain JSON values.
        arms: The arms, photos alone first.
        runs: The finished trainings, with their learning curves.

    Example:
        >>> found = study_usefulness(photos, draw_pool)  # doctest: +SKIP
        >>> found.verdict  # doctest: +SKIP
        'Beside the photos: No: … Instead of the photos: 0.95 ± 0.01 of their accuracy.'
    """

    settings: Mapping[str, Any] = field(repr=False)
    arms: tuple[Arm, ...]
    runs: tuple[Run, ...] = field(repr=False)

    def differences(self, arm: str, figure: Figure, when: When) -> list[float]:
        """Differences of an arm to photos alone, one for each seed that has both."""
        return [
            getattr(own.read(when), figure) - getattr(photos.read(when), figure)
            for own, photos in self._pairs(arm)
        ]

    def stand_in(self) -> list[float]:
        """Final accuracy with the pool alone divided by that with photos alone, one for each seed.

        S. Ravuri and O. Vinyals, "Classification accuracy score for conditional generative models",
        NeurIPS 2019, divided by the photos' own score.
        """
        return [
            own.read("end").accuracy / max(photos.read("end").accuracy, 1e-9)
            for own, photos in self._pairs(POOL_ALONE)
        ]

    @property
    def helps(self) -> bool | None:
        """Whether the pool helps beside the photos: True, False, or None for not settled."""
        return self._judge()[0]

    @property
    def verdict(self) -> str:
        """Both answers in plain words: beside the photos, and instead of them."""
        helps, reason = self._judge()
        text = f"Beside the photos: { {True: 'Yes', False: 'No', None: 'Not settled'}[helps] }: {reason}."
        if shares := self.stand_in():
            text += (
                " Instead of the photos: trained on the pool alone, the classifier reached "
                f"{_text(shares, 2, sign='')} of the accuracy that the photos give."
            )
        return text

    def tables(self) -> list[Table]:
        """Figures on the test photos, one table for the end and one for the lowest validation loss.

        Photos alone are shown by their mean, other arms by their difference to photos alone with its
        standard error over seeds.
        """
        headings = ("arm", "seeds", *(heading for heading, *_ in _FIGURES.values()))
        return [
            Table(f"Read {name}", headings, [self._row(arm.name, when) for arm in self.arms])
            for when, name in _WHENS.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "settings": dict(self.settings),
            "verdict": self.verdict,
            "helps": self.helps,
            "tables": [table._asdict() for table in self.tables()],
            "arms": [arm._asdict() for arm in self.arms],
            "runs": [{**asdict(run), "points": [one._asdict() for one in run.points]} for run in self.runs],
        }

    def _pairs(self, arm: str) -> list[tuple[Run, Run]]:
        """Runs of an arm and of photos alone with the same seed."""
        photos = {run.seed: run for run in self.runs if run.arm == PHOTOS}
        return [(run, photos[run.seed]) for run in self.runs if run.arm == arm and run.seed in photos]

    def _row(self, arm: str, when: When) -> tuple[str, ...]:
        cells = []
        for figure, (_, digits, factor) in _FIGURES.items():
            if arm == PHOTOS:
                values = [getattr(run.read(when), figure) for run, _ in self._pairs(arm)]
                cells.append(f"{factor * np.mean(values):.{digits}f}" if values else "")
            else:
                cells.append(_text(self.differences(arm, figure, when), digits, factor))
        return arm, str(len(self._pairs(arm))), *cells

    def _judge(self) -> tuple[bool | None, str]:
        """Whether the pool helps beside the photos, and why.

        1. Yes: a ratio is better than photos alone by two standard errors (more for few seeds: Student's t)
           in accuracy or in scaled likelihood, at the end and at the lowest validation loss alike, and not
           worse by two in the other figure.
        2. No: no ratio is better by even one standard error.
        3. Not settled: otherwise; with fewer than two seeds; or if the validation loss of photos alone was
           still falling.
        """
        n_seeds = {arm.name: len(self._pairs(arm.name)) for arm in self.arms if 0 < arm.ratio < 1}
        gains = {arm: self._gain(arm) for arm, n in n_seeds.items() if n > 1}
        if not gains:
            minutes = 4 * max((run.seconds for run in self.runs), default=0) / 60
            advice = f"about {minutes:.0f} minutes" if self.runs else "more: no training was finished"
            return None, f"two seeds of photos alone and of a ratio are needed, which take {advice}"
        # Chance exceeds this quantile as rarely as it exceeds two standard errors with many seeds: it is 14
        # with two seeds, 4.5 with three, 2.9 with five.
        needed = {arm: stats.t.isf(stats.norm.sf(SURE), n_seeds[arm] - 1) for arm in gains}
        best = max(gains, key=lambda arm: (gains[arm] >= needed[arm], gains[arm]))
        text = (
            f'"{best}" changed the accuracy by {_text(self.differences(best, "accuracy", "end"), 1, 100)} '
            "points and the negative log-likelihood after temperature scaling by "
            f"{_text(self.differences(best, 'nll_scaled', 'end'), 3)}"
        )
        falling = sum(not run.at_rest() for run, _ in self._pairs(PHOTOS))
        if falling:
            return None, (
                f"the validation loss of photos alone was still falling at the end of {falling} trainings, "
                f"so more steps are needed. So far {text}"
            )
        if gains[best] >= needed[best]:
            return True, text
        if gains[best] >= LIKELY:
            return None, f"{text}, too little for {n_seeds[best]} seeds"
        return False, f"no ratio helped on top of the standard stack. The best, {text}"

    def _gain(self, arm: str) -> float:
        """Standard errors by which an arm is better than photos alone; minus infinity for a trade."""
        accuracy = min(_in_errors(self.differences(arm, "accuracy", when)) for when in _WHENS)
        likelihood = min(-_in_errors(self.differences(arm, "nll_scaled", when)) for when in _WHENS)
        return max(accuracy, likelihood) if min(accuracy, likelihood) > -SURE else -math.inf


def _in_errors(values: Sequence[float]) -> float:
    """The mean of at least two values, in standard errors of the mean."""
    return float(np.mean(values) / max(stats.sem(values), 1e-12))


def _text(values: Sequence[float], digits: int, factor: float = 1.0, sign: str = "+") -> str:
    """The mean of a value per seed and its standard error, as "+0.9 ± 0.4"; empty without seeds."""
    if not values:
        return ""
    mean = f"{factor * np.mean(values):{sign}.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {factor * stats.sem(values):.{digits}f}"
