"""Arrays of images to grayscale and color."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from gmmaug_plugin.photos import to_color, to_grayscale

shapes = array_shapes(min_dims=3, max_dims=3, max_side=6)
color_stacks = arrays(np.uint8, shapes.map(lambda shape: (*shape, 3)))


@settings(deadline=None)
@given(color_stacks, st.sampled_from([np.float16, np.float32, np.float64]))
def test_color_becomes_the_luma_that_pillow_gives(images: np.ndarray, dtype: type) -> None:
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in images]

    np.testing.assert_array_equal(to_grayscale(images), expected)
    np.testing.assert_array_equal(to_grayscale((images / 255).astype(dtype)), expected)


@settings(deadline=None)
@given(color_stacks)
def test_8_bit_images_are_returned_unchanged_and_gray_gets_three_channels(images: np.ndarray) -> None:
    gray = images[..., 0]

    assert to_color(images) is images
    assert to_grayscale(gray) is gray
    np.testing.assert_array_equal(to_grayscale(gray[..., np.newaxis]), gray)
    np.testing.assert_array_equal(to_grayscale(gray / 255), gray)
    np.testing.assert_array_equal(to_color(images / 255), images)
    for one in (gray, gray[..., np.newaxis], gray / 255):
        np.testing.assert_array_equal(to_color(one), np.stack([gray] * 3, axis=-1))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((4, 4), np.uint8), ValueError, r"shape \(4, 4\)"),
        (np.zeros((1, 4, 4, 4), np.uint8), ValueError, r"shape \(1, 4, 4, 4\)"),
        (np.zeros((1, 0, 4), np.uint8), ValueError, "no side of it zero"),
        (np.zeros((0, 4, 4), np.uint8), ValueError, "no side of it zero"),
        (np.zeros((1, 4, 4), np.uint16), TypeError, r"np\.interp\(.* Received: dtype uint16"),
        (np.zeros((1, 4, 4), bool), TypeError, "dtype bool"),
        (np.full((1, 4, 4), np.nan), ValueError, "finite"),
        (np.full((1, 4, 4), np.inf), ValueError, "finite"),
        (np.full((1, 4, 4), 255.0), ValueError, "divide by 255 or clip. Received: 255 to 255"),
        (np.full((1, 4, 4), -0.1), ValueError, "Received: -0.1 to -0.1"),
    ],
)
def test_other_arrays_are_refused(images: np.ndarray, error: type[Exception], message: str) -> None:
    for convert in (to_grayscale, to_color):
        with pytest.raises(error, match=message):
            convert(images)
