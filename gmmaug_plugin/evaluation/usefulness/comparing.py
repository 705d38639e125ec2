"""Differences between arms, in pairs of the same seed, and the verdict on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from gmmaug_plugin.evaluation.usefulness.arms import Arm
from gmmaug_plugin.evaluation.usefulness.curves import (
    WHENS,
    Curve,
    Likelihood,
    Run,
    When,
    accuracies_at_equal_likelihood,
)

SURE = 2.0
"""Standard errors that a difference must have to count."""
LIKELY = 1.0
"""Standard errors from which a gain is a reason to look again with more seeds."""

_SMALLEST_ERROR = 1e-12


@dataclass(frozen=True)
class Difference:
    """Mean over seeds of the difference between two arms of one seed.

    Attributes:
        mean: Of the arm minus the reference.
        standard_error: Of the mean; nan for fewer than two seeds.
        n: Number of seeds that have both. The mean is nan for none.
    """

    mean: float
    standard_error: float
    n: int

    @classmethod
    def of(cls, differences: Sequence[float]) -> "Difference":
        """From the differences in every seed."""
        n = len(differences)
        error = float(np.std(differences, ddof=1) / math.sqrt(n)) if n > 1 else math.nan
        return cls(float(np.mean(differences)) if n else math.nan, error, n)


@dataclass(frozen=True)
class Verdict:
    """Whether the model helps the classifier.

    Attributes:
        helps: True, False, or None for not settled.
        sentence: The answer in plain words.
        arm: The arm it is about; None without.
        when: How that arm is read.
    """

    helps: bool | None
    sentence: str
    arm: Arm | None = None
    when: When = "end"


class Comparison:
    """All arms of a study, compared.

    Args:
        arms: The arms.
        runs: Their runs, in any order.
    """

    def __init__(self, arms: Sequence[Arm], runs: Sequence[Run]) -> None:
        curves: dict[str, dict[int, Curve]] = {}
        for run in runs:
            curves.setdefault(run.arm, {})[run.seed] = run.curve
        self.curves = curves
        self.arms = {arm.name: arm for arm in arms if arm.name in curves}

    @property
    def candidates(self) -> list[Arm]:
        """Arms that the verdict is about and that can be judged: beside what they are compared with."""
        return [
            arm
            for arm in self.arms.values()
            if arm.candidate and self.curves.keys() >= {arm.reference, arm.control or arm.reference}
        ]

    def mean(self, arm: str, measure: str, when: When) -> float:
        """Mean over the seeds of an attribute of :class:`~gmmaug_plugin.evaluation.usefulness.Point`."""
        return float(np.mean([getattr(one.read(when), measure) for one in self.curves[arm].values()]))

    def difference(
        self, arm: str, reference: str, measure: str, when: When, reference_when: When | None = None
    ) -> Difference:
        """Of an attribute of the points at which two arms are read, by default in the same way."""
        return Difference.of(
            [
                getattr(one.read(when), measure) - getattr(other.read(reference_when or when), measure)
                for one, other in self._pairs(arm, reference)
            ]
        )

    def frontier(self, arm: str, reference: str, measure: Likelihood = "nll_scaled") -> Difference:
        """Of the accuracy at equal likelihood, after temperature scaling or as it is."""
        found = [
            accuracies_at_equal_likelihood(*pair, measure=measure) for pair in self._pairs(arm, reference)
        ]
        return Difference.of([own - others for own, others, _ in found])

    def passes(self, arm: Arm, when: When, *, sure: bool) -> bool:
        """Whether the arm, read so, beats the stack and its white noise, each however that is read.

        Besides, its accuracy at equal likelihood must not be worse. For ``sure`` see :meth:`beats`.
        """
        references = [arm.reference] + ([arm.control] if arm.control else [])
        return all(
            self.beats(arm, reference, when, other, sure=sure)
            for reference, other in product(references, WHENS)
        ) and all(self._frontier_holds(arm, reference, sure=sure) for reference in references)

    def beats(self, arm: Arm, reference: str, when: When, other: When, *, sure: bool) -> bool:
        """Whether an arm is better than another in one way and not worse in the other.

        The two ways are accuracy, and negative log-likelihood after temperature scaling. The standard error
        is the greater one of the arm's own and the one pooled over all candidates, as that of two or three
        seeds is often small by chance.

        Args:
            arm: A candidate.
            reference: Name of the arm it is compared with.
            when: How the candidate is read.
            other: How the reference is read.
            sure: To be worse takes two standard errors then, and to be better so many that as little is left
                to chance as with two of a normal distribution: more where seeds are few (Student's t) and
                arms many (Bonferroni).
                Otherwise both take one.
        """
        alike = self._like(arm, reference)
        gains = []
        for measure, sign in (("accuracy", 1.0), ("nll_scaled", -1.0)):
            found = self.difference(arm.name, reference, measure, when, other)
            pool = [self.difference(one.name, name, measure, when, other) for one, name in alike]
            gains.append(sign * found.mean / _error(found, pool))
        freedom = sum(max(0, self.difference(one.name, name, "accuracy", when).n - 1) for one, name in alike)
        needed = _students(SURE, freedom, len(self.candidates)) if sure else LIKELY
        return max(gains) > needed and min(gains) >= -(SURE if sure else LIKELY)

    def _pairs(self, arm: str, reference: str) -> list[tuple[Curve, Curve]]:
        own, others = self.curves.get(arm, {}), self.curves.get(reference, {})
        return [(own[seed], others[seed]) for seed in sorted(own.keys() & others.keys())]

    def _frontier_holds(self, arm: Arm, reference: str, *, sure: bool) -> bool:
        found = self.frontier(arm.name, reference)
        pool = [self.frontier(one.name, name) for one, name in self._like(arm, reference)]
        return found.mean / _error(found, pool) >= -(SURE if sure else LIKELY)

    def _like(self, arm: Arm, reference: str) -> list[tuple[Arm, str]]:
        """All comparisons of the same kind: candidates with the stack, or each with its noise."""
        if reference != arm.control:
            return [(one, one.reference) for one in self.candidates]
        return [(one, one.control) for one in self.candidates if one.control]


def _error(found: Difference, alike: Sequence[Difference]) -> float:
    variances = [one.standard_error**2 for one in alike if one.n > 1]
    pooled = math.sqrt(float(np.mean(variances))) if variances else math.nan
    return max(found.standard_error, pooled, _SMALLEST_ERROR)


def _students(errors: float, freedom: int, n_candidates: int) -> float:
    """Standard errors that leave as much to chance, over all candidates, as so many of a normal one."""
    return float(stats.t.isf(stats.norm.sf(errors) / n_candidates, freedom)) if freedom else math.inf
