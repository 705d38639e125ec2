import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.layout import ImageLayout, guess_white, pool_images
from gmmaug_plugin.pool import Pool
from tests.factories import random_pool


@pytest.mark.parametrize("channels", [None, 1, 3, 7])
@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_a_gray_pool_is_repeated_into_any_number_of_channels(channels: int | None, size: tuple) -> None:
    pool = random_pool()
    images = pool_images(pool, size, channels)
    assert images.dtype == np.uint8
    assert images.shape == (40, *size) if channels is None else (40, *size, channels)
    plain = pool_images(pool, size, None)
    for one in range(channels or 0):
        np.testing.assert_array_equal(images[..., one], plain)
    assert np.abs(plain.mean(axis=(1, 2)) - pool.images.mean(axis=(1, 2))).max() < 3
    assert (size != (16, 16)) or plain is pool.images


def test_a_pool_in_color_stays_so_or_becomes_pillows_brightness() -> None:
    pool = random_pool(channels=3)
    np.testing.assert_array_equal(pool_images(pool, (16, 16), 3), pool.images)
    gray = pool_images(pool, (16, 16), None)
    for image, one in zip(pool.images, gray, strict=True):
        np.testing.assert_array_equal(one, np.asarray(Image.fromarray(image).convert("L")))
    np.testing.assert_array_equal(pool_images(pool, (16, 16), 1)[..., 0], gray)
    smaller = pool_images(pool, (8, 12), 3)
    for one in range(3):
        plane = Pool(np.ascontiguousarray(pool.images[..., one]))
        np.testing.assert_array_equal(smaller[..., one], pool_images(plane, (8, 12), None))
    for channels in (2, 4):
        with pytest.raises(ValueError, match=f"color.*Received: {channels} channels"):
            pool_images(pool, (16, 16), channels)


@given(
    st.sampled_from([(3, 12, 10), (3, 12, 10, 1), (3, 12, 10, 3), (3, 12, 10, 5)]),
    st.sampled_from(["uint8", "float16", "float32", "float64"]),
    st.sampled_from([1.0, 255.0]),
)
def test_a_pool_is_brought_to_the_layout_given(shape: tuple, dtype: str, white: float) -> None:
    images = np.random.default_rng(0).uniform(0, 255 if dtype == "uint8" else white, shape).astype(dtype)
    layout = ImageLayout.of(images, value_range=None if dtype == "uint8" else white)
    pixels = pool_images(random_pool(), layout.size, layout.channels)
    made = layout.encode(pixels)
    assert (made.shape[1:], made.dtype) == (images.shape[1:], images.dtype)
    np.testing.assert_allclose(made.astype(float) * 255 / layout.value_range, pixels, atol=0.13)
    assert ImageLayout.of(made, value_range=layout.value_range) == layout


@pytest.mark.parametrize(
    "shape", [(4,), (4, 4), (2, 4, 4, 3, 1), (2, 0, 4), (2, 4, 0), (2, 4, 4, 0), (2, 3, 32, 32), ()]
)
def test_other_shapes_are_refused(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"\(n, h, w, channels\).*Received: shape"):
        ImageLayout.of(np.zeros(shape, np.uint8))


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError, match=r"uint8 or float\. Received: dtype int64"):
        ImageLayout.of(np.zeros((2, 4, 4), np.int64))
    for bad in (2.0, -0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"finite and in \[0, 1\] \(pass value_range=255.0"):
            ImageLayout.of(np.full((2, 4, 4), bad))
    with pytest.raises(ValueError, match=r"in \[0, 255\]\. Received"):
        ImageLayout.of(np.full((2, 4, 4), 256.0), value_range=255.0)


@pytest.mark.parametrize("value_range", [0.0, -1.0, 100.0])
def test_other_whites_are_refused(value_range: float) -> None:
    with pytest.raises(ValueError, match=r"value_range must be 1\.0, 255\.0 or None\. Received"):
        ImageLayout.of(np.zeros((2, 4, 4)), value_range=value_range)


def test_white_is_told_by_values() -> None:
    assert guess_white(np.zeros((1, 2, 2), np.uint8)) == guess_white(np.full((1, 2, 2), 2.5)) == 255.0
    assert guess_white(np.full((1, 2, 2), 1.9)) == guess_white(np.zeros((0, 2, 2))) == 1.0
