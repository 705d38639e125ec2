"""The Haar pyramid: nothing is lost, and how much it shrinks volumes."""

import numpy as np
import pytest

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.pyramid import (
    IMAGE_SIZES,
    detail_sizes,
    join,
    log_volume,
    n_levels,
    split,
)
from gmmaug_plugin.models.multiscale.tones import to_tones

ENGINE = NumpyEngine()


def photos(size: int, n: int = 3) -> np.ndarray:
    """Tones of noise of the whole range, black and white among it."""
    grey = np.random.default_rng(size).choice([0, 3, 128, 200, 255], (n, size, size))
    return to_tones(ENGINE, grey.astype(np.uint8))


def take_apart(images: np.ndarray, levels: int) -> tuple[np.ndarray, list[np.ndarray]]:
    details = []
    for _ in range(levels):
        images, found = split(images)
        details.append(np.stack(found))
    return images, details


@pytest.mark.parametrize("size", [2, 8, 32, 128])
def test_an_image_comes_back_bit_for_bit(size: int) -> None:
    images = photos(size)
    coarse, details = split(images)
    assert coarse.shape == details[0].shape == (3, size // 2, size // 2)
    assert coarse.dtype == np.float32
    np.testing.assert_array_equal(join(ENGINE, coarse, np.stack(details)), images)


@pytest.mark.parametrize(("size", "error"), [(32, 0.0), (64, 0.0), (512, 1e-4)])
def test_a_whole_pyramid_gives_the_image_back(size: int, error: float) -> None:
    """Bit for bit as long as 24 bits hold a mean; of larger images it is rounded."""
    images = photos(size)
    coarse, details = take_apart(images, n_levels(size))
    assert coarse.shape == (3, 8, 8)
    for found in reversed(details):
        coarse = join(ENGINE, coarse, found)
    assert np.abs(coarse - images).max() <= error


def test_details_are_differences_along_rows_along_columns_and_across() -> None:
    def details_of(image: list[list[float]]) -> list[float]:
        coarse, found = split(np.array([image], np.float32))
        return [float(one[0, 0, 0]) for one in (coarse, *found)]

    assert details_of([[8, 8], [8, 8]]) == [8, 0, 0, 0]
    assert details_of([[8, 0], [8, 0]]) == [4, 4, 0, 0]
    assert details_of([[8, 8], [0, 0]]) == [4, 0, 4, 0]
    assert details_of([[8, 0], [0, 8]]) == [4, 0, 0, 4]


def linear_map(size: int, levels: int) -> np.ndarray:
    """The pyramid as a matrix: what it makes of each pixel alone."""
    pixels = np.eye(size * size).reshape(-1, size, size)
    coarse, details = take_apart(pixels, levels)
    parts = [coarse.reshape(len(pixels), -1)]
    parts += [np.moveaxis(one, 1, 0).reshape(len(pixels), -1) for one in details]
    return np.concatenate(parts, axis=1)


def test_one_step_halves_lengths_and_keeps_right_angles() -> None:
    found = linear_map(4, 1)
    np.testing.assert_allclose(found @ found.T, np.eye(16) / 4, atol=1e-15)


def test_the_volume_told_is_that_of_the_linear_map() -> None:
    sign, log_determinant = np.linalg.slogdet(linear_map(32, n_levels(32)))
    assert abs(sign) == 1
    assert log_volume(32) == pytest.approx(-log_determinant, rel=1e-12)


def test_levels_halve_the_image_down_to_the_base() -> None:
    for size in IMAGE_SIZES:
        sizes = detail_sizes(size)
        assert sizes == tuple(8 * 2**level for level in range(n_levels(size)))
        assert sizes[-1] == size // 2


@pytest.mark.parametrize("size", [0, 8, 16, 28, 48, 100, 1024])
def test_other_sizes_are_refused_with_those_there_are(size: int) -> None:
    with pytest.raises(
        ValueError, match=rf"one of \[32, 64, 128, 256, 512\].*pad them.*Received: image_size={size}$"
    ):
        n_levels(size)
