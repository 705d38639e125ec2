"""Photo files and classes of a folder."""

import os
from pathlib import Path

import pytest

from gmmaug_plugin.photos import PhotoError, load_photos
from gmmaug_plugin.photos.finding import find_files
from tests.photos.written import reasons, write_photos


def test_class_folders_are_searched_to_the_bottom_in_sorted_order(tmp_path: Path) -> None:
    write_photos(tmp_path, "b/2.png", "b/10.png", "B/1.png", "a/z.png", "a/deep/er/1.png", "a-b/1.png")

    found = find_files(tmp_path)

    assert found.class_names == ("B", "a", "a-b", "b")
    assert found.names == ["B/1.png", "a/deep/er/1.png", "a/z.png", "a-b/1.png", "b/10.png", "b/2.png"]
    assert found.paths == [tmp_path / name for name in found.names]
    assert found.labels.tolist() == [0, 1, 1, 2, 3, 3]


def test_hidden_files_and_clutter_are_passed_over(tmp_path: Path) -> None:
    write_photos(tmp_path, ".cache/x.png", "__MACOSX/._a.png", "desktop.ini", "rose/a.png", "rose/.b.png")
    write_photos(tmp_path / "rose", ".git/x.png", "Thumbs.db", "in/.hidden/x.png")

    found = find_files(tmp_path)

    assert (found.names, found.class_names, found.skipped) == (["rose/a.png"], ("rose",), ())


def test_a_folder_without_filled_sub_folders_is_flat(tmp_path: Path) -> None:
    write_photos(tmp_path, "b.png", "a.png")
    (tmp_path / "later").mkdir()

    found = find_files(tmp_path)

    assert (found.names, found.labels, found.class_names) == (["a.png", "b.png"], None, ())


def test_loose_photos_beside_class_folders_are_skipped(tmp_path: Path) -> None:
    write_photos(tmp_path, "rose/a.png", "loose.png")

    assert reasons(tmp_path) == {"loose.png": "beside the class folders, not in one"}


def test_class_folders_need_photos_and_a_name_that_is_text(tmp_path: Path) -> None:
    write_photos(tmp_path, "rose/a.png")
    (tmp_path / "tu\nlip" / "later").mkdir(parents=True)
    with pytest.raises(PhotoError, match=r"remove or fill: tu\\nlip\. Received"):
        load_photos(tmp_path)

    write_photos(tmp_path, "tu\nlip/a.png")
    assert load_photos(tmp_path, quiet=True).class_names == ("rose", "tu\nlip")
    write_photos(tmp_path, "bytes\udcff/a.png")
    with pytest.raises(PhotoError, match=r"must be text\. Received: bytes\\udcff"):
        load_photos(tmp_path)


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    write_photos(root, "rose/a.png", "tulip/b.png")
    elsewhere = write_photos(tmp_path, "elsewhere/c.png")[0].parent
    links = {"up": root, "self": root / "rose", "neighbor": root / "tulip", "top": "/"}
    for name, target in links.items():
        (root / "rose" / name).symlink_to(target)
    for name in "wvutsra":
        (root / "tulip" / name).symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(elsewhere)
    for name, target in {"here": ".", "above": "..", "root": "/"}.items():
        (root / name).symlink_to(target)

    found = find_files(root)

    assert found.names == ["rose/a.png", "tulip/a/c.png", "tulip/b.png"]
    assert (found.class_names, found.skipped) == (("rose", "tulip"), ())


def test_folders_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photos(tmp_path, "rose/a.png", "rose/locked/c.png")
    scandir, locked = os.scandir, ["locked"]

    def guarded(path: str | Path) -> object:
        if Path(path).name in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    monkeypatch.setattr(os, "listdir", lambda path: [entry.name for entry in guarded(path)])

    assert reasons(tmp_path) == {"rose/locked": "unreadable folder: Permission denied"}
    locked[0] = "rose"
    with pytest.raises(PhotoError, match="A class folder cannot be read: Permission denied"):
        load_photos(tmp_path)
    locked[0] = tmp_path.name
    with pytest.raises(PhotoError, match="The folder cannot be read: Permission denied"):
        load_photos(tmp_path)
