import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from gmmaug_plugin.evaluation import sliced_wasserstein as module
from gmmaug_plugin.evaluation.sliced_wasserstein import (
    cut_patches,
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
    [own] = cut_patches(first, 40, np.random.default_rng([3, 0]))
    [other] = cut_patches(second, 40, np.random.default_rng([3, 1]))
    direction = np.random.default_rng([3, 2]).normal(size=(49, 1))
    direction /= np.linalg.norm(direction)
    flat = other.reshape(-1, 49)
    projected = [
        ((one.reshape(-1, 49) - flat.mean(0)) / flat.std(0) @ direction)[:, 0] for one in (own, other)
    ]
    assert found.distance == pytest.approx(1000 * wasserstein_distance(*projected), rel=1e-4)


def test_patches_are_pieces_of_their_own_image() -> None:
    images = np.repeat(np.arange(4, dtype=np.uint8), 400).reshape(4, 20, 20)
    [patches] = cut_patches(images, 3, np.random.default_rng(0))
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


def test_contrast_and_evenness_tell_in_which_way_images_differ() -> None:
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 1, (20, 32, 32))
    # About the energy of the full grain, gathered in one quarter of the image.
    gathered = np.where(np.arange(32)[:, None] < 8, 2 * rng.normal(0, 1, (20, 32, 32)), 0)
    reference, half, patchy = (
        np.clip(128 + 20 * one, 0, 255).astype(np.uint8) for one in (grain, grain / 2, gathered)
    )
    weaker = sliced_wasserstein(half, reference, n_patches=2000)[0]
    uneven = sliced_wasserstein(patchy, reference, n_patches=2000)[0]
    assert weaker.contrast == pytest.approx(0.5, rel=0.05)
    assert weaker.evenness == pytest.approx(1.0, rel=0.1)
    assert uneven.evenness < 0.1


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: \(16, 16\)"):
        sliced_wasserstein(noise(2, 16, 16), noise(2, 32, 32))
    with pytest.raises(ValueError, match="Received: float64"):
        sliced_wasserstein(np.zeros((2, 16, 16)), noise(2, 16, 16))
