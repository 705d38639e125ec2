"""TIFF files of every depth, sign, byte order and color, read by their own tags."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.photos import PhotoError, read_photo
from gmmaug_plugin.photos.tiff import read_deep
from tests.photos.written import tiff

pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")

RAMP = np.tile(np.linspace(0, 1, 61), (9, 1))
KINDS = ["u10", "u12", "u16", "u32", "i8", "i16", "i32", "f16", "f32", "f64"]
FORMATS = {"u": 1, "i": 2, "f": 3}


def numbers(kind: str, shares: np.ndarray) -> np.ndarray:
    """Numbers of a kind that are shares of its white."""
    letter, bits = kind[0], int(kind[1:])
    if letter == "f":
        return shares.astype(f"f{bits // 8}")
    white = float(2 ** (bits - (letter == "i")) - 1)
    whole = np.rint(shares * white)
    return whole.astype(f"{letter}{bits // 8 if bits in (8, 16, 32, 64) else 4}")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_gray_color_and_alpha_of_every_kind_are_read(tmp_path: Path, kind: str, order: str) -> None:
    ramp, clear = numbers(kind, RAMP), numbers(kind, 1 - RAMP)
    light = 255 * RAMP
    over_white = light * (1 - RAMP) + 255 * RAMP
    cases = {
        "gray": (ramp, {}, light),
        "zero is white": (ramp, {"t262": 0}, 255 - light),
        "another sample": (np.dstack([ramp, clear]), {"t338": 0}, light),
        "alpha": (np.dstack([ramp, clear]), {"t338": 2}, over_white),
        "multiplied": (np.dstack([numbers(kind, RAMP * (1 - RAMP)), clear]), {"t338": 1}, over_white),
        "color": (np.dstack([ramp] * 3), {"t262": 2}, light),
        "color and alpha": (np.dstack([ramp] * 3 + [clear]), {"t262": 2, "t338": 2}, over_white),
        "planes": (np.stack([ramp] * 3 + [clear]), {"t262": 2, "t284": 2, "t338": 2}, over_white),
        "turned": (ramp.T[::-1], {"t274": 6}, light),
    }
    for name, (values, tags, expected) in cases.items():
        path = tmp_path / "photo.tif"
        path.write_bytes(tiff(values, int(kind[1:]), order, t339=FORMATS[kind[0]], **tags))
        photo, colors = read_photo(path), read_photo(path, color=True)
        limit = 4.1 if kind == "i8" else 1.01
        assert np.abs(photo - expected).max() <= limit, name
        np.testing.assert_array_equal(colors[..., 1], photo)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize(("dtype", "predictors"), [("u2", (1, 2)), ("i4", (1, 2)), ("f4", (1, 3))])
def test_compressed_numbers_are_those_that_were_saved(
    tmp_path: Path, compression: str, dtype: str, predictors: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).integers(-30000 if dtype != "u2" else 0, 30000, (50, 70)).astype(dtype)

    for predictor in predictors:
        path = tmp_path / "photo.tif"
        Image.fromarray(values).save(path, compression=compression, tiffinfo={317: predictor, 278: 7})
        photo = read_deep(path.read_bytes(), color=False)
        assert photo is not None
        np.testing.assert_array_equal(photo.numbers, values)


def test_files_of_8_bits_and_damaged_ones_are_left_to_pillow(tmp_path: Path) -> None:
    file = tiff(numbers("u16", RAMP), 16)
    for contents in (
        tiff(numbers("u16", RAMP) // 256 % 256, 8)[:-1],
        file[:-40],
        file[:500],
        b"II*\0",
        b"MM",
    ):
        assert read_deep(contents, color=False) is None
    assert read_deep(tiff(np.zeros((2, 2), np.uint8), 8), color=False) is None


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t258": 12, "t339": 2}, "signed 12 bits per sample, color space MINISBLACK, compression NONE"),
        ({"t262": 32845}, "16 bits per sample, color space LOGLUV, compression NONE"),
        ({"t259": 32908}, "16 bits per sample, color space MINISBLACK, compression PIXARFILM"),
    ],
)
def test_what_no_decoder_reads_is_named_and_damage_is_called_damage(
    tmp_path: Path, tags: dict[str, int], words: str
) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(numbers("u16", RAMP), 16, **tags))
    with pytest.raises(PhotoError, match=f"read: a TIFF of {words}.*, which Pillow cannot read"):
        read_photo(path)

    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(PhotoError, match="read: broken image"):
        read_photo(path)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(numbers("u16", RAMP), 16, t256=20_000, t257=20_000, t259=8))
    with pytest.raises(PhotoError, match="more than 100 million pixels: 20000 x 20000"):
        read_photo(path)


@pytest.mark.parametrize(
    ("kind", "zero_is_white"),
    [
        *(("u16", True), ("u16", False), ("u12", False), ("i16", False)),
        *(("u32", False), ("i32", False), ("f32", True), ("f32", False)),
    ],
)
def test_gray_needs_no_tifffile_up_to_32_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, zero_is_white: bool
) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    path = tmp_path / "photo.tif"
    options = {"t339": FORMATS[kind[0]], "t262": int(not zero_is_white)}
    path.write_bytes(tiff(numbers(kind, RAMP), int(kind[1:]), **options))
    assert np.abs(read_photo(path) - 255 * (1 - RAMP if zero_is_white else RAMP)).max() <= 1.01

    path.write_bytes(tiff(numbers("f64", RAMP), 64, t339=3))
    with pytest.raises(PhotoError, match=r'needs: pip install "gmmaug-plugin\[tiff\]"'):
        read_photo(path)


@pytest.mark.parametrize("tags", [{"t257": 99}, {"t256": 0, "t257": 4_000_000_000}, {"t273": 0}], ids=str)
def test_missing_pixels_are_damage(tmp_path: Path, tags: dict[str, int]) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(tiff(numbers("u16", RAMP), 16, **tags))
    with pytest.raises(PhotoError, match="broken image"):
        read_photo(path)
