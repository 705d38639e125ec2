import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmaug_plugin.mixing import check_mode, check_share, split_batch, strength_range, synthetic_beside

ratios = st.floats(0, 0.99)


@given(st.integers(1, 512), ratios)
def test_a_batch_is_split_exactly_or_refused(batch_size: int, ratio: float) -> None:
    if round(ratio * batch_size) >= batch_size:
        with pytest.raises(ValueError, match="must keep a real image"):
            split_batch(batch_size, ratio)
        return
    n_real, n_synthetic = split_batch(batch_size, ratio)
    assert n_real + n_synthetic == batch_size
    assert n_synthetic == round(ratio * batch_size)


@given(st.integers(1, 512), ratios)
def test_what_stands_beside_real_images_is_the_ratio_of_the_whole(n_real: int, ratio: float) -> None:
    n_synthetic = synthetic_beside(n_real, ratio)
    assert abs(n_synthetic - ratio * (n_real + n_synthetic)) <= 0.5 + 1e-6
    assert synthetic_beside(n_real, 0.0) == 0


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan")])
def test_bad_ratios_are_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match=r"ratio must be in \[0, 1\)"):
        split_batch(32, ratio)


def test_bad_batches_and_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be"):
        split_batch(0, 0.5)
    with pytest.raises(ValueError, match="mode must be one of"):
        check_mode("copy")


@given(st.floats(0, 1), st.floats(0, 1))
def test_strengths_are_a_number_or_an_ascending_range(low: float, high: float) -> None:
    assert strength_range(low) == (low, low)
    if low <= high:
        assert strength_range((low, high)) == (low, high)
    else:
        with pytest.raises(ValueError, match=r"ascending order\. Received"):
            strength_range((low, high))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), (0.1, 0.2, 0.3), (0.5, 1.5)])
def test_bad_strengths_are_refused(strength: object) -> None:
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\]"):
        strength_range(strength)


def test_only_variation_may_take_every_image() -> None:
    check_share(1.0, "vary")
    with pytest.raises(ValueError, match="ratio must be"):
        check_share(1.0, "synthesize")
