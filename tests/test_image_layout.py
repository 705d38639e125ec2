import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.image_layout import ImageLayout, reshape_images
from tests.factories import random_pool


@pytest.mark.parametrize("channels", [None, 1, 3, 7])
@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_gray_images_are_repeated_into_any_number_of_channels(channels: int | None, size: tuple) -> None:
    gray = random_pool().images
    images, plain = reshape_images(gray, size, channels), reshape_images(gray, size, None)
    assert images.dtype == np.uint8
    assert images.shape == (40, *size) if channels is None else (40, *size, channels)
    for one in range(channels or 0):
        np.testing.assert_array_equal(images[..., one], plain)
    assert np.abs(plain.mean(axis=(1, 2)) - gray.mean(axis=(1, 2))).max() < 3
    assert size != (16, 16) or plain is gray


def test_color_images_stay_so_or_become_pillows_brightness() -> None:
    color = random_pool(channels=3).images
    np.testing.assert_array_equal(reshape_images(color, (16, 16), 3), color)
    gray = reshape_images(color, (16, 16), None)
    for image, one in zip(color, gray, strict=True):
        np.testing.assert_array_equal(one, np.asarray(Image.fromarray(image).convert("L")))
    np.testing.assert_array_equal(reshape_images(color, (16, 16), 1)[..., 0], gray)
    smaller = reshape_images(color, (8, 12), 3)
    for one in range(3):
        plane = np.ascontiguousarray(color[..., one])
        np.testing.assert_array_equal(smaller[..., one], reshape_images(plane, (8, 12), None))
    for channels in (2, 4):
        with pytest.raises(ValueError, match=f"color.*Received: {channels} channels"):
            reshape_images(color, (16, 16), channels)


@given(
    st.sampled_from([(3, 12, 10), (3, 12, 10, 1), (3, 12, 10, 3), (3, 12, 10, 5)]),
    st.sampled_from(["uint8", "float16", "float32", "float64"]),
    st.sampled_from([1.0, 255.0]),
)
def test_pool_images_are_converted_to_a_layout(shape: tuple, dtype: str, white: float) -> None:
    images = np.random.default_rng(0).uniform(0, 255 if dtype == "uint8" else white, shape).astype(dtype)
    layout = ImageLayout.of(images)
    assert layout.white == (255 if dtype == "uint8" else white)
    pixels = reshape_images(random_pool().images, layout.size, layout.channels)
    made = layout.encode(pixels)
    assert (made.shape[1:], made.dtype) == (images.shape[1:], images.dtype)
    np.testing.assert_allclose(made.astype(float) * 255 / layout.white, pixels, atol=0.13)
    assert ImageLayout.of(made, value_range=layout.white) == layout


@pytest.mark.parametrize(
    "shape", [(4,), (4, 4), (2, 4, 4, 3, 1), (2, 0, 4), (2, 4, 0), (2, 4, 4, 0), (2, 3, 32, 32), ()]
)
def test_other_shapes_are_refused(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"\(n, h, w, channels\).*Received: shape"):
        ImageLayout.of(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("value", "value_range", "white"),
    [(0.0, None, 1), (1.00005, None, 1), (2.5, None, 255), (1.5, 255.0, 255), (1.0, 1.0, 1), (2.5, 1.0, None)]
    + [(value, None, None) for value in (1.9, -0.1, 256.0, np.nan, np.inf)],
)
def test_white_is_guessed_or_stated_and_checked(value: float, value_range: float | None, white: int) -> None:
    images = np.full((2, 4, 4), value, np.float32)
    if white is not None:
        assert ImageLayout.of(images, value_range=value_range).white == white
        return
    with pytest.raises(ValueError, match=r"finite and in \[0, (1|255)\]; value_range .*Received: values in"):
        ImageLayout.of(images, value_range=value_range)


def test_other_dtypes_and_ranges_are_refused() -> None:
    with pytest.raises(TypeError, match=r"uint8, float16, .*Received: dtype int64"):
        ImageLayout.of(np.zeros((2, 4, 4), np.int64))
    for value_range in (0.0, -1.0, 100.0):
        with pytest.raises(ValueError, match=r"value_range must be 1\.0, 255\.0 or None\. Received"):
            ImageLayout.of(np.zeros((2, 4, 4)), value_range=value_range)
