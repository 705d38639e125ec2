"""Photos as they lie about: each is used, or named with a reason."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.photos import PhotoError, load_photos
from gmmaug_plugin.photos.files import printable
from gmmaug_plugin.photos.finding import find_files
from reliability.wild_photos import EITHER, USED, all_files, encoded, scene
from tests.photos.wild_places import make_places


def expect(expected: dict[str, str], skipped: dict[str, str]) -> None:
    """Every file is used or skipped as it should be, and nothing else is named."""
    known = {printable(name): outcome for name, outcome in expected.items()}
    assert set(skipped) <= set(known)
    for name, outcome in known.items():
        if outcome == USED:
            assert name not in skipped, skipped[name]
        elif outcome != EITHER:
            assert re.search(outcome, skipped[name]), (name, skipped[name])


def write_corpus(folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True)
    files = all_files()
    for file in files:
        (folder / file.name).write_bytes(file.content)
    return {file.name: file.expected for file in files}


def write_photos(folder: Path, n: int = 12) -> None:
    folder.mkdir(parents=True)
    for index in range(n):
        scene(24 + index, 24).save(folder / f"{index:03}.png")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that is removed however deep it gets."""
    folder = Path(tempfile.mkdtemp(prefix="gmmaug-wild-"))
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def test_the_corpus_is_used_or_skipped_for_the_reason_expected(tmp_path: Path) -> None:
    expected = write_corpus(tmp_path / "photos")
    photos = load_photos(tmp_path / "photos", image_size=8, quiet=True)
    expect(expected, {photo.path: photo.reason for photo in photos.skipped})
    assert len(photos.images) + len(photos.skipped) == len(expected)
    assert list(expected.values()).count(USED) > 80


def test_links_pipes_and_odd_names_are_borne(open_folder: Path) -> None:
    root = open_folder / "photos"
    write_photos(root / "daisy")
    wild = root / "wi\nld\x1b[7m"
    wild.mkdir()
    expected = {f"{wild.name}/{name}": outcome for name, outcome in make_places(wild).items()}
    (root / "up").symlink_to("..")
    (root / "loose.jpg").write_bytes(b"")
    expected["loose.jpg"] = "^beside the class folders, not in one$"

    photos = load_photos(root, image_size=8, quiet=True)

    skipped = {photo.path: photo.reason for photo in photos.skipped}
    expect(expected, skipped)
    assert "".join(map(str, photos.skipped)).isprintable()
    assert photos.class_names == ("daisy", wild.name)
    assert len(photos.images) + len(skipped) == 12 + len(expected)


# --- what changes meanwhile -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["removed", "cut", "a folder", "the whole folder"])
def test_photos_that_go_while_they_are_read_are_skipped(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread goes through the files from the last to the first, as soon as they are listed."""
    root = tmp_path / "photos"
    write_photos(root / "daisy", 150)
    paths = sorted((root / "daisy").iterdir(), reverse=True)

    def go() -> None:
        if how == "the whole folder":
            shutil.rmtree(root)
        for path in paths if how != "the whole folder" else ():
            if how == "cut":
                os.truncate(path, path.stat().st_size // 2)
            else:
                path.unlink()
            if how == "a folder":
                path.mkdir()

    thread = threading.Thread(target=go)

    def find_and_go(folder: Path) -> object:
        found = find_files(folder)
        thread.start()
        return found

    monkeypatch.setattr("gmmaug_plugin.photos.loading.find_files", find_and_go)
    allowed = "No such file or directory|not a regular file|Is a directory|^broken image|^not an image$"
    try:
        photos = load_photos(root, image_size=8, quiet=True)
    except PhotoError as error:
        assert re.search(r"Too few usable photos: .*Received: |No usable photo is left of: daisy", str(error))  # noqa: PT017
    else:
        assert len(photos.images) + len(photos.skipped) == 150
        assert all(re.search(allowed, photo.reason) for photo in photos.skipped)
        assert photos.images.std(axis=(1, 2)).min() > 0
    thread.join()


def test_a_photo_that_grows_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "grows.jpg"
    content = encoded(scene(400, 300), "JPEG")
    path.write_bytes(content[:1000])

    def grow() -> None:
        with path.open("ab") as stream:
            for begin in range(1000, len(content), 200):
                stream.write(content[begin : begin + 200])
                stream.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    while thread.is_alive():
        try:
            assert load_photos([path], image_size=8, quiet=True).images.shape == (1, 8, 8)
        except PhotoError as error:
            assert re.search("broken image|not an image", str(error))  # noqa: PT017 - allowed, not required
    thread.join()
    assert load_photos([path], image_size=8, quiet=True).skipped == ()


# --- folders ----------------------------------------------------------------------------------------------


def test_links_back_up_are_no_classes_and_bring_nothing_in(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    write_photos(root, 4)
    write_photos(tmp_path / "elsewhere", 4)
    for name, target in {"self": ".", "up": "..", "root": "/"}.items():
        (root / name).symlink_to(target)
    flat = find_files(root)
    assert (len(flat.files), flat.class_names, flat.skipped) == (4, (), ())
    write_photos(root / "daisy", 3)
    (root / "daisy" / "up").symlink_to("../..")
    (root / "daisy" / "beside").symlink_to("../../elsewhere")
    classes = find_files(root)
    assert classes.class_names == ("daisy",)
    assert len(classes.files) == 3 + 4


def test_folders_are_searched_deeper_than_the_stack(open_folder: Path) -> None:
    write_photos(open_folder / "daisy", 2)
    place = open_folder / "daisy"
    for _ in range(1100):
        place /= "d"
        place.mkdir()
    (place / "last.jpg").write_bytes(encoded(scene(), "JPEG"))
    found = find_files(open_folder)
    assert len(found.files) == 3
    assert found.skipped == ()
    assert np.isfinite(load_photos(open_folder, image_size=8, quiet=True).images).all()
