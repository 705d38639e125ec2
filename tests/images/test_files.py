"""Photo files: what is found in a folder, what is decoded, and what is refused with which reason."""

import io
import os
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.images import PhotoError, load_photos, read_photo, resize_images
from gmmaug_plugin.images.files import (
    PhotoFile,
    decode_photo,
    muted_pillow,
    printable,
    read_files,
)
from gmmaug_plugin.images.finding import find_files

ORIENTATION = 0x0112


def scene(height: int = 48, width: int = 72) -> Image.Image:
    """A smooth colour picture that no turn or flip maps onto itself."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colours = np.stack([x, y**2, (1 - x) * y], axis=-1)
    return Image.fromarray(np.rint(255 * colours).astype(np.uint8))


def gray(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def png_header(path: Path, width: int, height: int) -> Path:
    """A PNG that promises a size and holds nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")))
    return path


def reasons(folder: Path, **options: object) -> dict[str, str]:
    return {photo.path: photo.reason for photo in load_photos(folder, image_size=8, **options).skipped}


# --- decoding ---------------------------------------------------------------------------------------------


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
def test_every_mode_gives_the_luma_of_the_scene(
    tmp_path: Path, mode: str, suffix: str, tolerance: int
) -> None:
    image = scene().convert(mode)
    expected = gray(image) if mode in "1P" else gray(scene())

    photo = read_photo(saved(image, tmp_path / f"photo.{suffix}"))

    assert photo.dtype == np.uint8
    np.testing.assert_allclose(photo.astype(int), expected.astype(int), atol=tolerance)


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


def test_one_transparent_colour_is_laid_over_white(tmp_path: Path) -> None:
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

    photo = read_photo(path)

    np.testing.assert_allclose(photo.astype(int), gray(scene()).astype(int), atol=8)


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


