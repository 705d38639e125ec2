import os
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from gmmaug_plugin.files import write_whole


def test_what_killed_processes_left_is_removed_after_an_hour(tmp_path: Path) -> None:
    target = tmp_path / "a+b.safetensors"
    left = tmp_path / ".a+b.safetensors.0123456789ab.part"
    kept = [
        tmp_path / ".a+b.safetensors.aaaaaaaaaaaa.part",  # somebody may be writing it
        tmp_path / ".other.safetensors.0123456789ab.part",
        tmp_path / ".a+b.safetensors.notes.part",
    ]
    for path in (left, *kept):
        path.write_bytes(b"half")
        os.utime(path, times=(time.time() - 2 * 3600,) * 2)
    os.utime(kept[0])
    write_whole(target, b"whole")
    assert target.read_bytes() == b"whole"
    assert not left.exists()
    assert all(path.exists() for path in kept)


def test_a_check_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def refuse(path: Path) -> None:
        assert path.read_bytes() == b"new"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_whole(target, b"new", check=refuse)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("refusals", "contents"), [(2, b"new"), (99, b"old")])
def test_a_target_that_is_open_elsewhere_is_tried_again(
    refusals: int, contents: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to replace it until it is closed."""
    target = tmp_path / "file"
    target.write_bytes(b"old")
    answers = iter([PermissionError(13, "Access is denied")] * refusals)
    replace = Path.replace

    def replace_if_closed(temporary: Path, path: Path) -> None:
        for refusal in answers:
            raise refusal
        replace(temporary, path)

    monkeypatch.setattr(Path, "replace", replace_if_closed)
    monkeypatch.setattr("time.sleep", lambda _: None)
    error = pytest.raises(PermissionError, match=r"open in another program.*Received: .*Access is denied")
    with error if contents == b"old" else nullcontext():
        write_whole(target, b"new")
    assert target.read_bytes() == contents
    assert list(tmp_path.iterdir()) == [target]
