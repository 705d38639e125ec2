"""What is found in a folder of photos."""

import os
from pathlib import Path

import pytest

from gmmaug_plugin.photos import PhotoError, load_photos
from gmmaug_plugin.photos.files import printable
from gmmaug_plugin.photos.finding import find_files
from tests.photos.pictures import reasons, saved, scene


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
