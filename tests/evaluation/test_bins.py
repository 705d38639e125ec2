import numpy as np
import pytest
from scipy.stats import chi2_contingency

from gmmaug_plugin.evaluation.bins import BinReference, measure_bins, n_bins_for, proportion_z


def test_the_square_of_z_is_the_chi_square_of_the_two_by_two_table() -> None:
    """The pooled two-proportion z-test and Pearson's test without correction are the same test."""
    z = proportion_z(np.array([30, 5]), 100, np.array([20, 60]), 150)
    for value, a, b in zip(z, (30, 5), (20, 60), strict=True):
        expected = chi2_contingency([[a, 100 - a], [b, 150 - b]], correction=False).statistic
        assert value**2 == pytest.approx(expected)
    assert z[0] > 0 > z[1]


def test_empty_and_full_bins_do_not_differ() -> None:
    np.testing.assert_array_equal(proportion_z(np.array([0, 10]), 10, np.array([0, 20]), 20), [0, 0])


def test_few_photos_get_few_bins() -> None:
    assert [n_bins_for(n) for n in (4, 16, 80, 240, 1000)] == [2, 2, 10, 30, 30]


def patterns(counts: list[int], seed: int = 0) -> np.ndarray:
    """Images of as many kinds as there are counts, told apart by one bright row."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 20, (sum(counts), 16, 16)).astype(np.uint8)
    images[np.arange(len(images)), np.repeat(np.arange(len(counts)), counts)] += 200
    return images


def test_missing_and_favoured_kinds_are_counted() -> None:
    reference = BinReference(patterns([20, 20, 20, 20]), n_bins=4)
    found = reference.compare(patterns([20, 20, 40, 0], seed=1))
    assert (found.n_lacking, found.n_overfull, found.n_different) == (1, 1, 2)
    assert reference.compare(patterns([20, 20, 20, 20], seed=2)).n_different == 0


def test_the_verdict_says_what_chance_would_give() -> None:
    whole = patterns([60, 60, 60, 60])
    measure = measure_bins(patterns([120, 120, 0, 0], seed=1), patterns([60] * 4, seed=2), whole)
    assert measure.good is False
    assert measure.real is not None
    assert measure.value > measure.real
    assert "30 kinds of photo" in measure.verdict
    assert "1.5 would by chance alone" in measure.verdict


def test_equal_photos_make_one_bin() -> None:
    assert (
        BinReference(np.zeros((20, 8, 8), np.uint8)).compare(np.zeros((4, 8, 8), np.uint8)).n_different == 0
    )
