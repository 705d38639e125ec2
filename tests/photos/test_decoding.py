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
from reliability.photo_files import (
    COLOR,
    GRAY,
    LAB,
    ORIENTATION,
    UNUSABLE,
    USABLE,
    encoded,
    png,
    scene,
    turned,
)
from tests.photos.written import png_file, tiff

LOSSLESS = {"PNG", "BMP", "PPM", "JPEG2000"}


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def over_white(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return GRAY.convert("RGB")
    if image is LAB:
        return COLOR
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


def test_one_transparent_gray_of_a_few_bits_is_white(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png_file(4, 1, 2, 0, b"\0\x1b", clear=b"\0\2"))  # the grays 0, 1, 2 and 3

    np.testing.assert_array_equal(read_photo(path), [[0, 85, 255, 255]])


@pytest.mark.parametrize("white", [65535, 4095])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_is_read_at_16_bits(tmp_path: Path, channels: int, white: int) -> None:
    ramp = np.rint(np.tile(np.linspace(0, white, 61), (5, 1))).astype(np.uint16)
    clear = np.tile(np.linspace(65535, 8000, 61).astype(np.uint16), (5, 1))
    numbers = np.dstack([ramp] * (1 if channels < 3 else 3) + [clear] * (channels % 2 == 0)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in numbers)
    path = tmp_path / "photo.png"
    path.write_bytes(png_file(61, 5, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows))

    light = ramp / white
    opacity = clear / 65535 if channels % 2 == 0 else 1
    expected = 255 * (light * opacity + 1 - opacity)
    np.testing.assert_allclose(read_photo(path), expected, atol=1)
    np.testing.assert_allclose(read_photo(path, color=True)[..., 1], expected, atol=1)


@pytest.mark.parametrize(("channels", "kind"), [(1, 0), (3, 2)])
def test_one_transparent_number_of_16_bits_is_white(tmp_path: Path, channels: int, kind: int) -> None:
    numbers = np.repeat([[[0], [300], [301], [65535]]], channels, axis=2).astype(">u2")
    path = tmp_path / "photo.png"
    path.write_bytes(png_file(4, 1, 16, kind, b"\0" + numbers.tobytes(), clear=b"\1\x2c" * channels))

    np.testing.assert_array_equal(read_photo(path), [[0, 255, 1, 255]])


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("color", [False, True])
def test_lossless_jpeg_is_read(tmp_path: Path, size: int | None, color: bool) -> None:
    # One scan of differences to the pixel before, of which all are 0 and take one bit.
    table = b"\xff\xc4\0\x14\0\1" + bytes(15) + b"\0"
    frame = b"\xff\xc3\0\x0b\x08" + struct.pack(">HH", 16, 16) + b"\1\1\x11\0"
    scan = b"\xff\xda\0\x08\1\1\0\1\0\0" + bytes(32)
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8" + table + frame + scan + b"\xff\xd9")

    assert np.all(read_photo(path, image_size=size, color=color) == 128)


def test_other_deep_files_are_read_by_their_tags(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 9), (9, 1))
    fits = b"".join(
        f"{line:80}".encode()
        for line in ("SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 9", "NAXIS2  = 9", "END")
    )
    files = {
        "photo.fits": fits.ljust(2880) + (ramp - 32768).astype(">i2").tobytes(),
        "photo.pgm": b"P5 9 9 65535\n" + ramp.astype(">u2").tobytes(),
        "photo.pfm": b"Pf 9 9 -1\n" + (ramp / 65535).astype("<f4").tobytes(),
        "photo.tif": tiff(ramp.astype(np.uint16), 16),
    }
    if not Image.OPEN["PPM"][1](b"Pf"):  # before Pillow 10.3
        del files["photo.pfm"]
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
        try:
            assert differences(read_photo(tmp_path / name), ramp / 257).max() <= 1, name
        except PhotoError as error:
            assert "this Pillow swaps" in str(error)  # noqa: PT017 - as Pillow 10.1 does


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
