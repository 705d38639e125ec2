import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin import pictures
from gmmaug_plugin.photos import load_photos
from gmmaug_plugin.pictures import grid, save_png, write_class_folders

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (5, 8, 8), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
LABELS = np.array([1, 0, 1, 1, 0], np.int32)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (6, 3), (24, 6), (32, 8), (50, 10)])
def test_grids_are_wider_than_high_and_full_where_they_can_be(n: int, columns: int) -> None:
    images = np.arange(n * 16).astype(np.uint8).reshape(n, 4, 4)
    sheet = grid(images)
    assert sheet.shape == (-(-n // columns) * 6 + 2, columns * 6 + 2)
    for index in range(n):
        row, column = divmod(index, columns)
        top, left = 2 + 6 * row, 2 + 6 * column
        np.testing.assert_array_equal(sheet[top : top + 4, left : left + 4], images[index])


def test_empty_places_and_gaps_are_white() -> None:
    sheet = grid(np.zeros((5, 4, 4), np.uint8), columns=3)
    assert (sheet[8:12, 14:18] == 255).all()
    assert (sheet[:2] == 255).all()


def test_color_images_are_laid_out_and_written_in_color(tmp_path: Path) -> None:
    sheet = grid(COLOR, columns=3)
    save_png(sheet, tmp_path / "grid.png")

    np.testing.assert_array_equal(sheet[2:10, 12:20], COLOR[1])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "grid.png")), sheet)


@pytest.mark.parametrize("images", [GRAY, COLOR])
@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
def test_a_folder_per_class_is_read_back_as_it_was(
    tmp_path: Path, images: np.ndarray, file_format: str
) -> None:
    write_class_folders(images, LABELS, ("daisy", "rose"), tmp_path / "a" / "out", file_format)

    back = load_photos(tmp_path / "a" / "out", image_size=8, color=images.ndim == 4, strict=True)
    order = np.argsort(LABELS, kind="stable")
    assert back.class_names == ("daisy", "rose")
    assert back.labels.tolist() == [0, 0, 1, 1, 1]
    if file_format == "png":
        np.testing.assert_array_equal(back.images, images[order])
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"]


def test_without_labels_the_files_lie_in_the_folder_itself(tmp_path: Path) -> None:
    write_class_folders(GRAY, None, (), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{i}.png" for i in range(5)]


def test_every_class_name_becomes_a_safe_and_different_folder(tmp_path: Path) -> None:
    names = ("../up", "a/b", "A_b", "con", "Nul.txt", " . ", ".hidden", "x" * 300, "バラ" * 100, "tulip")
    names += ("a:b", "CON", "COM¹.x", "conin$", "nul .txt", "n.", "n", "rose|")
    names += ("ros\u00e9", "rose\u0301")  # one name on macOS
    images, labels = np.repeat(GRAY, 4, axis=0), np.arange(20, dtype=np.int32)

    write_class_folders(images, labels, names, tmp_path / "out")

    folders = [path.name for path in (tmp_path / "out").iterdir()]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in folders}) == 20
    assert {"_CON_2", "_COM¹.x", "_conin$", "_nul .txt", "n", "n_2", "rose_"} <= set(folders)
    assert {"tulip", "_con", "_Nul.txt", "a_b", "A_b_2", "hidden"} <= set(folders)
    assert all(len(name.encode()) <= 110 and not name.startswith(".") for name in folders)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_target_that_holds_something_is_unchanged(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    write_class_folders(GRAY, LABELS, ("a", "b"), target)
    for taken in (target, target / "a" / "0.png"):
        with pytest.raises(FileExistsError, match=r"must be a new or empty folder\. Received: "):
            write_class_folders(GRAY, LABELS, ("c", "d"), taken)
    assert sorted(path.name for path in target.iterdir()) == ["a", "b"]


def test_an_existing_folder_is_filled_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a mounted drive, or the working folder, which Windows does not rename."""
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    write_class_folders(GRAY, LABELS, ("a", "b"), Path())
    assert tmp_path.stat().st_ino == before
    assert sorted(path.name for path in Path().iterdir()) == ["a", "b"]
    assert len(list(Path().glob("*/*.png"))) == 5


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fromarray, written = Image.fromarray, []

    def interrupted(image: np.ndarray) -> Image.Image:
        written.append(image)
        if len(written) == 4:
            raise KeyboardInterrupt
        return fromarray(image)

    monkeypatch.setattr(pictures.Image, "fromarray", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_class_folders(GRAY, LABELS, ("c", "d"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one of \['png', 'jpg', 'webp'\]. Received: 'tif'"):
        write_class_folders(GRAY, None, (), tmp_path / "out", "tif")
