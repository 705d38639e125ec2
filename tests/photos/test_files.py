"""Photo files that are refused with their reason, and what reading leaves behind."""

import io
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gmmaug_plugin.photos import PhotoError, load_photos, read_photo
from gmmaug_plugin.photos.bounds import CountedReader
from gmmaug_plugin.photos.files import PhotoFile, read_files
from gmmaug_plugin.photos.muting import muted_pillow
from tests.photos.pictures import png_header, reasons, saved, scene


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


def test_a_picture_that_points_outside_of_its_file_is_broken(tmp_path: Path) -> None:
    """Not "Invalid argument", which is how the system refuses the position, and says nothing to anybody."""
    saved(scene(), tmp_path / "good.jpg")
    path = tmp_path / "far.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + (2**56).to_bytes(8, "little") + bytes(200))

    # The second where the file system allows files that are so long.
    assert reasons(tmp_path)["far.tif"] in ("broken image: a position outside of the file", "not an image")
    with path.open("rb", buffering=0) as raw, CountedReader(raw) as stream:
        with pytest.raises(OSError, match="outside of the file"):
            stream.seek(-1)
        assert stream.seek(3) == 3


def test_the_pixel_limit_reads_the_header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmmaug_plugin.photos.files.MAX_PIXELS", 48 * 72)
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


@pytest.mark.parametrize("error", [KeyboardInterrupt, PhotoError])
def test_an_interrupt_or_a_strict_stop_leaves_the_remaining_files_unread(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [PhotoFile(Path(str(index)), str(index)) for index in range(1000)]
    started = []

    def read(path: Path, **_: object) -> tuple[np.ndarray, str]:
        started.append(path)
        if path.name == "0":
            raise error("broken")
        time.sleep(0.01)
        return np.zeros((2, 2), np.uint8), ""

    monkeypatch.setattr("gmmaug_plugin.photos.files.read_file", read)
    with pytest.raises(error):
        read_files(files, 2, strict=True)

    assert len(started) < len(files) // 2
