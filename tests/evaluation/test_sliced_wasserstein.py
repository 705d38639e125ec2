import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from gmmaug_plugin.evaluation import sliced_wasserstein as module
from gmmaug_plugin.evaluation.sliced_wasserstein import (
    expand,
    laplacian_pyramid,
    measure_sliced_wasserstein,
    sliced_wasserstein,
)


def noise(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_the_levels_of_any_size_add_up_to_the_image(height: int, width: int) -> None:
    images = noise(2, height, width)
    levels = laplacian_pyramid(images)
    built = levels[-1]
    for level in reversed(levels[:-1]):
        built = level + expand(built, level.shape[1:])
    np.testing.assert_allclose(built, images, atol=1e-3)
    assert min(levels[-1].shape[1:]) >= min(16, height, width)


def test_images_of_one_patch_have_the_wasserstein_distance_of_scipy() -> None:
    first, second = noise(40, 7, 7), noise(40, 7, 7, seed=1) // 2
    found = sliced_wasserstein(first, second, n_projections=1, n_patches=40)
    direction = np.random.default_rng([0, 2]).normal(size=49)
    own, other = (one.reshape(-1, 49).astype(float) for one in (first, second))
    projected = [(one - other.mean(axis=0)) / other.std(axis=0) @ direction for one in (own, other)]
    expected = 1000 * wasserstein_distance(*projected) / np.linalg.norm(direction)
    assert found == [pytest.approx(expected, rel=1e-4)]


def test_only_the_level_that_differs_is_far() -> None:
    """A chequerboard of single pixels changes only the finest level."""
    images, others = (noise(40, 64, 64, seed=seed) // 4 + 64 for seed in (0, 1))
    checks = 40 * (np.indices((64, 64)).sum(axis=0) % 2).astype(np.uint8)
    near, far = (sliced_wasserstein(one, others, n_patches=4000) for one in (images, images + checks - 20))
    assert far[0] > 5 * near[0]
    assert far[2] < 2 * near[2]


def test_equal_sets_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_N_PATCHES", 2000)
    images = noise(40, 33, 33)
    measures = measure_sliced_wasserstein(images, images)
    assert [one.name for one in measures] == ["sliced_wasserstein_33", "sliced_wasserstein_17"]
    assert all(one.good for one in measures)
    assert measures == measure_sliced_wasserstein(images, images)


def test_fog_is_far_from_photos_and_the_verdict_says_how_far() -> None:
    images = noise(80, 32, 32)
    photos, others = images[:60], images[60:]
    foggy = (0.5 * others + 64).astype(np.uint8)
    near, far = (measure_sliced_wasserstein(one, photos)[0] for one in (others, foggy))
    assert near.good
    assert far.good is False
    assert f"{far.value / far.real:.2g} times as different" in far.verdict


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: \(16, 16\)"):
        sliced_wasserstein(noise(2, 16, 16), noise(2, 32, 32))
    with pytest.raises(TypeError, match="Received: float64"):
        sliced_wasserstein(np.zeros((2, 16, 16)), noise(2, 16, 16))
