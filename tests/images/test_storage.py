"""Arrays in files: like arrays in memory, without the memory."""

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmaug_plugin.images import load_photos, storage
from gmmaug_plugin.images.storage import (
    SharedImages,
    blocks,
    empty_array,
    mapping_of,
    release,
    share_images,
    take_rows,
)


def numbered(n: int) -> np.ndarray:
    return (np.arange(n * 6) % 251).astype(np.uint8).reshape(n, 2, 3)


def test_large_arrays_lie_in_files_that_nobody_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    assert mapping_of(empty_array((10, 4, 4), large=200)) is None
    array = empty_array((10, 4, 4), np.float32, large=200)
    assert isinstance(mapping_of(array[2:, 1]), mmap.mmap)
    array[:] = np.arange(160).reshape(10, 4, 4)
    release(array)
    assert array[9, 3, 3] == 159
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_room_on_the_disk_arrays_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    assert mapping_of(empty_array((10, 4, 4), large=1)) is None


@given(n=st.integers(1, 30), picks=st.lists(st.integers(0, 29), max_size=40), at_once=st.integers(1, 7))
def test_rows_of_a_file_are_those_of_memory(n: int, picks: list[int], at_once: int) -> None:
    rows = np.array([pick % n for pick in picks], np.intp)
    images = empty_array((n, 2, 3), large=0)
    images[:] = numbered(n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_AT_ONCE", at_once)
        patch.setattr(storage, "LARGE", 1)
        taken = take_rows(images, rows)
        np.testing.assert_array_equal(np.concatenate([*blocks(images, at_once)]), numbered(n))
    np.testing.assert_array_equal(taken, numbered(n)[rows])
    assert (mapping_of(taken) is not None) == (len(rows) > 0)


def test_images_of_a_file_are_shared_by_its_path_and_others_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    np.save(tmp_path / "photos.npy", numbered(9))
    found = SharedImages.of(np.load(tmp_path / "photos.npy", mmap_mode="r"))
    assert found is not None
    assert found.path == tmp_path / "photos.npy"
    written = share_images(numbered(9))
    for shared in (found, written):
        assert shared.shape == (9, 2, 3)
        np.testing.assert_array_equal(shared[2:5], numbered(9)[2:5])
    assert SharedImages.of(numbered(9)) is None
    assert SharedImages.of(np.load(tmp_path / "photos.npy", mmap_mode="r")[1:]) is None
    assert SharedImages.of(empty_array((9, 2, 3), large=0)) is None
    written.path.unlink()
    with pytest.raises(OSError, match=r"set GMMAUG_CACHE .*Received: "):
        written[0:1]


def test_array_files_stay_on_the_disk(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "photos.npy", images)
    found = load_photos(tmp_path / "photos.npy", quiet=True)
    assert mapping_of(found.images) is not None
    assert found.digests == load_photos(images, quiet=True).digests
    np.testing.assert_array_equal(found.take([3, 1]).images, images[[3, 1]])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_reading_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """400 MB are read and copied, and never more than 150 MB of them resident."""
    code = """
import sys, numpy as np
from gmmaug_plugin.images import load_photos
path = sys.argv[1] + "/photos.npy"
images = np.lib.format.open_memmap(path, "w+", np.uint8, (25_000, 128, 128))
for begin in range(0, 25_000, 500):
    images[begin:begin + 500] = np.random.default_rng(begin).integers(0, 256, (500, 1, 1))
del images
peak = lambda: int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) // 1024
open("/proc/self/clear_refs", "w").write("5")
before = peak()
photos = load_photos(path, quiet=True)
half = photos.take(np.arange(0, 25_000, 1) % 8 > 0)
print(peak() - before, len(half.images))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    grown, n = map(int, done.stdout.split())
    assert n == 21_875
    assert grown < 150
