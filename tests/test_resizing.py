"""Resizing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gmmaug_plugin.resizing import resize_images

color_stacks = arrays(
    np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=6).map(lambda shape: (*shape, 3))
)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
ways = st.sampled_from(["stretch", "crop"])


@settings(deadline=None)
@given(color_stacks, sizes, ways)
def test_no_value_leaves_the_range_and_channels_are_resized_like_grayscale(
    images: np.ndarray, size: tuple[int, int], way: str
) -> None:
    resized = resize_images(images, size, resize=way)

    assert resized.dtype == np.uint8
    assert resized.shape == (len(images), *size, 3)
    assert np.all(resized.max(axis=(1, 2)) <= images.max(axis=(1, 2)))
    assert np.all(resized.min(axis=(1, 2)) >= images.min(axis=(1, 2)))
    for channel in range(3):
        alone = resize_images(np.ascontiguousarray(images[..., channel]), size, resize=way)
        np.testing.assert_array_equal(resized[..., channel], alone)


@settings(deadline=None)
@given(color_stacks, sizes)
def test_resizing_a_mirrored_image_mirrors_the_result(images: np.ndarray, size: tuple[int, int]) -> None:
    mirrored = resize_images(images[:, ::-1, ::-1], size)

    np.testing.assert_allclose(mirrored[:, ::-1, ::-1].astype(int), resize_images(images, size), atol=1)


def test_shrinking_averages_instead_of_picking() -> None:
    checkered = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[np.newaxis]

    np.testing.assert_allclose(resize_images(checkered, 8), 127.5, atol=1)


def test_cropping_keeps_the_center_and_its_proportions() -> None:
    wide = np.arange(10, dtype=np.uint8)[np.newaxis, np.newaxis].repeat(4, axis=1)

    np.testing.assert_array_equal(resize_images(wide, 4, resize="crop"), wide[:, :, 3:7])
    np.testing.assert_array_equal(
        resize_images(wide.transpose(0, 2, 1), 4, resize="crop"), wide[:, :, 3:7].transpose(0, 2, 1)
    )
    np.testing.assert_array_equal(resize_images(wide, (4, 8), resize="crop"), wide[:, :, 1:9])


def test_images_of_the_right_size_are_returned_without_a_copy() -> None:
    images = np.zeros((3, 5, 5), np.uint8)

    assert resize_images(images, 5) is images


@pytest.mark.parametrize(
    ("images", "size", "way", "error"),
    [
        (np.zeros((4, 4), np.uint8), 4, "stretch", ValueError),
        (np.zeros((1, 0, 4), np.uint8), 4, "stretch", ValueError),
        (np.zeros((1, 4, 4), np.float32), 2, "stretch", TypeError),
        (np.zeros((1, 4, 4), np.uint8), 0, "stretch", ValueError),
        (np.zeros((1, 4, 4), np.uint8), 2.5, "stretch", ValueError),
        (np.zeros((1, 4, 4), np.uint8), (2, 2, 2), "stretch", ValueError),
        (np.zeros((1, 4, 4), np.uint8), 2, "squeeze", ValueError),
    ],
)
def test_other_images_and_sizes_are_refused(
    images: np.ndarray, size: object, way: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="Received: "):
        resize_images(images, size, resize=way)
