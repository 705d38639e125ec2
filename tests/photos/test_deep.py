"""Photos of more than 8 bits: one scale for a whole set, and the ranges that it is chosen from."""

import numpy as np
import pytest

from gmmaug_plugin.photos import PhotoError
from gmmaug_plugin.photos.deep import Kind, choose_scales, deep_photo
from gmmaug_plugin.resizing import resize_images

BITS16 = Kind("16 bits", 65535)
RAMP = np.tile(np.linspace(0, 1, 65), (20, 1))


def photo(numbers: np.ndarray, kind: Kind = BITS16, **options: object):
    return deep_photo(numbers, kind, color=False, **options)


@pytest.mark.parametrize("numbers", [RAMP * 65535, RAMP * 40000, RAMP * 12000 + 30000, np.full((4, 4), 900)])
def test_the_range_of_the_type_is_kept_where_it_is_used(numbers: np.ndarray) -> None:
    scales, notes = choose_scales([photo(numbers.astype(np.uint16))])

    assert (scales, notes) == ({BITS16: (0, 65535)}, ())
    expected = np.rint(numbers.astype(np.uint16) / 257)
    np.testing.assert_array_equal(photo(numbers.astype(np.uint16)).levels(scales), expected)


def test_a_sliver_is_stretched_by_one_scale_for_all_and_said() -> None:
    dark, light = photo(RAMP * 1000), photo(RAMP * 2000 + 2095)

    scales, notes = choose_scales([dark, light])

    assert notes == (
        "2 photos of 16 bits hold values from 0 to 4095: "
        "stretched to the full range of gray, one scale for all. Scale the photos that you train with alike.",
    )
    np.testing.assert_allclose(dark.levels(scales), RAMP * 255 * 1000 / 4095, atol=0.51)
    np.testing.assert_allclose(light.levels(scales), (RAMP * 2000 + 2095) * 255 / 4095, atol=0.51)
    assert dark.levels({}).max() == 255  # alone


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (Kind("signed 16 bits", 32767), -1024, 3071),
        (Kind("16 bits", 65535), 0, 16383),
        (Kind("16 bits", 65535), 31744, 35839),
        (Kind("floats", 1), 0, 255),
        (Kind("floats", 1), 0, 0.02),
        (Kind("12 bits", 4095), 0, 255),
    ],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_signs_offsets_and_numbers_beyond_the_type_are_stretched(
    kind: Kind, low: float, high: float, inverted: bool
) -> None:
    one = photo(low + RAMP * (high - low), kind._replace(inverted=inverted))

    scales, (note,) = choose_scales([one])

    assert note.startswith(f"1 photo of {kind.name} holds values from {low} to {high}: stretched")
    expected = 255 * (1 - RAMP if inverted else RAMP)
    np.testing.assert_allclose(one.levels(scales), expected, atol=0.51)


def test_kinds_have_scales_of_their_own() -> None:
    narrow = Kind("12 bits", 4095)
    scales, notes = choose_scales([photo(RAMP * 4095), photo(RAMP * 4095, narrow)])

    assert scales == {BITS16: (0, 4095), narrow: (0, 4095)}
    assert len(notes) == 1
    assert choose_scales([]) == ({}, ())


def test_dead_pixels_and_lines_do_not_set_the_scale() -> None:
    numbers = np.random.default_rng(0).integers(200, 4000, (40, 60)).astype(np.uint16)
    numbers[[3, 30], [5, 40]] = 65535
    numbers[:, 17] = 65535

    scales, _ = choose_scales([photo(numbers)])

    assert 150 <= scales[BITS16].low <= 600
    assert 3000 <= scales[BITS16].high <= 4000
    drawing = np.zeros((9, 9), np.uint16)
    drawing[4] = 65535
    assert choose_scales([photo(drawing)]) == ({BITS16: (0, 65535)}, ())


def test_transparent_pixels_are_white_and_do_not_set_the_scale() -> None:
    alpha = np.ones(RAMP.shape)
    alpha[:, :10] = 0
    numbers = np.where(alpha, RAMP * 4095, 65535)

    one = photo(numbers, alpha=alpha)

    assert one.used == (numbers[0, 10], 4095)
    np.testing.assert_array_equal(one.levels({})[:, :10], 255)
    assert photo(numbers, alpha=alpha * 0).levels({}).min() == 255
    assert one.resized(16, "stretch").levels({}).shape == (16, 16)


def test_numbers_that_are_not_finite_are_refused() -> None:
    for number in (np.nan, np.inf, 1e300):
        with pytest.raises(PhotoError, match="not finite"):
            photo(np.array([[0.5, number]]))


@pytest.mark.parametrize("resize", ["stretch", "crop"])
@pytest.mark.parametrize("size", [7, 20, 90])
@pytest.mark.parametrize("color", [False, True])
def test_deep_photos_are_resized_as_others_are(resize: str, size: int, color: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 65, 3) if color else (20, 65)).astype(np.uint8)

    one = deep_photo(pixels.astype(np.uint16) * 257, BITS16, color=color).resized(size, resize)

    expected = resize_images(pixels[None], size, resize=resize)[0]
    np.testing.assert_allclose(one.levels({BITS16: (0, 65535)}), expected, atol=1)
