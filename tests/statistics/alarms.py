"""How often a right model fails a test of statistics: one rate for all of them."""

from collections.abc import Mapping

ALPHA = 1e-4
"""False alarms of each test over all seeds: of n tests, n x 1e-4. Seeds are fixed on top of that, so that a
test that passes goes on passing until the code draws other numbers."""

PValues = Mapping[str, float]
"""Probabilities, under the law that is promised, of a deviation like the one seen or worse, by its name."""


def alarms(found: PValues, alpha: float = ALPHA) -> list[str]:
    """Those that are too small for chance at the rate given for all together (Bonferroni's bound)."""
    return [f"{name}: p = {p:.1e}" for name, p in found.items() if not p >= alpha / len(found)]
