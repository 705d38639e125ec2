import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.evaluation.frechet import frechet_distance, measure_frechet


def diagonal(mean: list[float], deviation: list[float]) -> np.ndarray:
    """Points (2 d, d) with exactly that mean and diagonal covariance (divided by n - 1)."""
    d = len(mean)
    corners = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt((2 * d - 1) / 2)
    return np.array(mean) + corners * np.array(deviation)


def test_diagonal_gaussians_have_the_closed_form() -> None:
    first, second = diagonal([0, 1, 2], [1, 2, 3]), diagonal([4, 1, 0], [3, 2, 0.5])
    expected = (16 + 0 + 4) + ((1 - 3) ** 2 + 0 + (3 - 0.5) ** 2)
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_more_features_than_images_are_no_trouble() -> None:
    """Rank-deficient covariances in a rotated space: the distance is that of the occupied subspace."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 3)), rng.normal(size=(6, 3)) + 1
    rotation = np.linalg.qr(rng.normal(size=(50, 50)))[0][:3]
    wide = frechet_distance(first @ rotation, second @ rotation)
    assert wide == pytest.approx(frechet_distance(first, second), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 6))
def test_it_is_a_distance(seed: int, n: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(n, d)), 3 * rng.normal(size=(n + 1, d))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), abs=1e-6)
    assert frechet_distance(first, first + 2.0) == pytest.approx(4.0 * d, rel=1e-6)


def test_the_measure_judges_beside_real_photos() -> None:
    rng = np.random.default_rng(0)
    near, real, reference = (rng.normal(size=(200, 8)) for _ in range(3))
    assert measure_frechet(near, real, reference).good
    far = measure_frechet(near + 1.0, real, reference)
    assert far.good is False
    assert f"{far.value / far.real:.2g} times as far" in far.verdict


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: shapes \(3, 2\) and \(3, 4\)"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="Received: 1 and 3"):
        frechet_distance(np.zeros((1, 2)), np.zeros((3, 2)))
