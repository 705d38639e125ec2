import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gmmaug_plugin.models.noise import NoiseStream


@given(
    st.integers(0, 2**32),
    st.integers(0, 100),
    st.integers(0, 60),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([1, 3, 16]),
)
def test_a_row_does_not_depend_on_how_the_stream_is_cut(
    seed: int, start: int, n: int, width: int, uniforms: int, block: int
) -> None:
    kind = {"width": width, "uniforms": uniforms, "block": block}
    whole = NoiseStream(seed).draw(start=0, n=start + n, **kind)
    part = NoiseStream(seed).draw(start=start, n=n, **kind)
    assert [one.shape for one in part] == [(n, uniforms), (n, width)]
    for of_whole, of_part in zip(whole, part, strict=True):
        np.testing.assert_array_equal(of_whole[start:], of_part)


def test_seeds_differ_and_none_is_fresh() -> None:
    seeds = [0, 1, [0, 1], [1, 0], None, None]
    draws = {NoiseStream(seed).draw(start=0, n=1, width=4)[1].tobytes() for seed in seeds}
    assert len(draws) == len(seeds)


def test_the_numbers_of_a_seed_stay() -> None:
    """Images of a seed are promised to stay: these are the numbers of the first release."""
    uniform, normal = NoiseStream(3).draw(start=40, n=2, width=3)
    np.testing.assert_array_equal(uniform[:, 0], [0.9386279288662922, 0.23261996123702344])
    expected = [[0.34707966, 1.5511541, 0.9236697], [-1.6048801, 0.017273377, -0.73645186]]
    np.testing.assert_array_equal(normal, np.array(expected, np.float32))


def test_rows_are_standard_normal_and_uniform() -> None:
    """Kolmogorov-Smirnov at a false-alarm rate of 1e-4 each, with a fixed seed."""
    uniform, normal = NoiseStream(7).draw(start=0, n=4000, width=5, uniforms=2)
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-4
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(normal[:-1, 0], normal[1:, 0])[0, 1]) < 4 / np.sqrt(4000)
