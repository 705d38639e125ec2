import os
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.fitting.drawing import Block
from gmmaug_plugin.fitting.unfinished import Unfinished

BLOCK = Block(np.arange(32, dtype=np.uint8).reshape(2, 4, 4), 3, 1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_blocks_come_back_for_the_same_fit_only() -> None:
    Unfinished({"seed": 1}, resume=False).keep(0, (0, 2), BLOCK)
    assert Unfinished({"seed": 2}, resume=True).block(0, (0, 2), (4, 4)) is None
    found = Unfinished({"seed": 1}, resume=True).block(0, (0, 2), (4, 4))
    assert found is not None
    np.testing.assert_array_equal(found.images, BLOCK.images)
    assert (found.n_redrawn, found.n_copies) == (3, 1)
    assert Unfinished({"seed": 1}, resume=False).block(0, (0, 2), (4, 4)) is None, "removed without resume"


def test_a_damaged_block_is_drawn_again(folder: Path) -> None:
    unfinished = Unfinished({}, resume=False)
    unfinished.keep(0, (0, 2), BLOCK)
    (path,) = folder.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:50])
    assert unfinished.block(0, (0, 2), (4, 4)) is None
    unfinished.keep(0, (0, 2), Block(BLOCK.images[:, :2], 0, 0))
    assert unfinished.block(0, (0, 2), (4, 4)) is None


def test_old_leftovers_are_removed(folder: Path) -> None:
    Unfinished({}, resume=False).keep(0, (0, 2), BLOCK)
    (old,) = (folder / "unfinished").iterdir()
    os.utime(old, (1, 1))
    Unfinished({"other": 1}, resume=False)
    assert not old.exists()


def test_without_room_for_blocks_the_fit_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "file"))
    unfinished = Unfinished({}, resume=False)
    with pytest.warns(UserWarning, match="cannot be resumed"):
        unfinished.keep(0, (0, 2), BLOCK)
    unfinished.keep(0, (2, 4), BLOCK)
