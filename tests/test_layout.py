import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.layout import ImageLayout

SHAPES = [(12, 10), (12, 10, 1), (12, 10, 3), (3, 12, 10), (3, 12, 10, 1), (3, 12, 10, 3)]


@given(
    st.sampled_from(SHAPES), st.sampled_from(["uint8", "float32", "float64"]), st.sampled_from([1.0, 255.0])
)
def test_grey_images_come_back_in_the_layout_given(shape: tuple, dtype: str, white: float) -> None:
    rng = np.random.default_rng(0)
    images = (rng.uniform(0, 255 if dtype == "uint8" else white, shape)).astype(dtype)
    value_range = None if dtype == "uint8" else white
    layout = ImageLayout.of(images, value_range=value_range)
    grey = layout.to_grey(images, 12)
    assert grey.shape == (3 if shape[0] == 3 else 1, 12, 12)
    assert 0 <= grey.min() <= grey.max() <= 255.001
    back = layout.from_grey(grey)
    assert (back.shape, back.dtype) == (images.shape, images.dtype)
    assert back.flags.c_contiguous


def test_brightness_is_pillows_luma() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (1, 20, 20, 3)).astype(np.uint8)
    grey = ImageLayout.of(colours).to_grey(colours, 20)[0]
    assert np.abs(grey - np.asarray(Image.fromarray(colours[0]).convert("L"))).max() <= 1.0


def test_a_difference_is_added_to_every_channel_rounded_and_clipped() -> None:
    images = np.zeros((1, 2, 2, 3), np.uint8)
    images[..., 1] = 254
    changed = ImageLayout.of(images).add_grey(images, np.full((1, 2, 2), 1.5, np.float32))
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(changed[0, 0, 0], [2, 255, 2])
    unit = np.full((1, 2, 2), 0.5, np.float32)
    lighter = ImageLayout.of(unit).add_grey(unit, np.full((1, 2, 2), 51.0, np.float32))
    np.testing.assert_allclose(lighter, 0.7, atol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4, 2), (2, 4, 4, 3, 1), (2, 0, 4), (2, 4, 0), (0, 4), ()])
def test_other_shapes_are_refused(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"Images must be \(h, w\).*Received: shape"):
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
