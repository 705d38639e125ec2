"""Photo files to pixels: every format, mode and orientation; and files that are refused, with the reason."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.photos import PhotoError, read_photo
from gmmaug_plugin.resizing import resize_images
from reliability.photo_files import GRAY, ORIENTATION, UNUSABLE, USABLE, encoded, png, scene, turned

LOSSLESS = {"PNG", "BMP", "PPM", "JPEG2000"}


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def over_white(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return GRAY.convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def differences(photo: np.ndarray, expected: np.ndarray | Image.Image) -> np.ndarray:
    return np.abs(photo.astype(int) - np.asarray(expected, int))


@pytest.mark.parametrize("name", [row[0] for row in USABLE])
def test_every_format_and_mode_gives_the_colors_and_the_luma_of_the_picture(
    tmp_path: Path, name: str
) -> None:
    image, file_format, options = next(row[1:] for row in USABLE if row[0] == name)
    path = tmp_path / name
    path.write_bytes(encoded(image, file_format, **options))

    photo, colors = read_photo(path), read_photo(path, color=True)

    assert photo.dtype == np.uint8
    limit = 0.5 if file_format in LOSSLESS else 5
    assert differences(photo, over_white(image).convert("L")).mean() < limit
    assert differences(colors, over_white(image)).mean() < limit


def test_transparent_pixels_are_laid_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 128], [90, 90, 90, 255]]], np.uint8)

    for mode in ("RGBA", "LA"):
        path = saved(tmp_path / "photo.png", Image.fromarray(pixels).convert(mode))
        np.testing.assert_allclose(read_photo(path), [[255, 127, 90]], atol=1)
        np.testing.assert_allclose(read_photo(path, color=True)[..., 1], [[255, 127, 90]], atol=1)
    one_color = saved(tmp_path / "one.png", Image.new("RGB", (1, 1), "red"), transparency=(255, 0, 0))
    assert read_photo(one_color) == 255


def test_16_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)

    for suffix in ("png", "tif"):
        photo = read_photo(saved(tmp_path / f"photo.{suffix}", Image.fromarray(values)))
        np.testing.assert_array_equal(photo, np.rint(values / 257))


def test_floats_and_wide_integers_must_lie_in_a_known_range(tmp_path: Path) -> None:
    unit = np.array([[0, 0.5, 1]], np.float32)

    np.testing.assert_array_equal(
        read_photo(saved(tmp_path / "unit.tif", Image.fromarray(unit))), [[0, 128, 255]]
    )
    for beyond in (unit * 2, -unit, unit * np.nan):
        with pytest.raises(PhotoError, match="floats beyond the range"):
            read_photo(saved(tmp_path / "beyond.tif", Image.fromarray(beyond)))
    with pytest.raises(PhotoError, match="beyond 16 bits: 0 to 70000"):
        read_photo(saved(tmp_path / "wide.tif", Image.fromarray(np.array([[0, 70000]], np.int32))))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_camera_orientation_is_set_upright(tmp_path: Path, orientation: int, file_format: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(turned(orientation, file_format))

    assert differences(read_photo(path), GRAY).max() < 9
    assert differences(read_photo(path, color=True), scene()).mean() < 9


def test_a_photo_is_set_upright_although_its_exif_cannot_be_written_again(tmp_path: Path) -> None:
    # The camera model should be a text. Pillow reads a float there, but fails to write it.
    entries = struct.pack("<HHIHH", ORIENTATION, 3, 1, 3, 0) + struct.pack("<HHIf", 0x0110, 11, 1, 0.5)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    path = saved(tmp_path / "photo.jpg", scene().transpose(Image.Transpose.ROTATE_180), exif=exif)

    assert differences(read_photo(path), GRAY).max() < 9


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_a_large_jpeg_decoded_small_looks_like_one_decoded_in_full(
    tmp_path: Path, resize: str, color: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (600, 800, 1))
    image = Image.fromarray((np.asarray(scene(800, 600)) * 0.75 + noise).astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = saved(tmp_path / "photo.jpg", image, exif=exif)

    for size in (32, 150, 290):
        small = read_photo(path, image_size=size, resize=resize, color=color)
        full = resize_images(read_photo(path, color=color)[np.newaxis], size, resize=resize)[0]
        assert differences(small, full).mean() < 1.5


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    contents, reason = UNUSABLE[name]
    (tmp_path / name).write_bytes(contents)

    with pytest.raises(PhotoError) as caught:
        read_photo(tmp_path / name)
    assert re.search(reason, str(caught.value.__cause__))
    assert str(caught.value).isprintable()


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "ring.jpg").symlink_to("ring.jpg")
    expected = {
        "pipe.jpg": "not a regular file",
        ".": "not a regular file",
        "gone.jpg": "No such file or directory",
        "ring.jpg": "Too many levels of symbolic links",
    }

    for name, reason in expected.items():
        with pytest.raises(PhotoError, match=f"^The photo cannot be read: {reason}. Received: '"):
            read_photo(tmp_path / name)


def test_a_vast_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "vast.webp"
    path.write_bytes(encoded(scene(), "WEBP"))
    os.truncate(path, 2**40)  # sparse

    with pytest.raises(PhotoError, match="more than 1 GB"):
        read_photo(path)


def test_photos_of_many_pixels_are_refused_by_their_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fits.png").write_bytes(png(10_000, 10_000))
    (tmp_path / "above.png").write_bytes(png(10_000, 10_001))
    monkeypatch.setattr(Image.Image, "load", lambda image: (_ for _ in ()).throw(OSError("loaded")))

    with pytest.raises(PhotoError, match="loaded"):
        read_photo(tmp_path / "fits.png", image_size=4)
    with pytest.raises(PhotoError, match="10000 x 10001"):
        read_photo(tmp_path / "above.png", image_size=4)
