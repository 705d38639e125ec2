"""Probabilities of deviations are uniform under the law, whatever the probabilities, and small beside it."""

import numpy as np
import pytest
from scipy import stats

from tests.statistics.alarms import ALPHA
from tests.statistics.p_values import of_draws

N = 20_000
"""Enough that counts are nearly continuous; uniform they could else not be."""


def rows(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Probabilities (N, K) of several kinds, no two rows quite alike."""
    if kind == "all alike":
        return np.tile([0.2, 0.3, 0.5], (N, 1))
    if kind == "some rare":
        return np.tile([0.5, 0.49, 0.006, 0.004], (N, 1))
    if kind == "never":
        return np.tile([0.6, 0.4, 0.0], (N, 1))
    if kind == "two worlds":  # a draw is of the first two or of the last two, and never by chance
        left = np.arange(N)[:, None] % 2 == 0
        return np.where(left, [0.3, 0.7, 0.0, 0.0], [0.0, 0.0, 0.6, 0.4])
    return rng.dirichlet(np.full(4, 0.3), N)


def draw(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random((N, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("kind", ["all alike", "some rare", "never", "two worlds", "random"])
def test_draws_of_their_law_have_uniform_probabilities(kind: str) -> None:
    """False alarm: ALPHA each."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        probabilities = rows(kind, rng)
        found.append(of_draws(draw(probabilities, rng), probabilities))
    assert stats.kstest(np.array(found, float), "uniform").pvalue > ALPHA


@pytest.mark.parametrize("kind", ["all alike", "some rare", "two worlds"])
def test_draws_of_another_law_are_noticed(kind: str) -> None:
    rng = np.random.default_rng(0)
    probabilities = rows(kind, rng)
    other = probabilities.copy()
    other[:, 0] *= 2
    p = of_draws(draw(other / other.sum(axis=1, keepdims=True), rng), probabilities)
    assert p is not None
    assert p < ALPHA


def test_what_cannot_be_drawn_and_what_is_no_chance() -> None:
    certain = np.tile([0.0, 1.0], (N, 1))
    assert of_draws(np.ones(N, int), certain) is None
    drawn = np.ones(N, int)
    drawn[7] = 0
    assert of_draws(drawn, certain) == 0.0
