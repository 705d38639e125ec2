"""What is left out where time is short."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gmmaug_plugin.evaluation.usefulness.arms import Arm

FEWEST_SEEDS = 2
FEWEST_ARMS = 4
"""Nothing, the stack, the first variation on top of it, and its white noise."""
FEWEST_STEPS = 33


_SLACK = 1.15
"""Images are made for most arms, which the arm that was timed did without."""


@dataclass(frozen=True)
class Speed:
    """How fast the machine is.

    Attributes:
        seconds_per_seed: To fit a model.
        seconds_per_step: To train one arm for a step, measuring included.
    """

    seconds_per_seed: float
    seconds_per_step: float

    def seconds(self, n_arms: int, n_seeds: int, steps: int) -> float:
        """How long so much takes."""
        return n_seeds * (self.seconds_per_seed + _SLACK * n_arms * steps * self.seconds_per_step)


@dataclass(frozen=True)
class Plan:
    """What is going to be done.

    Attributes:
        arms: The arms, in order.
        n_seeds: Number of seeds.
        steps: Training steps of every arm.
        reductions: What was left out of the wishes, a sentence each.
    """

    arms: tuple[Arm, ...]
    n_seeds: int
    steps: int
    reductions: tuple[str, ...] = ()


def default_steps(n_photos: int) -> int:
    """Training steps for so many training photos: 3500 for 250, 6000 for 1000.

    3500 (n / 250)^0.389, but at least 500. On five kinds of flowers at 64 x 64 the held-back loss of
    the standard stack turns well before.

    Example:
        >>> default_steps(250), default_steps(1000)
        (3500, 6002)
    """
    return max(500, round(3500 * math.pow(n_photos / 250, 0.389)))


def make_plan(arms: Sequence[Arm], n_seeds: int, steps: int, *, speed: Speed, seconds: float) -> Plan:
    """Reduce the wishes until they fit into the time.

    In this order: seeds down to two; arms from the last one on, down to nothing, stack, the first variation
    and its noise; the second seed; and at the very last steps. Each reduction is told.

    Args:
        arms: Wanted arms in order of importance.
        n_seeds: Wanted number of seeds.
        steps: Wanted steps of every arm.
        speed: Of this machine.
        seconds: Time left.
    """
    kept, seeds = list(arms), n_seeds

    def too_long() -> bool:
        return speed.seconds(len(kept), seeds, steps) > seconds

    while seeds > FEWEST_SEEDS and too_long():
        seeds -= 1
    while len(kept) > FEWEST_ARMS and too_long():
        _drop_last(kept)
    if too_long():
        seeds = 1
    steps_kept = steps
    if too_long():
        left = max(0.0, seconds - speed.seconds(0, seeds, 0))
        steps_kept = min(steps, max(FEWEST_STEPS, int(left / speed.seconds(len(kept), seeds, 1))))
    told = []
    if seeds < n_seeds:
        told.append(f"{seeds} of {n_seeds} seeds")
    if len(kept) < len(arms):
        told.append("without " + "; ".join(arm.name for arm in arms[len(kept) :]))
    if steps_kept < steps:
        told.append(f"{steps_kept} of {steps} steps, which may end before the stack's held-back loss turns")
    return Plan(tuple(kept), seeds, steps_kept, tuple(f"To keep the budget: {what}." for what in told))


def _drop_last(arms: list[Arm]) -> None:
    """Drop the last arm, and a variation that is left without its white noise with it."""
    arms.pop()
    if arms[-1].control not in ("", *(arm.name for arm in arms)):
        arms.pop()
