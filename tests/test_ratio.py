import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmaug_plugin.ratio import split_batch, synthetic_beside

ratios = st.floats(0, 0.99)


@given(st.integers(1, 512), ratios)
def test_a_batch_is_split_exactly_or_refused(batch_size: int, ratio: float) -> None:
    if round(ratio * batch_size) >= batch_size:
        with pytest.raises(ValueError, match="must keep a real image"):
            split_batch(batch_size, ratio)
        return
    n_real, n_synthetic = split_batch(batch_size, ratio)
    assert (n_real + n_synthetic, n_synthetic) == (batch_size, round(ratio * batch_size))


@given(st.integers(1, 512), ratios)
def test_synthetic_images_are_the_ratio_of_the_whole_batch(n_real: int, ratio: float) -> None:
    n_synthetic = synthetic_beside(n_real, ratio)
    assert abs(n_synthetic - ratio * (n_real + n_synthetic)) <= 0.5 + 1e-6
    assert synthetic_beside(n_real, 0.0) == 0


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan"), "0.5", None])
def test_bad_ratios_are_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"ratio must be in \[0, 1\)"):
        split_batch(32, ratio)


def test_a_batch_has_an_image() -> None:
    with pytest.raises(ValueError, match="batch_size must be"):
        split_batch(0, 0.5)
