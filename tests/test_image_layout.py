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
    opaque = reshape_images(color, (16, 16), 4)
    np.testing.assert_array_equal(opaque[..., :3], color)
    assert (opaque[..., 3] == 255).all()
    for channels in (2, 5):
        np.testing.assert_array_equal(reshape_images(color, (16, 16), channels)[..., -1], gray)


@given(
    st.sampled_from(["hw", "hw1", "hw3", "hw5", "3hw", "1hw", "7hw"]),
    st.sampled_from(["uint8", "float16", "float32", "float64"]),
    st.sampled_from([(0, 1), (0, 255), (-1, 1), (-128, 127)]),
)
def test_pool_images_are_converted_to_a_layout(axes: str, dtype: str, value_range: tuple) -> None:
    if dtype == "uint8":
        value_range = (0, 255)
    black, white = value_range
    shape = [3] + [{"h": 12, "w": 10}.get(axis) or int(axis) for axis in axes]
    images = np.linspace(black, white, int(np.prod(shape))).reshape(shape).astype(dtype)
    layout = ImageLayout.of(images, value_range=None if black != -128 else value_range)
    assert (layout.size, layout.value_range) == ((12, 10), value_range)
    assert layout.channels_first == axes.endswith("hw") * (len(axes) > 2)
    pixels = reshape_images(random_pool().images, layout.size, layout.channels)
    made = layout.encode(pixels)
    assert (made.shape[1:], made.dtype) == (images.shape[1:], images.dtype)
    if layout.channels_first:
        made = np.moveaxis(made, 1, -1)
    levels = (made.astype(float) - black) * 255 / (white - black)
    np.testing.assert_allclose(levels, pixels, atol=0.13)


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 4, 4, 3, 1), (2, 0, 4), (2, 4, 0), (2, 4, 4, 0), ()])
def test_other_shapes_are_refused(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"\(n, h, w, channels\).*Received: shape"):
        ImageLayout.of(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        *((0, high, (0, 255)) for high in (128, 200, 255.001)),
        *((0, high, (0, 1)) for high in (0.11, 0.5, 1.00005)),
        *((low, 1, (-1, 1)) for low in (-1.00005, -0.95)),
        # Black images, binary ones, overshoots, standardized values, other scales, no numbers.
        *((0, high, None) for high in (0, 0.05, 1, 1.9, 16, 256, 65535, np.inf)),
        *(
            (low, high, None)
            for low, high in ((-0.1, 0.9), (-0.6, 0.6), (-2.1, 2.6), (-25, 306), (np.nan, np.nan))
        ),
    ],
)
def test_value_ranges_are_guessed_where_values_allow_only_one(low: float, high: float, found: tuple | None):
    images = np.array([low, high, (low + high) / 2 if high > 1.01 or high % 1 or low else 0], np.float32)
    images = images.reshape(3, 1, 1)
    if found is not None:
        assert ImageLayout.of(images).value_range == found
        return
    with pytest.raises(
        ValueError, match=r"pass value_range=\(0, 255\), .* Received: value_range=None, batch 3"
    ):
        ImageLayout.of(images, where="batch 3")


@pytest.mark.parametrize(("stated", "value_range"), [((0, 1), (0, 1)), (1.0, (0, 1)), ([-1, 1], (-1, 1))])
def test_a_stated_value_range_is_checked(stated: object, value_range: tuple) -> None:
    black, white = value_range
    assert ImageLayout.of(np.full((2, 4, 4), float(white)), value_range=stated).value_range == value_range
    for value in (black - 0.001, white + 0.001, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"finite and in the .*Clip.*Received: values in .* in batch 7"):
            ImageLayout.of(np.full((2, 4, 4), value), value_range=stated, where="batch 7")


def test_other_dtypes_and_ranges_are_refused() -> None:
    with pytest.raises(TypeError, match=r"uint8, float16, .*Received: dtype int64"):
        ImageLayout.of(np.zeros((2, 4, 4), np.int64))
    for value_range in (0.0, -1.0, (1, 0), (0, np.inf), (0, 1, 2), "white", (0, "a")):
        with pytest.raises(ValueError, match=r"values of black and white.*Received: value_range="):
            ImageLayout.of(np.zeros((2, 4, 4)), value_range=value_range)
    with pytest.raises(ValueError, match=r"uint8 .*\(0, 255\).*Received: value_range=\(0, 1\)"):
        ImageLayout.of(np.zeros((2, 4, 4), np.uint8), value_range=(0, 1))
