"""Arms, their trainings, and how good a classifier's probabilities are."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gmmaug_plugin.checks import whole_number

When = Literal["end", "early_stop"]
WHENS: tuple[When, ...] = ("end", "early_stop")

STACK = "photos"
POOL_ALONE = "pool alone"

_TEMPERATURES = (0.02, 50.0)
_AT_REST = 0.02
"""Nats: the held-back loss is at rest where the last third of the steps gains no more."""

Logits = NDArray[np.float64]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Arm:
    """One way to feed the classifier; all images go through the standard stack.

    Attributes:
        name: Unique, for people too.
        ratio: Share of every batch that comes from the pool: 0 for photos alone, 1 for the pool alone.
    """

    name: str
    ratio: float


def make_arms(ratios: Sequence[float]) -> tuple[Arm, ...]:
    """Photos alone, photos beside the pool at each ratio, and the pool alone.

    Raises:
        ValueError: A ratio is not in (0, 1), or twice the same.

    Example:
        >>> [arm.name for arm in make_arms([0.25])]
        ['photos', 'photos + 25% pool', 'pool alone']
    """
    if len(set(ratios)) < len(ratios) or not all(0 < ratio < 1 for ratio in ratios):
        raise ValueError(f"ratios must be above 0 and below 1, and no two equal. Received: {list(ratios)}")
    beside = (Arm(f"{STACK} + {100 * ratio:.3g}% pool", float(ratio)) for ratio in ratios)
    return Arm(STACK, 0.0), *beside, Arm(POOL_ALONE, 1.0)


@dataclass(frozen=True)
class Point:
    """A classifier at one moment of its training; figures of test photos unless named otherwise.

    Attributes:
        step: Training steps done.
        accuracy: Share of test photos whose class is right, 0..1.
        nll: Negative log-likelihood, nats per photo.
        nll_scaled: The same with logits divided by ``temperature``.
        temperature: The scalar by which the validation photos' logits are best divided.
        validation_nll: Negative log-likelihood of the validation photos.
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
        points: The learning curve, in order of the steps.
        seconds: How long it took.
    """

    arm: str
    seed: int
    points: tuple[Point, ...]
    seconds: float = 0.0

    def read(self, when: When) -> Point:
        """The last point, or the one with the lowest negative log-likelihood of the validation photos."""
        return self.points[-1] if when == "end" else min(self.points, key=lambda one: one.validation_nll)

    def turned(self) -> bool:
        """Whether the last third of the steps lowered the validation loss by no more than 0.02 nats."""
        early = [one.validation_nll for one in self.points if one.step <= 2 / 3 * self.points[-1].step]
        return min(early, default=np.inf) <= min(one.validation_nll for one in self.points) + _AT_REST

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Run":
        """Inverse of :meth:`as_json`."""
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})


def measure(step: int, validation: tuple[Logits, Labels], test: tuple[Logits, Labels]) -> Point:
    """Measure a classifier by its logits (n, n_classes) on the validation and test photos."""
    temperature = fit_temperature(*validation)
    logits, labels = test
    return Point(
        step=step,
        accuracy=float((logits.argmax(axis=1) == labels).mean()),
        nll=negative_log_likelihood(logits, labels),
        nll_scaled=negative_log_likelihood(logits / temperature, labels),
        temperature=temperature,
        validation_nll=negative_log_likelihood(*validation),
    )


def negative_log_likelihood(logits: Logits, labels: Labels) -> float:
    """Mean negative log-probability of the true class, in nats; logits float64 (n, n_classes)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The scalar by which logits are best divided, in 0.02..50.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    section 4.2: it minimises the negative log-likelihood of held-back photos and changes no decision.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits / np.exp(log_temperature), labels)

    # Convex in the inverse temperature, so with a single valley in its logarithm as well.
    found = minimize_scalar(
        loss, bounds=tuple(np.log(_TEMPERATURES)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))


def default_steps(n_photos: int) -> int:
    """Training steps for so many training photos: 3500 (n / 250)^0.389, but at least 500.

    On five kinds of flowers at 64 x 64 the held-back loss of the standard stack turns well before.

    Example:
        >>> default_steps(250), default_steps(1000)
        (3500, 6002)
    """
    whole_number("n_photos", n_photos, 1)
    return max(500, round(3500 * math.pow(n_photos / 250, 0.389)))
