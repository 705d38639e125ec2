"""Learning curves, and three ways to read them."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from gmmaug_plugin.evaluation.usefulness.calibration import (
    Labels,
    Logits,
    accuracy,
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
)

When = Literal["end", "early_stop"]
Likelihood = Literal["nll", "nll_scaled"]
WHENS: tuple[When, ...] = ("early_stop", "end")

_AT_REST = 0.02


@dataclass(frozen=True)
class Point:
    """A classifier at one moment of its training.

    Accuracy and calibration errors are shares, 0..1; log-likelihoods are in nats per photo. Figures are of
    the test photos, but for those whose name begins with ``validation``.

    Attributes:
        step: Training steps done.
        accuracy: Accuracy.
        nll: Negative log-likelihood.
        ece: Expected calibration error.
        temperature: What the validation photos' logits are best divided by.
        nll_scaled: Negative log-likelihood with the test logits divided by that temperature.
        ece_scaled: Likewise the calibration error.
        validation_accuracy: Accuracy on the validation photos.
        validation_nll: Their negative log-likelihood.
        validation_ece: Their calibration error.
    """

    step: int
    accuracy: float
    nll: float
    ece: float
    temperature: float
    nll_scaled: float
    ece_scaled: float
    validation_accuracy: float
    validation_nll: float
    validation_ece: float


def measure(step: int, validation: tuple[Logits, Labels], test: tuple[Logits, Labels]) -> Point:
    """Measure a classifier by its logits on the validation and test photos."""
    temperature = fit_temperature(*validation)
    logits, labels = test
    return Point(
        step=step,
        accuracy=accuracy(logits, labels),
        nll=negative_log_likelihood(logits, labels),
        ece=calibration_error(logits, labels),
        temperature=temperature,
        nll_scaled=negative_log_likelihood(logits / temperature, labels),
        ece_scaled=calibration_error(logits / temperature, labels),
        validation_accuracy=accuracy(*validation),
        validation_nll=negative_log_likelihood(*validation),
        validation_ece=calibration_error(*validation),
    )


@dataclass(frozen=True)
class Curve:
    """A learning curve: points in order of their steps."""

    points: tuple[Point, ...]

    def values(self, name: str) -> np.ndarray:
        """One attribute of all points."""
        return np.array([getattr(point, name) for point in self.points])

    def read(self, when: When) -> Point:
        """The last point, or where the validation photos' negative log-likelihood is lowest."""
        if when == "end":
            return self.points[-1]
        return self.points[int(np.argmin(self.values("validation_nll")))]

    def turned(self) -> bool:
        """Whether the validation loss has turned, or come to rest, well before the end.

        That is, the last third of the steps lowers it by no more than 0.02 nats.
        """
        loss, steps = self.values("validation_nll"), self.values("step")
        return bool(loss[steps <= 2 / 3 * steps[-1]].min(initial=np.inf) <= loss.min() + _AT_REST)

    def accuracy_at(self, level: float, measure: Likelihood = "nll_scaled") -> float:
        """Accuracy where the negative log-likelihood is at ``level`` for the last time.

        While a classifier trains, its accuracy goes on rising when its likelihood has long turned: the last
        time is the best bargain between the two. Between points both run straight. A curve that ends below
        the level counts with its end; one that never reaches it gives nan.

        Args:
            level: In nats.
            measure: "nll_scaled" or "nll".
        """
        nll, right = self.values(measure), self.values("accuracy")
        within = np.flatnonzero(nll <= level)
        if not len(within):
            return float("nan")
        last = int(within[-1])
        if last == len(nll) - 1:
            return float(right[last])
        share = (level - nll[last]) / (nll[last + 1] - nll[last])
        return float(right[last] + share * (right[last + 1] - right[last]))

    def as_json(self) -> dict[str, list[float]]:
        """A list for every attribute of the points."""
        return {one.name: self.values(one.name).tolist() for one in fields(Point)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Curve":
        """Inverse of :meth:`as_json`."""
        rows = zip(*(values[one.name] for one in fields(Point)), strict=True)
        return cls(tuple(Point(*row) for row in rows))


def accuracies_at_equal_likelihood(
    curve: Curve, reference: Curve, *, measure: Likelihood = "nll_scaled"
) -> tuple[float, float, float]:
    """Compare two curves as frontiers between accuracy and likelihood.

    Both are read by :meth:`Curve.accuracy_at` at the lowest negative log-likelihood that both reach on the
    test photos, the higher one of their minima. After temperature scaling a classifier that is better
    calibrated without knowing more gains nothing by it; as it is ("nll") it may, since its likelihood turns
    later.

    Args:
        curve: One curve.
        reference: The other.
        measure: "nll_scaled" or "nll".

    Returns:
        Accuracy of ``curve``, that of ``reference``, and the level in nats.
    """
    level = max(float(one.values(measure).min()) for one in (curve, reference))
    return curve.accuracy_at(level, measure), reference.accuracy_at(level, measure), level


@dataclass(frozen=True)
class Run:
    """An arm trained with one seed.

    Attributes:
        arm: Name of the arm.
        seed: Number of the seed.
        curve: Its learning curve.
        energy: Mean squared change, in grey levels squared, that varying or noise made to a training
            photo; 0 for other arms.
        seconds: How long it took.
    """

    arm: str
    seed: int
    curve: Curve
    energy: float = 0.0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "curve": self.curve.as_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Run":
        """Inverse of :meth:`as_json`."""
        return cls(**{**values, "curve": Curve.from_json(values["curve"])})
