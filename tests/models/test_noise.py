import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gmmaug_plugin.models.noise import NoiseStream


@given(st.integers(0, 2**32), st.integers(0, 100), st.integers(0, 60), st.integers(1, 5))
def test_a_row_does_not_depend_on_how_the_stream_is_cut(seed: int, start: int, n: int, width: int) -> None:
    whole = NoiseStream(seed).draw(start=0, n=start + n, width=width)
    part = NoiseStream(seed).draw(start=start, n=n, width=width)
    for of_whole, of_part in zip(whole, part, strict=True):
        np.testing.assert_array_equal(of_whole[start:], of_part)


def test_seeds_differ_and_none_is_fresh() -> None:
    seeds = [0, 1, [0, 1], [1, 0], None, None]
    draws = {NoiseStream(seed).draw(start=0, n=1, width=4)[1].tobytes() for seed in seeds}
    assert len(draws) == len(seeds)


def test_rows_are_standard_normal_and_uniform() -> None:
    """Kolmogorov-Smirnov at a false-alarm rate of 1e-4 each, with a fixed seed."""
    uniform, normal = NoiseStream(7).draw(start=0, n=4000, width=5)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(normal[:-1, 0], normal[1:, 0])[0, 1]) < 4 / np.sqrt(4000)
