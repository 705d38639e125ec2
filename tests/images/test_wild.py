"""Photos as they lie about, through the loader and the real command: each is used, or named with a reason."""

import ctypes
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin import load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import PhotoError, load_photos
from gmmaug_plugin.images import reading as reading_module
from gmmaug_plugin.images.cache import cache_info
from gmmaug_plugin.images.files import printable
from gmmaug_plugin.images.finding import find_files
from reliability.wild_photos import EITHER, USED, all_files, encoded, scene
from reliability.wild_places import make_locked, make_places
from tests.extent import ALL


def expect(expected: dict[str, str], skipped: dict[str, str]) -> None:
    """Every file is used or skipped as it should be, and nothing else is told of."""
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


def write_flowers(folder: Path, n: int = 12) -> None:
    folder.mkdir(parents=True)
    for index, image in enumerate(make_flowers(n, image_size=24, n_classes=1)[0]):
        Image.fromarray(image).save(folder / f"{index:03}.png")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that is removed however deep it gets."""
    folder = Path(tempfile.mkdtemp(prefix="gmmaug-wild-"))
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def give_up_rights() -> None:
    """Limit what a command may use; even where root tests, permissions bind it after this."""
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    if os.geteuid() == 0:
        drop_from_bounding_set, may_read_all, may_search_all = 24, 1, 2
        for capability in (may_read_all, may_search_all):
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def fit(folder: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    quick = ("--model", "pca", "--image-size", "16", "--n-components", "1", "--allow-copies", "--no-cache")
    return subprocess.run(
        [Path(sys.executable).parent / "gmmaug-fit", folder, "-o", output, *quick, *options],
        capture_output=True, text=True, timeout=580, check=False, preexec_fn=give_up_rights,
    )  # fmt: skip


def test_the_corpus_is_used_or_skipped_for_the_reason_expected(tmp_path: Path) -> None:
    expected = write_corpus(tmp_path / "photos")
    photos = load_photos(tmp_path / "photos", image_size=8, quiet=True, cache=False)
    expect(expected, {photo.path: photo.reason for photo in photos.skipped})
    assert len(photos.images) + len(photos.skipped) == len(expected)
    assert list(expected.values()).count(USED) > 80


def test_the_command_bears_the_wild(open_folder: Path) -> None:
    """All of it in one class: a model, and one clean line on standard error for each that is skipped."""
    root = open_folder / "photos"
    write_flowers(root / "daisy")
    wild = root / "wi\nld\x1b[7m"
    inside = write_corpus(wild) | make_places(wild) | make_locked(wild)
    expected = {f"{wild.name}/{name}": outcome for name, outcome in inside.items()}
    (root / "up").symlink_to("..")
    (root / "loose.jpg").write_bytes(b"")
    (root / "into.jpg").symlink_to(wild / "closed" / "within.jpg")
    expected |= dict.fromkeys(("loose.jpg", "into.jpg"), "^beside the class folders, not in one$")

    model = open_folder / "model.safetensors"
    done = fit(root, model)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("\n")
    lines = [re.fullmatch(r"Skipped (.+?) \((.+)\)", line) for line in done.stderr[:-1].split("\n")]
    assert all(lines), done.stderr
    assert done.stderr.replace("\n", "").isprintable()
    assert done.stdout.replace("\n", "").isprintable()
    skipped = {line[1]: line[2] for line in lines if line}
    assert len(skipped) == len(lines)
    expect(expected, skipped)
    fitted = load_model(model)
    assert fitted.class_names == ("daisy", wild.name)
    n_used = sum(fitted.info["photos_per_class"].values())
    assert n_used + len(skipped) == 12 + len(expected)
    assert fitted.sample(3, seed=0)[0].shape == (3, 16, 16)


@pytest.mark.skipif(not ALL, reason="the command again")
def test_strictly_the_first_of_the_wild_stops_the_command(open_folder: Path) -> None:
    root = open_folder / "photos"
    write_flowers(root / "daisy")
    make_places(root / "daisy")
    done = fit(root, open_folder / "model.safetensors", "--strict")
    assert done.returncode == 1
    assert re.fullmatch(r"Error: Strict reading allows .* Received: daisy/.+ \(.+\)\n", done.stderr)
    assert sorted(path.name for path in open_folder.iterdir()) == ["photos"]


# --- what changes meanwhile -------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [False, True] if ALL else [True])
@pytest.mark.parametrize("how", ["removed", "cut", "a folder", "the whole folder"])
def test_photos_that_go_while_they_are_read_are_skipped(
    tmp_path: Path, cache: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread goes through the files from the last to the first, as soon as they are listed."""
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    write_flowers(root / "daisy", 150)
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

    monkeypatch.setattr("gmmaug_plugin.images.loading.find_files", find_and_go)
    allowed = "No such file or directory|not a regular file|Is a directory|^broken image|^not an image$"
    try:
        photos = load_photos(root, image_size=8, quiet=True, cache=cache)
    except PhotoError as error:
        assert re.search(r"Too few usable photos: .*Received: |No usable photo is left of: daisy", str(error))  # noqa: PT017
    else:
        assert len(photos.images) + len(photos.skipped) == 150
        assert all(re.search(allowed, photo.reason) for photo in photos.skipped)
        assert photos.images.std(axis=(1, 2)).min() > 0
    thread.join()


