"""The answer in a sentence."""

import math

from gmmaug_plugin.evaluation.usefulness.arms import STACK, Arm
from gmmaug_plugin.evaluation.usefulness.comparing import Comparison, Difference, Verdict
from gmmaug_plugin.evaluation.usefulness.curves import WHENS, When

_FEWEST_SEEDS = 2
_READ = {"end": "read at the end", "early_stop": "read at its early stop"}


def judge(comparison: Comparison) -> Verdict:
    """Say whether what the model makes helps on top of the standard stack.

    - Yes: an arm, read at its end or at its early stop, beats both the stack and its own white noise, each
      read at the end and at the early stop, by two standard errors, and by more where seeds are few: see
      :meth:`Comparison.beats`. So neither stopping early, nor one scalar, nor noise of equal energy gives
      the same.
    - No: none does, and none would by one standard error either.
    - Not settled: otherwise; with fewer than two seeds; where the stack's held-back loss had not turned
      well before the end in every seed; or where no such arm was trained.
    """
    candidates = comparison.candidates
    if not candidates:
        return Verdict(None, "Not settled: nothing that the model makes was tried on top of the stack.")
    best, when = _most_accurate(comparison, candidates)
    found = f'"{best.name}" changed the standard stack\'s {_changes(comparison, best, when)}'
    doubt = _doubt(comparison, candidates)
    if doubt:
        return Verdict(None, f"Not settled: {doubt}. So far {found}.", best, when)
    for sure in (True, False):
        passing = [(arm, at) for arm in candidates for at in WHENS if comparison.passes(arm, at, sure=sure)]
        if passing:
            best, when = min(
                passing, key=lambda one: comparison.difference(one[0].name, STACK, "nll_scaled", one[1]).mean
            )
            tell = _yes if sure else _perhaps
            return Verdict(sure or None, tell(comparison, best, when), best, when)
    sentence = (
        f"No: nothing that the model makes helped on top of the standard stack. The best of it: {found}. "
        f"Use the stack without it."
    )
    return Verdict(False, sentence, best, when)


def signed(difference: Difference, factor: float = 1.0) -> str:
    """A difference with its sign and standard error: three decimals, or one of what counts in percent.

    Without a pair of arms it is empty; a single pair has no standard error.

    Example:
        >>> signed(Difference(0.009, 0.004, 3), 100)
        '+0.9 ± 0.4'
    """
    if difference.n == 0:
        return ""
    digits = 1 if factor > 1 else 3
    mean = f"{factor * difference.mean:+.{digits}f}"
    if math.isnan(difference.standard_error):
        return mean
    return f"{mean} ± {factor * difference.standard_error:.{digits}f}"


def _doubt(comparison: Comparison, candidates: list[Arm]) -> str:
    """Why no answer can be given; empty if one can."""
    if min(comparison.difference(arm.name, STACK, "accuracy", "end").n for arm in candidates) < _FEWEST_SEEDS:
        return "one seed gives no standard error"
    curves = comparison.curves[STACK].values()
    late = sum(not curve.turned() for curve in curves)
    if late:
        return (
            f"the standard stack's held-back loss was still falling at the end of {late} of {len(curves)} "
            f"trainings, so more steps are needed"
        )
    return ""


def _most_accurate(comparison: Comparison, candidates: list[Arm]) -> tuple[Arm, When]:
    """The candidate that gains most accuracy at the end, as a stack is mostly used."""
    return max(
        candidates, key=lambda arm: comparison.difference(arm.name, STACK, "accuracy", "end").mean
    ), "end"


def _yes(comparison: Comparison, arm: Arm, when: When) -> str:
    beaten = "the standard stack" + (" and white noise of equal energy" if arm.control else "")
    sentence = (
        f'Yes: "{arm.name}" beats {beaten}, however long these are trained. It changed the stack\'s '
        f"{_changes(comparison, arm, when)}."
    )
    smoothed = [one for one in comparison.arms.values() if one.added == "smoothing"]
    if smoothed and not comparison.beats(arm, smoothed[0].name, when, when, sure=True):
        sentence += " Label smoothing, which needs no model, may do as well: it is not beaten."
    return sentence


def _perhaps(comparison: Comparison, arm: Arm, when: When) -> str:
    return (
        f'Not settled: "{arm.name}" changed the standard stack\'s {_changes(comparison, arm, when)}, a gain '
        f"too small for {comparison.difference(arm.name, STACK, 'accuracy', when).n} seeds to be sure of. "
        f"More would tell."
    )


def _changes(comparison: Comparison, arm: Arm, when: When) -> str:
    points = comparison.difference(arm.name, STACK, "accuracy", when)
    scaled = comparison.difference(arm.name, STACK, "nll_scaled", when)
    frontier = comparison.frontier(arm.name, STACK)
    return (
        f"accuracy by {signed(points, 100)} points and its negative log-likelihood after temperature scaling "
        f"by {signed(scaled)} ({_READ[when]}), and its accuracy at equal likelihood by "
        f"{signed(frontier, 100)} points"
    )
