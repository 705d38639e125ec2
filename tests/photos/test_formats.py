"""Formats that are opened, and reasons that tell formats, variants and damage apart."""

import struct
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageFile

from gmmaug_plugin.photos import PhotoError, read_photo
from gmmaug_plugin.photos.formats import jpeg_frame, openers
from reliability.photo_files import COLOR, USABLE, encoded

JPEG = encoded(COLOR, "JPEG")
FRAME = JPEG.index(b"\xff\xc0")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def refused(path: Path, contents: bytes) -> str:
    path.write_bytes(contents)
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    return str(caught.value.__cause__)


def with_frame(at: int, value: int) -> bytes:
    """A JPEG whose frame header has another byte."""
    return JPEG[: FRAME + at] + bytes([value]) + JPEG[FRAME + at + 1 :]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"\xff\x0a" + bytes(30), "JXL, which needs a plugin: pip install pillow-jxl-plugin"),
        (bytes(128) + b"DICM" + bytes(99), "DICOM, a format that is not read"),
        (b"\0\0\0\x18ftypisom" + bytes(99), "video, a format that is not read"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5, a format that is not read"),
        (with_frame(4, 12), "a JPEG of 12 bits, which Pillow cannot read"),
        (with_frame(1, 0xC7), "a hierarchical JPEG, which Pillow cannot read"),
        (with_frame(1, 0xF7), "a JPEG-LS, which Pillow cannot read"),
        (
            encoded(COLOR, "BMP")[:30] + b"\5" + encoded(COLOR, "BMP")[31:],
            "BMP of a variant (Unsupported BMP compression (5)), which Pillow cannot read",
        ),
        (
            struct.pack(">8I", 0x59A66A95, 9, 9, 5, 81, 1, 0, 0) + bytes(81),
            "SUN of a variant (Unsupported Mode/Bit Depth), which Pillow cannot read",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(99), "a PNG for iOS only, which Pillow cannot read"),
    ],
)
def test_formats_and_variants_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: bytes, reason: str
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.delitem(Image.OPEN, "JXL", raising=False)
    name = "photo.bmp" if contents[:2] == b"BM" else "photo.jpg"
    assert refused(tmp_path / name, contents) == reason


@pytest.mark.parametrize("name", [row[0] for row in USABLE])
def test_a_file_cut_short_is_read_or_called_broken(tmp_path: Path, name: str) -> None:
    image, file_format, options = next(row[1:] for row in USABLE if row[0] == name)
    whole = encoded(image, file_format, **options)
    for share in (0.02, 0.3, 0.9):
        path = tmp_path / name
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            read_photo(path)
        except PhotoError as error:
            reason = str(error.__cause__)
            assert reason.startswith(("broken image", "empty file", "not an image"))


def test_plugins_that_are_registered_later_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.new"
    assert refused(path, b"NEWFORM" + JPEG) == "not an image"

    def opened(file: BytesIO, _: str) -> ImageFile.ImageFile:
        return Image.open(BytesIO(file.read()[7:]))

    monkeypatch.setitem(Image.OPEN, "NEW", (opened, lambda prefix: prefix.startswith(b"NEWFORM")))
    assert read_photo(path).shape == (18, 24)
    monkeypatch.delitem(Image.OPEN, "PNG")
    assert refused(path, encoded(COLOR, "PNG")) == "not an image"


def test_no_program_is_started_and_a_suffix_alone_opens_no_text() -> None:
    for suffix in (".eps", ".ps", ".wmf", ".h5"):
        assert not {"EPS", "WMF", "HDF5", "GRIB", "BUFR", "MPEG"} & {*openers(b"text", suffix)}
    assert "TGA" in openers(b"\0\0\2" + bytes(20), ".TGA")
    assert "TGA" not in openers(b"\0\0\2" + bytes(20), ".jpg")
    assert "TGA" not in openers(b"text", ".tga")


# --- HEIF -------------------------------------------------------------------------------------------------


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed


@pytest.mark.usefixtures("without_heif")
@pytest.mark.parametrize("name", ["photo.heic", "phone.jpg"])
def test_heif_is_recognized_by_content_and_the_line_to_install_is_said(tmp_path: Path, name: str) -> None:
    reason = 'HEIF, which needs a plugin: pip install "gmmaug-plugin[heif]"'
    assert refused(tmp_path / name, HEIC) == reason


@pytest.mark.usefixtures("without_heif")
def test_an_installed_plugin_is_loaded_and_its_failure_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("libheif.so: cannot open")

    plugin = ModuleType("pillow_heif")
    plugin.register_heif_opener = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    assert refused(tmp_path / "a.heic", HEIC) == "HEIF, and pillow_heif fails: libheif.so: cannot open"

    def register() -> None:
        Image.register_open("HEIF", lambda *_: Image.open(BytesIO(JPEG)), lambda start: start[4:8] == b"ftyp")

    plugin.register_heif_opener = register  # type: ignore[attr-defined]
    (tmp_path / "a.heic").write_bytes(HEIC)
    try:
        assert read_photo(tmp_path / "a.heic").shape == (18, 24)
    finally:
        Image.ID.remove("HEIF")
        del Image.OPEN["HEIF"]


def test_heif_photos_are_read_with_the_real_plugin(tmp_path: Path) -> None:
    plugin = pytest.importorskip("pillow_heif")
    image = COLOR.resize((96, 72))
    heif = plugin.from_pillow(image)
    heif.save(tmp_path / "phone.jpg", quality=95)

    photo = read_photo(tmp_path / "phone.jpg", color=True)

    assert abs(photo.astype(int) - image).mean() < 4


def test_old_builds_of_pillow_say_what_they_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    avif = b"\0\0\0\x1cftypavif\0\0\0\0mif1avif"
    assert refused(tmp_path / "a.avif", avif).startswith('AVIF, which needs a newer Pillow: pip install "pil')

    monkeypatch.setitem(Image.OPEN, "WEBP", (Image.OPEN["WEBP"][0], lambda _: "WEBP support not installed"))
    webp = encoded(COLOR, "WEBP")
    assert refused(tmp_path / "a.webp", webp) == "WEBP, which this build of Pillow cannot read"


def test_the_frame_of_a_jpeg_is_found() -> None:
    assert jpeg_frame(JPEG) == (0xC0, 8, 3)
    assert jpeg_frame(encoded(COLOR.convert("L"), "JPEG", progressive=True)) == (0xC2, 8, 1)
    assert jpeg_frame(with_frame(4, 200)) is jpeg_frame(b"text") is jpeg_frame(JPEG[:20]) is None
