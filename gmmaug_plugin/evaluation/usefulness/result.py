"""The study's result: differences between arms in pairs, tables, and a verdict that can be No."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from gmmaug_plugin.evaluation.usefulness.runs import POOL_ALONE, STACK, WHENS, Arm, Point, Run, When

SURE = 2.0
"""Standard errors that a difference must have to count."""
LIKELY = 1.0
"""Standard errors from which a gain is a reason to look again with more seeds."""

_SMALLEST_ERROR = 1e-12
_READ = {"end": "at the end", "early_stop": "at its early stop"}


class Difference(NamedTuple):
    """Mean over seeds of a difference or ratio of two arms of one seed.

    Attributes:
        mean: The mean; nan without seeds.
        standard_error: Of the mean; nan for fewer than two seeds.
        n: Number of seeds that have both.
    """

    mean: float
    standard_error: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Difference":
        """From the values of every seed."""
        n = len(values)
        error = float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.nan
        return cls(float(np.mean(values)) if n else math.nan, error, n)

    def text(self, digits: int, factor: float = 1.0, *, sign: bool = True) -> str:
        """The mean and its standard error.

        Example:
            >>> Difference(0.009, 0.004, 3).text(1, 100)
            '+0.9 ± 0.4'
        """
        if self.n == 0:
            return ""
        mean = f"{factor * self.mean:{'+' if sign else ''}.{digits}f}"
        if math.isnan(self.standard_error):
            return mean
        return f"{mean} ± {factor * self.standard_error:.{digits}f}"


@dataclass(frozen=True)
class Table:
    """A table for people: a title, headings, and rows of as many strings."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Usefulness:
    """Whether a pool helps a classifier, and the figures behind the answer.

    Attributes:
        settings: Photos per class, steps, image size and so on: plain JSON values.
        arms: The arms, photos alone first.
        runs: Every arm trained with every seed, with its learning curve.
        reductions: Work left out to keep the budget, a sentence each.

    Example:
        >>> found = study_usefulness(photos, labels, names, draw_pool=draw_pool)  # doctest: +SKIP
        >>> found.verdict  # doctest: +SKIP
        'Beside the photos: No: … Instead of the photos: 0.95 ± 0.01 of their accuracy.'
    """

    settings: Mapping[str, Any]
    arms: tuple[Arm, ...]
    runs: tuple[Run, ...]
    reductions: tuple[str, ...] = ()

    def difference(
        self, arm: str, measure: str, when: When, reference_when: When | None = None
    ) -> Difference:
        """Difference of a :class:`Point` attribute to photos alone, both read ``when`` by default."""
        at = reference_when or when
        return self._paired(
            arm, lambda own, other: _get(own.read(when), measure) - _get(other.read(at), measure)
        )

    def stand_in(self) -> Difference:
        """Final accuracy after training on the pool alone, as a share of that after training on the photos.

        S. Ravuri and O. Vinyals, "Classification accuracy score for conditional generative models",
        NeurIPS 2019, divided by the photos' own.
        """
        return self._paired(
            POOL_ALONE,
            lambda own, other: own.read("end").accuracy / max(other.read("end").accuracy, 1e-9),
        )

    @property
    def helps(self) -> bool | None:
        """Whether the pool helps beside the photos: True, False, or None for not settled."""
        return self._judged()[0]

    @property
    def best_ratio(self) -> float | None:
        """The ratio that helped most beside the photos; None if none did."""
        helps, arm, _ = self._judged()
        return arm.ratio if helps and arm is not None else None

    @property
    def verdict(self) -> str:
        """Both answers in plain words: beside the photos, and instead of them."""
        helps, _, reason = self._judged()
        answer = {True: "Yes", False: "No", None: "Not settled"}[helps]
        beside = f"Beside the photos: {answer}: {reason}."
        share = self.stand_in()
        if not share.n:
            return beside
        return (
            f"{beside} Instead of the photos: trained on the pool alone, the classifier reached "
            f"{share.text(2, sign=False)} of the accuracy that the photos give."
        )

    def tables(self) -> tuple[Table, ...]:
        """Figures of all arms on the test photos, at the end and at the early stop.

        Photos alone as they are; other arms by their difference, with the standard error over seeds.
        """
        headings = ("arm", "seeds", "accuracy, %", "NLL", "NLL, scaled")
        found = []
        for when in WHENS:
            rows = []
            for arm in self.arms:
                runs = self._runs(arm.name)
                if not runs:
                    continue
                cells = [self._cell(arm, *one, when) for one in _MEASURES]
                rows.append((arm.name, str(len(runs)), *cells))
            found.append(Table(f"Read {_READ[when]}", headings, tuple(rows)))
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; :meth:`from_json` reads them back."""
        return {
            "settings": dict(self.settings),
            "verdict": self.verdict,
            "helps": self.helps,
            "best_ratio": self.best_ratio,
            "reductions": list(self.reductions),
            "tables": [asdict(table) for table in self.tables()],
            "arms": [asdict(arm) for arm in self.arms],
            "runs": [run.as_json() for run in self.runs],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Usefulness":
        """Inverse of :meth:`as_json`."""
        return cls(
            settings=values["settings"],
            arms=tuple(Arm(**arm) for arm in values["arms"]),
            runs=tuple(Run.from_json(run) for run in values["runs"]),
            reductions=tuple(values["reductions"]),
        )

    def _runs(self, arm: str) -> dict[int, Run]:
        return {run.seed: run for run in self.runs if run.arm == arm}

    def _n_pairs(self, arm: Arm) -> int:
        return len(self._runs(arm.name).keys() & self._runs(STACK).keys())

    def _paired(self, arm: str, value: Callable[[Run, Run], float]) -> Difference:
        own, others = self._runs(arm), self._runs(STACK)
        return Difference.of([value(own[seed], others[seed]) for seed in sorted(own.keys() & others.keys())])

    def _cell(self, arm: Arm, measure: str, digits: int, factor: float, when: When) -> str:
        if arm.name == STACK:
            values = [_get(run.read(when), measure) for run in self._runs(STACK).values()]
            return f"{factor * float(np.mean(values)):.{digits}f}"
        return self.difference(arm.name, measure, when).text(digits, factor)

    def _judged(self) -> tuple[bool | None, Arm | None, str]:
        """Whether the pool helps beside the photos, the arm it is about, and the reason.

        - Yes: an arm, read at its end or at its early stop, beats photos alone, however these are read: it
          is better in accuracy or in negative log-likelihood after temperature scaling, by two standard
          errors or more where seeds are few, and not worse in the other. So neither stopping early nor one
          scalar gives the same.
        - No: none does, and none would by one standard error either.
        - Not settled: otherwise; with fewer than two seeds; or where the held-back loss of photos alone had
          not turned well before the end.
        """
        arms = [arm for arm in self.arms if 0 < arm.ratio < 1 and self._n_pairs(arm)]
        if not arms:
            return None, None, "no arm was trained"
        best = max(arms, key=lambda arm: self.difference(arm.name, "accuracy", "end").mean)
        best_text = f'"{best.name}" {self._changes(best, "end")}'
        if min(self._n_pairs(arm) for arm in arms) < 2:
            return None, best, f"one seed gives no standard error. So far {best_text}"
        late = sum(not run.turned() for run in self._runs(STACK).values())
        if late:
            return (
                None,
                best,
                (
                    f"the held-back loss of photos alone was still falling at the end of {late} trainings, "
                    f"so more steps are needed. So far {best_text}"
                ),
            )
        for sure in (True, False):
            passing = [(arm, when) for arm in arms for when in WHENS if self._passes(arm, when, arms, sure)]
            if passing:
                best, when = min(
                    passing, key=lambda one: self.difference(one[0].name, "nll_scaled", one[1]).mean
                )
                text = f'"{best.name}" {self._changes(best, when)}'
                return sure or None, best, text if sure else f"{text}, too little for so few seeds"
        return False, best, f"no ratio helped on top of the standard stack. The best, {best_text}"

    def _passes(self, arm: Arm, when: When, arms: Sequence[Arm], sure: bool) -> bool:
        return all(self._beats(arm, when, other, arms, sure) for other in WHENS)

    def _beats(self, arm: Arm, when: When, other: When, arms: Sequence[Arm], sure: bool) -> bool:
        """Better in accuracy or scaled likelihood and not worse in the other, in standard errors.

        The standard error is the greater one of the arm's own and the one pooled over all arms, as that of
        two or three seeds is often small by chance. To be sure takes as many as leave as little to chance
        as two of a normal distribution: more where seeds are few (Student's t) and arms many (Bonferroni).
        """
        gains = []
        for measure, sign in (("accuracy", 1.0), ("nll_scaled", -1.0)):
            errors = [self.difference(one.name, measure, when, other).standard_error for one in arms]
            own = self.difference(arm.name, measure, when, other)
            pooled = math.sqrt(float(np.mean(np.square(errors))))
            gains.append(sign * own.mean / max(own.standard_error, pooled, _SMALLEST_ERROR))
        needed, allowed = LIKELY, LIKELY
        if sure:
            freedom = sum(self._n_pairs(one) - 1 for one in arms)
            needed = float(stats.t.isf(stats.norm.sf(SURE) / len(arms), freedom))
            allowed = SURE
        return max(gains) > needed and min(gains) >= -allowed

    def _changes(self, arm: Arm, when: When) -> str:
        accuracy = self.difference(arm.name, "accuracy", when).text(1, 100)
        scaled = self.difference(arm.name, "nll_scaled", when).text(3)
        return (
            f"changed the accuracy by {accuracy} points and the negative log-likelihood after temperature "
            f"scaling by {scaled}, read {_READ[when]}"
        )


_MEASURES = (("accuracy", 1, 100.0), ("nll", 3, 1.0), ("nll_scaled", 3, 1.0))


def _get(point: Point, measure: str) -> float:
    return float(getattr(point, measure))
