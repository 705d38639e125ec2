"""Spaces, and the nearest photo in them under the eight symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from gmmaug_plugin.evaluation.nearest import nearest_turned
from gmmaug_plugin.evaluation.spaces import SPACES, to_space
from gmmaug_plugin.models.symmetry import N_SYMMETRIES, symmetric_copies, turned


def noise(n: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_raw_space_is_the_grey_levels() -> None:
    images = noise(3, 5)

    np.testing.assert_array_equal(to_space(images, "raw"), images.reshape(3, -1))


def test_distances_of_contrast_tell_the_correlation() -> None:
    first, second = noise(2, 20)

    points = to_space(np.stack([first, second]), "contrast")

    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    np.testing.assert_allclose(np.sum((points[0] - points[1]) ** 2), 2 - 2 * correlation, rtol=1e-5)


@pytest.mark.parametrize("size", [33, 64, 128])
def test_high_pass_is_what_scipys_blur_takes_away(size: int) -> None:
    image = noise(1, size)
    rest = image[0] - gaussian_filter(image[0].astype(float), max(1, size / 32))
    rest -= rest.mean()

    found = to_space(image, "high_pass")[0]

    np.testing.assert_allclose(found, (rest / np.linalg.norm(rest)).ravel(), atol=1e-6)


@pytest.mark.parametrize("space", ["contrast", "high_pass"])
def test_brightness_and_contrast_vanish(space: str) -> None:
    image = noise(1, 32) // 4

    np.testing.assert_allclose(to_space(image * 3 + 40, space), to_space(image, space), atol=1e-5)


@pytest.mark.parametrize("space", ["contrast", "high_pass"])
def test_images_without_structure_are_like_each_other_and_like_nothing_else(space: str) -> None:
    flat = np.stack([np.full((32, 32), level, np.uint8) for level in (0, 77, 255)])
    speck = flat[1:2].copy()
    speck[0, 3, 4] += 1

    nothing, something = to_space(flat, space), to_space(np.concatenate([speck, noise(3, 32)]), space)

    assert np.all(nothing == nothing[0])
    away = np.linalg.norm(nothing[0] - something, axis=1)
    np.testing.assert_allclose(away, 2**0.5, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(something, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("symmetry", range(N_SYMMETRIES))
def test_turned_images_become_turned_points(space: str, symmetry: int) -> None:
    images = noise(2, 33)

    points = to_space(turned(images, symmetry), space)

    expected = turned(to_space(images, space).reshape(images.shape), symmetry).reshape(2, -1)
    np.testing.assert_allclose(points, expected, atol=1e-6)


def test_turns_are_the_eight_symmetries() -> None:
    images = noise(1, 4)

    found = {turned(images, symmetry).tobytes() for symmetry in range(N_SYMMETRIES)}

    assert found == {copy.tobytes() for copy in symmetric_copies(images, "d4")}
    assert len(found) == 8


@given(size=st.integers(1, 14), seed=st.integers(0, 2**32 - 1), space=st.sampled_from(SPACES))
@settings(max_examples=60, deadline=None)
def test_the_nearest_is_the_nearest_of_all_turned_photos(size: int, seed: int, space: str) -> None:
    images, photos = noise(5, size, seed), noise(7, size, seed + 1)
    copies = [to_space(turned(photos, symmetry), space) for symmetry in range(N_SYMMETRIES)]
    away = np.linalg.norm(to_space(images, space)[:, None, None] - np.stack(copies, axis=1), axis=-1)

    indices, symmetries, distances = nearest_turned(images, photos, space)

    np.testing.assert_allclose(distances, away.min(axis=(1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(away[np.arange(5), indices, symmetries], distances, rtol=1e-3, atol=1e-5)


def test_more_photos_than_one_product_takes_are_all_compared() -> None:
    photos = noise(600, 6)
    images = turned(photos, 3)[::-1]

    indices, _, distances = nearest_turned(np.concatenate([images, images]), photos, "contrast")

    assert indices.tolist() == 2 * list(range(600))[::-1]
    assert np.all(distances < 1e-5)


def test_photos_of_the_own_group_are_passed_over() -> None:
    photos = noise(4, 8)
    groups = np.array([0, 0, 1, 1], np.int32)

    indices, _, distances = nearest_turned(photos, photos, "raw", groups=(groups, groups))

    assert np.all(groups[indices] != groups)
    assert np.all(distances > 0)


@pytest.mark.parametrize(
    ("images", "space", "error"),
    [
        (noise(2, 4), "pixels", ValueError),
        (noise(2, 4)[:, 1:], "raw", ValueError),
        (noise(2, 4)[0], "raw", ValueError),
        (noise(2, 4)[:, :0, :0], "raw", ValueError),
        (noise(2, 4) / 255, "raw", TypeError),
        ([[[1]]], "raw", TypeError),
    ],
)
def test_what_is_no_image_or_no_space_is_refused(
    images: np.ndarray, space: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="Received: "):
        to_space(images, space)