@pytest.mark.parametrize("resize", ["stretch", "crop"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_decoded_small_looks_as_decoded_in_full(
    tmp_path: Path, resize: str, orientation: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (600, 800, 1))
    image = Image.fromarray((np.asarray(scene(600, 800)) * 0.75 + noise).astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(image, tmp_path / "photo.jpg", exif=exif)

    small = read_photo(path, image_size=32, resize=resize)
    full = resize_images(read_photo(path)[np.newaxis], 32, resize=resize)[0]

    assert min(decode_photo(path, at_least=32).shape) < 600  # or nothing is compared here
    assert np.abs(small.astype(int) - full.astype(int)).mean() < 1.5


@given(st.integers(20, 200), st.integers(20, 200), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_a_jpeg_is_never_decoded_below_the_size_asked_for(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, size: int
) -> None:
    path = saved(Image.new("L", (width, height)), tmp_path_factory.getbasetemp() / "any.jpg")

    assert min(decode_photo(path, at_least=size).shape) >= min(2 * size, height, width)


# --- refusing ---------------------------------------------------------------------------------------------


def test_bad_files_are_skipped_and_named_with_the_reason(tmp_path: Path) -> None:
    good = saved(scene(), tmp_path / "good.jpg")
    saved(scene(), tmp_path / "twin.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:700])
    (tmp_path / "post.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "line\nbreak.jpg").write_text("x")
    os.mkfifo(tmp_path / "pipe.jpg")
    png_header(tmp_path / "large.png", 12_000, 10_000)
    png_header(tmp_path / "vast.png", 30_000, 30_000)
    png_header(tmp_path / "flat.png", 30, 30)

    found = reasons(tmp_path)

    assert set(found) == {
        "empty.jpg", "notes.txt", "cut.jpg", "post.eps", "gone.jpg", "line\\nbreak.jpg",
        "pipe.jpg", "large.png", "vast.png", "flat.png",
    }  # fmt: skip
    assert found["empty.jpg"] == "empty file"
    assert found["notes.txt"] == found["post.eps"] == found["line\\nbreak.jpg"] == "not an image"
    assert "truncated" in found["cut.jpg"]
    assert found["gone.jpg"] == "No such file or directory"
    assert found["pipe.jpg"] == "not a regular file"
    assert found["large.png"] == "more than 100 million pixels: 12000 x 10000 (width x height)"
    assert found["vast.png"] == "more than 100 million pixels"
    assert found["flat.png"].startswith("broken image")


def test_the_pixel_limit_reads_the_header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmmaug_plugin.images.files.MAX_PIXELS", 48 * 72)
    fits = saved(scene(48, 72), tmp_path / "fits.png")
    above = saved(scene(48, 73), tmp_path / "above.jpg")

    assert read_photo(fits).shape == (48, 72)
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    with pytest.raises(PhotoError, match="73 x 48"):
        read_photo(above, image_size=4)


def test_files_that_may_not_be_read_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png", "locked.png"):
        saved(scene(), tmp_path / name)
    unlocked = Path.open

    def guarded(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "locked.png":
            raise PermissionError(13, "Permission denied", str(path))
        return unlocked(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", guarded)

    assert reasons(tmp_path) == {"locked.png": "Permission denied"}


def test_strict_stops_at_the_first_bad_file(tmp_path: Path) -> None:
    for name in ("a.png", "d.png"):
        saved(scene(), tmp_path / name)
    (tmp_path / "b.png").touch()
    (tmp_path / "c.png").write_text("x")

    with pytest.raises(PhotoError, match=r"Received: b\.png \(empty file\)$"):
        load_photos(tmp_path, strict=True)


def test_strict_counts_photos_outside_the_classes(tmp_path: Path) -> None:
    for name in ("rose/a.png", "rose/b.png", "loose.png"):
        saved(scene(), tmp_path / name)

    with pytest.raises(PhotoError, match=r"loose\.png \(beside"):
        load_photos(tmp_path, strict=True)


SEEDS = [("RGB", "JPEG"), ("P", "PNG"), ("RGBA", "WEBP"), ("RGB", "TIFF"), ("P", "GIF"), ("CMYK", "JPEG")]


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_hostile_bytes_give_a_photo_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, seed: tuple[str, str], edits: list[tuple[int, int]], kept: float
) -> None:
    stream = io.BytesIO()
    scene(12, 16).convert(seed[0]).save(stream, seed[1])
    content = bytearray(stream.getvalue())
    for position, value in edits:
        content[position % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(content[: round(len(content) * max(kept, 0.3))])

    try:
        assert read_photo(path, image_size=4).shape == (4, 4)
    except PhotoError as error:
        assert str(error).isprintable()  # noqa: PT017 - an error is allowed here, not required


# --- finding ----------------------------------------------------------------------------------------------


def listed(folder: Path) -> list[tuple[str, int]]:
    return [(file.name, file.label) for file in find_files(folder).files]


def test_class_folders_are_searched_to_the_bottom_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "B/1.png", "a/z.png", "a/deep/er/1.png", "a-b/1.png"):
        saved(scene(2, 2), tmp_path / name)

    assert find_files(tmp_path).class_names == ("B", "a", "a-b", "b")
    assert listed(tmp_path) == [
        ("B/1.png", 0),
        ("a/deep/er/1.png", 1),
        ("a/z.png", 1),
        ("a-b/1.png", 2),
        ("b/10.png", 3),
        ("b/2.png", 3),
    ]


def test_hidden_files_and_clutter_are_passed_over_in_silence(tmp_path: Path) -> None:
    for name in (".cache/x.png", "__MACOSX/._a.png", "rose/.hidden.png", "rose/.git/x.png", "rose/Thumbs.db"):
        saved(scene(2, 2), tmp_path / name, format="png")
    for name in ("desktop.ini", "rose/a.png"):
        saved(scene(2, 2), tmp_path / name, format="png")

    found = find_files(tmp_path)

    assert listed(tmp_path) == [("rose/a.png", 0)]
    assert found.class_names == ("rose",)
    assert found.skipped == ()


def test_a_folder_without_filled_subfolders_is_flat(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        saved(scene(2, 2), tmp_path / name)
    (tmp_path / "later").mkdir()

    photos = load_photos(tmp_path, image_size=2)

    assert [file for file, _ in listed(tmp_path)] == ["a.png", "b.png"]
    assert photos.labels is None
    assert photos.class_names == ()


def test_loose_photos_beside_class_folders_are_skipped(tmp_path: Path) -> None:
    for name in ("rose/a.png", "rose/b.png", "loose.png"):
        saved(scene(2, 2), tmp_path / name)

    assert reasons(tmp_path) == {"loose.png": "beside the class folders, not in one"}


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    saved(scene(2, 2), tmp_path / "rose" / "a.png")
    (tmp_path / "tulip" / "later").mkdir(parents=True)

    with pytest.raises(PhotoError, match="remove or fill: tulip"):
        load_photos(tmp_path, min_photos=1)


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for name in ("rose/a.png", "tulip/b.png"):
        saved(scene(2, 2), root / name)
    elsewhere = saved(scene(2, 2), tmp_path / "elsewhere" / "c.png").parent
    (root / "rose" / "up").symlink_to(root)
    (root / "rose" / "self").symlink_to(root / "rose")
    (root / "rose" / "neighbour").symlink_to(root / "tulip")
    for name in "wvutsra":
        (root / "tulip" / name).symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(elsewhere)

    assert listed(root) == [("rose/a.png", 0), ("tulip/a/c.png", 1), ("tulip/b.png", 1)]


def test_a_link_onto_itself_is_skipped(tmp_path: Path) -> None:
    for name in ("rose/a.png", "rose/b.png"):
        saved(scene(2, 2), tmp_path / name)
    (tmp_path / "rose" / "ring").symlink_to(tmp_path / "rose" / "ring")

    assert list(reasons(tmp_path)) == ["rose/ring"]


def test_an_unreadable_folder_below_a_class_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rose/a.png", "rose/b.png", "rose/locked/c.png"):
        saved(scene(2, 2), tmp_path / name)
    scandir = os.scandir

    def guarded(path: str) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)

    assert reasons(tmp_path) == {"rose/locked": "unreadable folder: Permission denied"}


def test_names_are_made_safe_to_print() -> None:
    assert printable("a\x1b[2J\n\u202e\udcff ü") == "a\\x1b[2J\\n\\u202e\\udcff ü"


# --- side effects -----------------------------------------------------------------------------------------


def test_overlapping_reads_put_the_warning_filters_back() -> None:
    before = list(warnings.filters)
    first, second = muted_pillow(), muted_pillow()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warnings.warn_explicit("large", Image.DecompressionBombWarning, "Image.py", 1, module="PIL.Image")
    with pytest.raises(UserWarning, match="mine"):
        warnings.warn("mine", stacklevel=1)
    second.__exit__(None, None, None)

    assert list(warnings.filters) == before


def test_an_interrupt_leaves_the_remaining_files_unread() -> None:
    files = [PhotoFile(Path(str(index)), str(index)) for index in range(1000)]
    started = []

    def read(path: Path) -> tuple[np.ndarray, str]:
        started.append(path)
        if path.name == "0":
            raise KeyboardInterrupt
        time.sleep(0.01)
        return np.zeros((2, 2), np.uint8), ""

    with pytest.raises(KeyboardInterrupt):
        read_files(files, read, np.empty((1000, 2, 2), np.uint8), strict=False, quiet=True)

    assert len(started) < len(files) // 2
