"""Decoded photos, kept: the same photos with and without, and nothing lost whatever happens to the cache."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import PhotoError, PhotoSet, load_photos
from gmmaug_plugin.images import cache as cache_module
from gmmaug_plugin.images.cache import FEWEST_PHOTOS, cache_info, clear_cache
from gmmaug_plugin.images.files import decode_photo
from tests.conftest import PHOTOS

N = FEWEST_PHOTOS + 6


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    write_photos(photos, N)
    return photos


def write_photos(folder: Path, n: int, *, seed: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(make_flowers(n, image_size=40, n_classes=1, random_state=seed)[0]):
        Image.fromarray(image).save(folder / f"{index:03}.png")


def load(folder: Path, **options: object) -> PhotoSet:
    return load_photos(folder, image_size=32, quiet=True, **options)  # type: ignore[arg-type]


def assert_same(one: PhotoSet, other: PhotoSet) -> None:
    np.testing.assert_array_equal(one.images, other.images)
    assert one.digests == other.digests
    assert [str(skipped) for skipped in one.skipped] == [str(skipped) for skipped in other.skipped]


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("gmmaug_plugin.images.reading.decode_photo", fail)
    monkeypatch.setattr("gmmaug_plugin.images.reading.decode_file", fail)


def test_a_second_load_decodes_nothing_and_gives_the_same(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not an image")
    plain = load(folder, cache=False)
    assert not cache.exists()
    first = load(folder)
    no_decoding(monkeypatch)
    second = load(folder)
    for one in (first, second):
        assert_same(one, plain)
        assert isinstance(one.images, np.memmap)
        assert not one.images.flags.writeable
    assert len(plain.skipped) == 1
    with pytest.raises(PhotoError, match=r"usable photos only\. Received: broken.jpg"):
        load(folder, strict=True)


def test_names_and_times_of_files_do_not_matter_but_content_does(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    for path in moved.iterdir():
        os.utime(path, (1, 1))
    with monkeypatch.context() as patch:
        no_decoding(patch)
        assert_same(load(moved), first)
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(moved / "000.png")
    assert (load(moved).images[0] == 0).all()
    assert cache_info().n_entries == 2


@pytest.mark.parametrize("options", [{"image_size": 16}, {"image_size": 32, "resize": "crop"}])
def test_other_options_are_other_entries(folder: Path, cache: Path, options: dict) -> None:
    load(folder)
    found = load_photos(folder, quiet=True, **options)
    np.testing.assert_array_equal(
        found.images, load_photos(folder, quiet=True, cache=False, **options).images
    )
    assert cache_info().n_entries == 2


def test_another_decoding_is_another_entry(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder)
    monkeypatch.setattr(cache_module, "_DECODING", 2)
    load(folder)
    assert cache_info().n_entries == 2


@pytest.mark.parametrize(
    "damage", ["cut", "longer", "no pixels", "no document", "bad document", "lying document", "false reason"]
)
def test_a_damaged_entry_is_decoded_anew(folder: Path, cache: Path, damage: str) -> None:
    expected = load(folder, cache=False)
    load(folder)
    (pixels,), (document,) = cache.glob("*.u8"), cache.glob("*.json")
    if damage == "cut":
        os.truncate(pixels, 100)
    elif damage == "longer":
        os.truncate(pixels, pixels.stat().st_size + 1)
    elif damage == "no pixels":
        pixels.unlink()
    elif damage == "no document":
        document.unlink()
    elif damage == "bad document":
        document.write_bytes(b"{")
    else:
        last = [] if damage == "lying document" else ["broken"]
        document.write_text(json.dumps({"reasons": [None] * (N - 1) + last}))
    assert_same(load(folder), expected)
    assert_same(load(folder), expected)
    assert len(list(cache.iterdir())) == 2


def test_few_photos_and_a_limit_of_zero_keep_nothing(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_photos(tmp_path / "few", FEWEST_PHOTOS - 1)
    load(tmp_path / "few")
    monkeypatch.setenv("GMMAUG_CACHE_LIMIT", "0")
    load(folder)
    assert not cache.exists()


def test_the_longest_unused_entry_makes_room(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = N * 32 * 32
    monkeypatch.setenv("GMMAUG_CACHE_LIMIT", str(2.5 * size / 1e9))
    write_photos(tmp_path / "second", N, seed=1)
    write_photos(tmp_path / "third", N, seed=2)
    load(folder)
    load(tmp_path / "second")
    for age, document in enumerate(sorted(cache.glob("*.json"), key=os.path.getmtime, reverse=True)):
        os.utime(document, (time.time() - 100 * (age + 1),) * 2)
    load(folder)  # used again: the second is the older one now
    load(tmp_path / "third")
    assert cache_info().n_entries == 2
    with monkeypatch.context() as patch:
        no_decoding(patch)
        load(folder)
        load(tmp_path / "third")
    monkeypatch.setenv("GMMAUG_CACHE_LIMIT", str(0.5 * size / 1e9))
    write_photos(tmp_path / "fourth", N, seed=3)
    assert len(load(tmp_path / "fourth").images) == N
    assert cache_info().n_entries == 2


def test_a_limit_that_is_no_number_is_refused(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMMAUG_CACHE_LIMIT", "lots")
    with pytest.raises(ValueError, match=r"must be a number of GB, at least 0\. Received: 'lots'"):
        load(folder)


def test_photos_that_cannot_be_read_for_the_moment_are_not_remembered_as_broken(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlucky(path: Path, **options: int) -> np.ndarray:
        if path.name == "003.png":
            raise PhotoError("Permission denied") from PermissionError(13, "Permission denied")
        return decode_photo(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr("gmmaug_plugin.images.reading.decode_photo", unlucky)
        assert len(load(folder).skipped) == 1
    assert not list(cache.iterdir())
    assert not load(folder).skipped


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "file"))
    expected = load(folder, cache=False)
    with pytest.warns(UserWarning, match="Decoded photos are not kept: .*Received: cache folder"):
        assert_same(load(folder), expected)


def test_a_full_disk_is_found_out_before_anything_is_mapped(folder: Path, cache: Path, monkeypatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.warns(UserWarning, match="not kept: No space left on device"):
        found = load(folder)
    assert len(found.images) == N
    assert not list(cache.iterdir())


LOAD = (
    "import sys; from gmmaug_plugin.images import load_photos\n"
    "print(load_photos(sys.argv[1], image_size=32, quiet=True).fingerprint)"
)


def test_two_processes_may_fill_one_entry(folder: Path, cache: Path) -> None:
    expected = load(folder, cache=False).fingerprint
    both = [subprocess.Popen([sys.executable, "-c", LOAD, folder], stdout=subprocess.PIPE) for _ in range(2)]
    assert {one.communicate(timeout=60)[0].decode().strip() for one in both} == {expected}
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".u8"]


def test_a_killed_writer_leaves_nothing_that_counts(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = (
        "import time; from gmmaug_plugin.images import reading; decode = reading.decode_photo\n"
        "reading.decode_photo = lambda *a, **k: (time.sleep(0.2), decode(*a, **k))[1]\n"
    )
    process = subprocess.Popen([sys.executable, "-c", slow + LOAD, folder])
    while not list(cache.glob("*.part")):
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    (left,) = cache.iterdir()
    assert_same(load(folder), load(folder, cache=False))
    assert left.exists()  # its writer might live
    clear_cache()
    os.utime(left.with_suffix(".part").parent)
    left.write_bytes(b"old")
    os.utime(left, (1, 1))
    load(folder)
    assert not left.exists()


def test_clearing_leaves_those_who_use_an_entry_alone(folder: Path, cache: Path) -> None:
    found = load(folder)
    (cache / "mine.txt").write_text("not the cache's")
    before = clear_cache()
    assert before.n_entries == 1
    assert before.size > N * 32 * 32
    assert [path.name for path in cache.iterdir()] == ["mine.txt"]
    np.testing.assert_array_equal(found.images, load(folder, cache=False).images)


def test_nothing_is_warned_of_in_the_usual_case(folder: Path, cache: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(folder)
        load(folder)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no real photos beside this checkout")
def test_real_photos_are_the_same_from_the_cache(cache: Path) -> None:
    plain = load(PHOTOS / "daisy", cache=False)
    load(PHOTOS / "daisy")
    assert_same(load(PHOTOS / "daisy"), plain)
