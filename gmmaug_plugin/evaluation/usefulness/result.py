"""What the study of usefulness found."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gmmaug_plugin.evaluation.usefulness.arms import NOTHING, STACK, Arm
from gmmaug_plugin.evaluation.usefulness.comparing import Comparison, Difference, Verdict
from gmmaug_plugin.evaluation.usefulness.curves import WHENS, Curve, Run, When
from gmmaug_plugin.evaluation.usefulness.verdicts import judge, signed

_TITLES = {
    "early_stop": "At its own early stop (lowest validation loss)",
    "end": "At the end of training",
}
_MEASURES = {
    "accuracy": ("accuracy, %", 100.0),
    "nll": ("NLL", 1.0),
    "nll_scaled": ("NLL, scaled", 1.0),
    "ece": ("ECE, %", 100.0),
    "ece_scaled": ("ECE, scaled, %", 100.0),
}


@dataclass(frozen=True)
class Table:
    """A table for people: a title, headings, and rows of as many strings."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown, without its title."""
        lines = [self.headings, tuple("---" for _ in self.headings), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True)
class Usefulness:
    """Whether a model helps a classifier, and the figures behind the answer.

    Attributes:
        settings: Photos per class, seeds, steps, image size and so on: plain JSON values.
        arms: The arms that were planned, in order of importance.
        runs: Every arm trained with every seed, with its learning curve.
        reductions: What was left out to keep the budget, a sentence each.

    Example:
        >>> found = study_usefulness(photos, labels, names, fit_model=fit_model)  # doctest: +SKIP
        >>> found.verdict  # doctest: +SKIP
        'No: nothing that the model makes helped on top of the standard stack. …'
    """

    settings: Mapping[str, Any]
    arms: tuple[Arm, ...]
    runs: tuple[Run, ...]
    reductions: tuple[str, ...] = ()

    @cached_property
    def comparison(self) -> Comparison:
        """The arms, compared."""
        return Comparison(self.arms, self.runs)

    @cached_property
    def judgement(self) -> Verdict:
        """The answer, with the arm it is about."""
        return judge(self.comparison)

    @property
    def helps(self) -> bool | None:
        """True, False, or None for not settled; see its rule in ``judge`` of :mod:`…usefulness.verdicts`."""
        return self.judgement.helps

    @property
    def verdict(self) -> str:
        """The answer in plain words, beginning with Yes, No or Not settled."""
        return self.judgement.sentence

    @property
    def best_variation_strength(self) -> float | None:
        """Strength of the variation that helped most on top of the stack; None if none did."""
        best = self.judgement.arm
        return best.strength if self.helps and best is not None and best.added == "variation" else None

    @property
    def curves(self) -> dict[str, dict[int, Curve]]:
        """Learning curves by name of the arm and number of the seed."""
        return self.comparison.curves

    def table(self, when: When | None = "early_stop") -> Table:
        """Figures of all arms on the test photos.

        The arms "nothing" and "stack" are told as they are, all others by their difference to the one of
        these that they are built on, with the standard error over seeds.

        Args:
            when: "early_stop" or "end"; None for the accuracy at equal likelihood.
        """
        rows = tuple(self._row(arm, when) for arm in self.comparison.arms.values())
        if when is None:
            compared = (
                "arm",
                "seeds",
                "accuracy at equal NLL, scaled, %",
                "against its white noise, %",
                "at equal NLL as it is, %",
            )
            return Table("Accuracy at equal negative log-likelihood", compared, rows)
        titles = [title for title, _ in _MEASURES.values()]
        against_noise = ("accuracy against its white noise", "NLL, scaled, against that")
        return Table(_TITLES[when], ("arm", "seeds", *titles, *against_noise), rows)

    def tables(self) -> tuple[Table, ...]:
        """The table of every reading."""
        return tuple(self.table(when) for when in (*WHENS, None))

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; :meth:`from_json` reads them back."""
        return {
            "settings": dict(self.settings),
            "verdict": self.verdict,
            "helps": self.helps,
            "best_variation_strength": self.best_variation_strength,
            "reductions": list(self.reductions),
            "tables": [
                {"title": one.title, "headings": list(one.headings), "rows": [list(row) for row in one.rows]}
                for one in self.tables()
            ],
            "arms": [arm.as_json() for arm in self.arms],
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

    def _row(self, arm: Arm, when: When | None) -> tuple[str, ...]:
        first = (arm.name, str(len(self.curves[arm.name])))
        if when is None:
            frontier = self.comparison.frontier
            compared = (
                frontier(arm.name, arm.reference),
                frontier(arm.name, arm.control),
                frontier(arm.name, arm.reference, "nll"),
            )
            return (*first, *(signed(difference, 100) for difference in compared))
        cells = [self._cell(arm, measure, when) for measure in _MEASURES]
        against_noise = [
            signed(self._difference(arm, arm.control, measure, when), _MEASURES[measure][1])
            for measure in ("accuracy", "nll_scaled")
        ]
        return (*first, *cells, *against_noise)

    def _cell(self, arm: Arm, measure: str, when: When) -> str:
        factor = _MEASURES[measure][1]
        if arm.name in (NOTHING, STACK):
            return f"{factor * self.comparison.mean(arm.name, measure, when):.{1 if factor > 1 else 3}f}"
        return signed(self._difference(arm, arm.reference, measure, when), factor)

    def _difference(self, arm: Arm, reference: str, measure: str, when: When) -> Difference:
        return self.comparison.difference(arm.name, reference, measure, when)