def test_a_photo_replaced_after_it_was_told_apart_is_not_kept_under_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    write_flowers(root, 70)
    old = (root / "000.png").read_bytes()
    digest_files = reading_module.digest_files

    def digest_and_replace(*arguments: object, **options: object) -> list[str]:
        digests = digest_files(*arguments, **options)
        Image.new("L", (24, 24), 77).save(root / "000.png")
        return digests

    with monkeypatch.context() as patch:
        patch.setattr(reading_module, "digest_files", digest_and_replace)
        between = load_photos(root, image_size=8, quiet=True)
    after = load_photos(root, image_size=8, quiet=True)
    assert (between.images[0] == 77).all()
    assert between.digests == after.digests
    (root / "000.png").write_bytes(old)
    assert (load_photos(root, image_size=8, quiet=True).images[0] != 77).any()
    assert cache_info().n_entries == 2


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
            assert load_photos([path], image_size=8, quiet=True, min_photos=1).images.shape == (1, 8, 8)
        except PhotoError as error:
            assert re.search("broken image|not an image", str(error))  # noqa: PT017 - allowed, not required
    thread.join()
    assert load_photos([path], image_size=8, quiet=True, min_photos=1).skipped == ()


# --- folders ----------------------------------------------------------------------------------------------


def test_links_back_up_are_no_classes_and_bring_nothing_in(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    write_flowers(root, 4)
    write_flowers(tmp_path / "elsewhere", 4)
    for name, target in {"self": ".", "up": "..", "root": "/"}.items():
        (root / name).symlink_to(target)
    flat = find_files(root)
    assert (len(flat.files), flat.class_names, flat.skipped) == (4, (), ())
    write_flowers(root / "daisy", 3)
    (root / "daisy" / "up").symlink_to("../..")
    (root / "daisy" / "beside").symlink_to("../../elsewhere")
    classes = find_files(root)
    assert classes.class_names == ("daisy",)
    assert len(classes.files) == 3 + 4


def test_folders_are_searched_deeper_than_the_stack(open_folder: Path) -> None:
    write_flowers(open_folder / "daisy", 2)
    place = open_folder / "daisy"
    for _ in range(1100):
        place /= "d"
        place.mkdir()
    (place / "last.jpg").write_bytes(encoded(scene(), "JPEG"))
    found = find_files(open_folder)
    assert len(found.files) == 3
    assert found.skipped == ()
    assert np.isfinite(load_photos(open_folder, image_size=8, quiet=True).images).all()
