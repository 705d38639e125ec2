"""Spaces, and the nearest photo in them under the eight symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from gmmaug_plugin.evaluation.nearest import N_SYMMETRIES, SPACES, PhotoBank, Space, to_space, turned


def noise(n: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_distances_in_contrast_are_the_correlation() -> None:
    first, second = to_space(noise(2, 20), "contrast")

    correlation = np.corrcoef(*noise(2, 20).reshape(2, -1))[0, 1]
    np.testing.assert_allclose(np.sum((first - second) ** 2), 2 - 2 * correlation, rtol=1e-5)


@pytest.mark.parametrize("size", [33, 64, 128])
def test_high_pass_is_the_difference_to_scipys_blur(size: int) -> None:
    image = noise(1, size)
    rest = image[0] - gaussian_filter(image[0].astype(float), max(1, size / 32))
    rest -= rest.mean()

    np.testing.assert_allclose(to_space(image, "high_pass")[0], rest / np.linalg.norm(rest), atol=1e-6)


@pytest.mark.parametrize("space", ["contrast", "high_pass"])
def test_brightness_and_contrast_vanish_and_flat_images_are_like_nothing_else(space: Space) -> None:
    image = noise(1, 32) // 4
    np.testing.assert_allclose(to_space(image * 3 + 40, space), to_space(image, space), atol=1e-5)
    flat = np.stack([np.full((32, 32), level, np.uint8) for level in (0, 77, 255)])
    speck = flat[1:2].copy()
    speck[0, 3, 4] += 1

    nothing, something = to_space(flat, space), to_space(np.concatenate([speck, noise(3, 32)]), space)

    assert np.all(nothing == nothing[0])
    away = np.linalg.norm(nothing[0] - something, axis=(1, 2))
    np.testing.assert_allclose(away, 2**0.5, rtol=1e-5)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("symmetry", range(N_SYMMETRIES))
def test_turned_images_become_turned_points(space: Space, symmetry: int) -> None:
    images = noise(2, 33)
    points = to_space(np.ascontiguousarray(turned(images, symmetry)), space)
    np.testing.assert_allclose(points, turned(to_space(images, space), symmetry), atol=1e-6)


@given(size=st.integers(1, 14), seed=st.integers(0, 2**32 - 1), flat=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_nearest_is_the_nearest_of_all_turned_photos(size: int, seed: int, flat: bool) -> None:
    images, photos = noise(5, size, seed), noise(7, size, seed + 1)
    if flat:
        images[0], photos[3] = 9, 200
    found = PhotoBank(photos).nearest(images)
    for space in SPACES:
        copies = [to_space(np.ascontiguousarray(turned(photos, one)), space) for one in range(N_SYMMETRIES)]
        gaps = to_space(images, space)[:, None, None] - np.stack(copies, axis=1)
        away = np.linalg.norm(gaps.reshape(5, 7, N_SYMMETRIES, -1), axis=-1)
        indices, symmetries, distances = found[space]
        np.testing.assert_allclose(distances, away.min(axis=(1, 2)), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(away[np.arange(5), indices, symmetries], distances, rtol=1e-3, atol=1e-5)


def test_more_photos_than_one_product_takes_are_all_compared() -> None:
    photos = noise(600, 6)

    found = PhotoBank(photos).nearest(turned(photos, 3)[::-1], ("contrast",))["contrast"]

    assert found.indices.tolist() == list(range(600))[::-1]
    assert np.all(found.distances < 1e-5)


def test_photos_left_out_are_passed_over() -> None:
    photos = noise(4, 8)
    groups = np.array([0, 0, 1, 1])

    found = PhotoBank(photos).nearest(photos, leave_out=groups[:, None] == groups)["raw"]

    assert np.all(groups[found.indices] != groups)
    assert np.all(found.distances > 0)


def test_an_unknown_space_is_refused() -> None:
    with pytest.raises(ValueError, match="space must be one of"):
        to_space(noise(2, 4), "pixels")  # type: ignore[arg-type]
