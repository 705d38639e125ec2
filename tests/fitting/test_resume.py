import os
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.fitting.resume import Block, Unfinished
from gmmaug_plugin.photos import PhotoSet

BLOCK = Block(np.arange(32, dtype=np.uint8).reshape(2, 4, 4), 3, 1)
IMAGES = np.zeros((2, 4, 4), np.uint8)
PHOTOS = PhotoSet(IMAGES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_blocks_come_back_for_the_same_photos_and_settings_only() -> None:
    Unfinished({"seed": 1}, PHOTOS, resume=False).keep("class0-0", BLOCK)
    labelled = PhotoSet(IMAGES, np.zeros(2, np.int32), ("a",))
    for settings, photos in (
        ({"seed": 2}, PHOTOS),
        ({"seed": 1}, PhotoSet(IMAGES + 1)),
        ({"seed": 1}, labelled),
    ):
        assert Unfinished(settings, photos, resume=True).block("class0-0") is None
    found = Unfinished({"seed": 1}, PHOTOS, resume=True).block("class0-0")
    assert found is not None
    np.testing.assert_array_equal(found.images, BLOCK.images)
    assert (found.n_redrawn, found.n_copies) == (3, 1)
    assert Unfinished({"seed": 1}, PHOTOS, resume=False).block("class0-0") is None, "removed without resume"


def test_a_damaged_block_counts_as_missing(folder: Path) -> None:
    unfinished = Unfinished({}, PHOTOS, resume=False)
    unfinished.keep("class0-0", BLOCK)
    (path,) = folder.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:50])
    assert unfinished.block("class0-0") is None


def test_old_fits_are_removed(folder: Path) -> None:
    Unfinished({}, PHOTOS, resume=False).keep("class0-0", BLOCK)
    (old,) = (folder / "unfinished").iterdir()
    os.utime(old, (1, 1))
    Unfinished({"other": 1}, PHOTOS, resume=False)
    assert not old.exists()


def test_an_unwritable_cache_folder_warns_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "file"))
    unfinished = Unfinished({}, PHOTOS, resume=False)
    with pytest.warns(UserWarning, match="cannot be resumed"):
        unfinished.keep("class0-0", BLOCK)
    unfinished.keep("class0-8", BLOCK)
