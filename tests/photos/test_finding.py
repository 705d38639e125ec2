"""Photo files and classes of a folder."""

import os
from pathlib import Path

import pytest

from gmmaug_plugin.photos import PhotoError, load_photos
from gmmaug_plugin.photos.finding import find_files, hint_for
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


LAYOUTS = {
    "train/rose/1 train/tulip/1 val/rose/1 test/tulip/1 test/2": ("rose tulip", "train"),
    "Training/rose/1 Training/tulip/1 Testing/rose/1": ("rose tulip", "Training"),
    "training_set/rose/1 test_set/rose/1": ("rose", "training_set"),
    "seg_train/seg_train/rose/1 seg_train/seg_train/tulip/1 seg_test/1": (
        "rose tulip",
        "seg_train seg_train",
    ),
    "train/1 test/1": ("", "train"),
    "box/rose/1 box/tulip/1": ("rose tulip", "box"),
    "box/set/rose/1 box/set/tulip/1": ("rose tulip", "box box/set"),
    "box/set/train/rose/1 box/set/valid/rose/1": ("rose", "box box/set box/set/train"),
    "t\nrain/rose/1 t\nrain/tulip/1": ("rose tulip", "t\\nrain"),
    "train/1 car/1 plane/1": ("car plane train", ""),
    "train/day/1 test/day/1 docs/1": ("day", "train"),
    "seg_train/rose/1 seg_test/rose/1 seg_pred/1": ("rose", "seg_train"),
    "bullet_train/1 test_tube/1": ("bullet_train test_tube", ""),
    "positive_test/1 negative_test/1": ("negative_test positive_test", ""),
    "valid/1 invalid/1": ("invalid valid", ""),
    "train/1": ("train", ""),
    "rose/1 rose/near/1 rose/far/1": ("rose", ""),
    "rose/near/1 rose/far/1 2": ("rose", ""),
    "rose/near/far/1": ("rose", ""),
}
"""Files, each "PATH.png", and the classes found; a word of each note."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_and_single_folders_are_looked_into_with_a_note(layout: str, tmp_path: Path) -> None:
    write_photos(tmp_path, *(f"{name}.png" for name in layout.split(" ")))
    classes, words = LAYOUTS[layout]

    photos = load_photos(tmp_path, image_size=4, quiet=True)

    assert photos.class_names == tuple(classes.split())
    for word, note in zip(words.split(), photos.notes, strict=True):
        assert word.replace("~", " ") in note
        assert note.isprintable()


def test_parts_that_are_left_out_are_named_and_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(tmp_path, "train/rose/1.png", "test/rose/2.png", "Val/tulip/3.png", "readme.png")
    scandir = os.scandir

    def guarded(path: str | Path) -> object:
        assert not {"test", "Val"} & {*Path(path).parts}
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = find_files(tmp_path)

    assert found.names == ["train/rose/1.png"]
    assert found.notes == ("Only the photos in 'train' are used; left out: 'Val', 'test'.",)
    assert [one.path for one in found.skipped] == ["readme.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("val/a/1.png", "test/a/1.png"), r"one training folder.*, one of '/.*/test', '/.*/val'; if"),
        (("test/a/1.png", "test/b/1.png"), r"one training folder.*/test'; if these are classes, rename"),
        (("train1/1.png", "train2/1.png", "test/1.png"), r"one training folder.*'/.*/train1', '/.*/train2'"),
        (("train/a/1.png", "train/b/", "test/1.png"), r"remove or fill: b\. Received: "),
    ],
)
def test_a_split_without_a_training_folder_is_refused(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    write_photos(tmp_path, *(name for name in names if name[-1] != "/"))
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name[-1] == "/":
            (tmp_path / name).mkdir()

    with pytest.raises(PhotoError, match=message):
        find_files(tmp_path)


def test_single_folders_are_not_followed_in_circles(tmp_path: Path) -> None:
    write_photos(tmp_path, "photos/rose/in/1.png")
    root = tmp_path / "photos"
    for name, target in {"up": root, "home": tmp_path, "self": root / "rose"}.items():
        (root / "rose" / name).symlink_to(target)

    assert find_files(root).class_names == ("rose",)
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").symlink_to(tmp_path / other)
    assert find_files(tmp_path / "one").paths == []
    write_photos(tmp_path, "three/test/1.png", "four/train/2.png", "four/test/3.png")
    (tmp_path / "three" / "train").symlink_to(tmp_path / "four")
    (tmp_path / "four" / "train" / "up").symlink_to(tmp_path / "three")
    assert find_files(tmp_path / "three").names == ["train/train/2.png"]
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "box").symlink_to(root)
    (root / "tulip").symlink_to(root / "rose")
    assert find_files(tmp_path / "linked").class_names == ("rose", "tulip")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("photo.JPG", "the folder around a photo"),
        ("photos.zip", "Unpack"),
        ("photos.tar.gz", "Unpack"),
        ("labels.csv", r"load_photos\(paths, labels\)"),
        ("photos.h5", "into an array"),
        ("pool.safetensors", "load_model"),
        ("photo.unknown", "file. Received"),
        ("missing", "does not exist. Received"),
    ],
)
def test_what_is_no_folder_of_photos_gets_a_hint(name: str, hint: str, tmp_path: Path) -> None:
    if name != "missing":
        (tmp_path / name).write_text("x")

    with pytest.raises(PhotoError, match=rf"There must be a folder, .*{hint}"):
        load_photos(tmp_path / name)


def test_a_folder_of_files_of_another_kind_gets_a_hint(tmp_path: Path) -> None:
    for name in ("1.npy", "2.npy"):
        (tmp_path / name).write_text("x")

    with pytest.raises(PhotoError, match=r"found 0.*1\.npy \(.*Stack the arrays: .*np.stack.* Received"):
        load_photos(tmp_path)
    assert hint_for(["1.npy", "2.zip"]) == hint_for([]) == ""


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
    write_photos(tmp_path, "rose/a.png", "rose/locked/c.png", "tulip/b.png")
    scandir, locked = os.scandir, ["locked"]

    def guarded(path: str | Path) -> object:
        if Path(path).name in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    monkeypatch.setattr(os, "listdir", lambda path: [entry.name for entry in guarded(path)])

    assert reasons(tmp_path) == {"rose/locked": "unreadable folder: Permission denied"}
    locked[0] = "rose"
    with pytest.raises(
        PhotoError, match=r"A class folder cannot be read: Permission denied\. Received: .*rose"
    ):
        load_photos(tmp_path)
    locked[0] = tmp_path.name
    with pytest.raises(PhotoError, match="The folder cannot be read: Permission denied"):
        load_photos(tmp_path)
