"""What is decoded: every mode, depth and orientation as the gray levels of the scene."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.photos import PhotoError, read_photo, resize_images
from gmmaug_plugin.photos.files import decode_file
from tests.photos.pictures import gray, saved, scene

ORIENTATION = 0x0112


@pytest.mark.parametrize(
    ("mode", "suffix", "tolerance"),
    [
        ("RGB", "png", 0),
        ("RGB", "jpg", 6),
        ("RGB", "webp", 6),
        ("RGB", "bmp", 0),
        ("RGB", "tif", 0),
        ("RGB", "jp2", 6),
        ("L", "png", 0),
        ("L", "jpg", 4),
        ("L", "pgm", 0),
        ("P", "png", 0),
        ("P", "gif", 0),
        ("CMYK", "jpg", 8),
        ("CMYK", "tif", 2),
        ("1", "png", 0),
    ],
)
def test_every_mode_gives_the_luma_or_the_colors_of_the_scene(
    tmp_path: Path, mode: str, suffix: str, tolerance: int
) -> None:
    image = scene().convert(mode)
    expected = gray(image) if mode in "1P" else gray(scene())

    path = saved(image, tmp_path / f"photo.{suffix}")
    photo = read_photo(path)

    assert photo.dtype == np.uint8
    np.testing.assert_allclose(photo.astype(int), expected.astype(int), atol=tolerance)
    colors = read_photo(path, color=True).astype(int)
    np.testing.assert_allclose(colors, np.asarray(image.convert("RGB")).astype(int), atol=6 * tolerance)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparency_is_laid_over_white(tmp_path: Path, mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (3, 1))
        image.putpalette([0, 0, 0, 0, 0, 0, 90, 90, 90])
        image.putdata([0, 1, 2])
        path = saved(image, tmp_path / "photo.png", transparency=bytes([0, 128, 255]))
    else:
        pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 128], [90, 90, 90, 255]]], np.uint8)
        path = saved(Image.fromarray(pixels).convert(mode), tmp_path / "photo.png")

    np.testing.assert_allclose(read_photo(path), [[255, 127, 90]], atol=1)
    np.testing.assert_allclose(read_photo(path, color=True), [[[255] * 3, [127] * 3, [90] * 3]], atol=1)


def test_one_transparent_color_is_laid_over_white(tmp_path: Path) -> None:
    path = saved(scene(1, 2), tmp_path / "photo.png", transparency=scene(1, 2).getpixel((0, 0)))

    assert read_photo(path)[0, 0] == 255


def test_16_bit_photos_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)

    for suffix in ("png", "tif"):
        photo = read_photo(saved(Image.fromarray(values), tmp_path / f"photo.{suffix}"))
        np.testing.assert_array_equal(photo, np.rint(values / 257))


def test_floats_and_wide_integers_must_lie_in_a_known_range(tmp_path: Path) -> None:
    unit = np.array([[0, 0.5, 1]], np.float32)

    np.testing.assert_array_equal(
        read_photo(saved(Image.fromarray(unit), tmp_path / "unit.tif")), [[0, 128, 255]]
    )
    for name, beyond in {"bright": unit * 2, "nan": unit * np.nan}.items():
        with pytest.raises(PhotoError, match="floats beyond the range"):
            read_photo(saved(Image.fromarray(beyond), tmp_path / f"{name}.tif"))
    with pytest.raises(PhotoError, match="beyond 16 bits: 0 to 70000"):
        read_photo(saved(Image.fromarray(np.array([[0, 70000]], np.int32)), tmp_path / "wide.tif"))


def test_an_animation_gives_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), level) for level in (10, 200, 90)]

    for suffix in ("gif", "png", "webp"):
        path = tmp_path / f"photo.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(read_photo(path), 10, atol=2)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_camera_orientation_is_set_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.asarray(scene())
    across = upright.transpose(1, 0, 2)
    # How the sensor sees the scene for each value of the EXIF tag: where its row 0 and column 0 lie.
    seen = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: across,
        6: across[::-1],
        7: across[::-1, ::-1],
        8: across[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(Image.fromarray(np.ascontiguousarray(seen)), tmp_path / f"photo.{suffix}", exif=exif)

    photo, colors = read_photo(path), read_photo(path, color=True)

    np.testing.assert_allclose(photo.astype(int), gray(scene()).astype(int), atol=8)
    assert np.abs(colors.astype(int) - np.asarray(scene())).mean() < 8


def test_damaged_exif_costs_neither_the_photo_nor_a_warning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 1
    exif[0x010F] = "a camera maker with a long name"
    damaged = saved(scene(), tmp_path / "photo.jpg", exif=exif.tobytes()[:-20])

    with pytest.warns(UserWarning, match="Truncated"), Image.open(damaged) as image:
        image.getexif()
    np.testing.assert_allclose(read_photo(damaged).astype(int), gray(scene()).astype(int), atol=8)


def test_a_photo_is_set_upright_though_its_exif_cannot_be_written_again(tmp_path: Path) -> None:
    # The camera model, a text by the standard, is a float here: Pillow reads that but fails to write it.
    entries = struct.pack("<HHIHH", ORIENTATION, 3, 1, 3, 0) + struct.pack("<HHIf", 0x0110, 11, 1, 0.5)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    turned = scene().transpose(Image.Transpose.ROTATE_180)

    photo = read_photo(saved(turned, tmp_path / "photo.jpg", exif=exif))

    np.testing.assert_allclose(photo.astype(int), gray(scene()).astype(int), atol=8)


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("resize", ["stretch", "crop"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_decoded_small_looks_as_decoded_in_full(
    tmp_path: Path, resize: str, orientation: int, color: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (600, 800, 1))
    image = Image.fromarray((np.asarray(scene(600, 800)) * 0.75 + noise).astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(image, tmp_path / "photo.jpg", exif=exif)

    small = read_photo(path, image_size=32, resize=resize, color=color)
    full = resize_images(read_photo(path, color=color)[np.newaxis], 32, resize=resize)[0]

    assert min(decode_file(path, at_least=32)[0].shape) < 600  # or nothing is compared here
    assert np.abs(small.astype(int) - full.astype(int)).mean() < 1.5


@given(st.integers(20, 200), st.integers(20, 200), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_a_jpeg_is_never_decoded_below_the_size_asked_for(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, size: int
) -> None:
    path = saved(Image.new("L", (width, height)), tmp_path_factory.getbasetemp() / "any.jpg")

    assert min(decode_file(path, at_least=size)[0].shape) >= min(2 * size, height, width)
