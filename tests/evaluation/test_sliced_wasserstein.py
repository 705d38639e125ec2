import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from gmmaug_plugin.evaluation import sliced_wasserstein as module
from gmmaug_plugin.evaluation.sliced_wasserstein import (
    _cut_patches,
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


def test_levels_are_halved_down_to_sixteen_pixels() -> None:
    sizes = {
        side: [level.shape[1] for level in laplacian_pyramid(noise(1, side, side))] for side in (128, 100)
    }
    assert sizes == {128: [128, 64, 32, 16], 100: [100, 50, 25]}


def test_an_even_image_has_no_detail() -> None:
    for level in laplacian_pyramid(np.full((1, 65, 64), 200, np.uint8))[:-1]:
        np.testing.assert_allclose(level, 0, atol=1e-3)


def test_one_projection_is_the_wasserstein_distance_of_scipy() -> None:
    first, second = noise(6, 16, 16), noise(6, 16, 16, seed=1) // 2
    found = sliced_wasserstein(first, second, n_projections=1, n_patches=240, random_state=3)[0]
    [own] = _cut_patches(first, 40, np.random.default_rng([3, 0]))
    [other] = _cut_patches(second, 40, np.random.default_rng([3, 1]))
    direction = np.random.default_rng([3, 2]).normal(size=(49, 1))
    direction /= np.linalg.norm(direction)
    flat = other.reshape(-1, 49)
    projected = [
        ((one.reshape(-1, 49) - flat.mean(0)) / flat.std(0) @ direction)[:, 0] for one in (own, other)
    ]
    assert found.distance == pytest.approx(1000 * wasserstein_distance(*projected), rel=1e-4)


def test_patches_are_pieces_of_their_own_image() -> None:
    images = np.repeat(np.arange(4, dtype=np.uint8), 400).reshape(4, 20, 20)
    [patches] = _cut_patches(images, 3, np.random.default_rng(0))
    assert patches.shape == (4, 3, 49)
    np.testing.assert_allclose(
        patches, np.broadcast_to(np.arange(4)[:, None, None], patches.shape), atol=1e-4
    )


def test_equal_sets_differ_by_sampling_alone_and_seeds_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_N_PATCHES", 2000)
    images = noise(40, 32, 32)
    measures = measure_sliced_wasserstein(images, images, random_state=1)
    assert [one.name for one in measures] == ["sliced_wasserstein_32", "sliced_wasserstein_16"]
    assert all(one.good for one in measures)
    assert measures == measure_sliced_wasserstein(images, images, random_state=1)
    assert measures != measure_sliced_wasserstein(images, images, random_state=2)


def test_blur_is_far_from_photos_and_the_verdict_says_how_far() -> None:
    images = noise(80, 32, 32)
    photos, others = images[:60], images[60:]
    blurred = (0.5 * others + 64).astype(np.uint8)
    near, far = (measure_sliced_wasserstein(one, photos)[0] for one in (others, blurred))
    assert near.good
    assert far.good is False
    assert f"differs {far.value / far.real:.2g} times as much" in far.verdict


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: \(16, 16\)"):
        sliced_wasserstein(noise(2, 16, 16), noise(2, 32, 32))
    with pytest.raises(TypeError, match="Received: float64"):
        sliced_wasserstein(np.zeros((2, 16, 16)), noise(2, 16, 16))
