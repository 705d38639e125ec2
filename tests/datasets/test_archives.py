"""Archives nobody should trust."""

import contextlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.datasets.archives import ArchiveError, unpack
from tests.datasets.packed import contents, special, tar_of, zip_of, zip_with_symlink


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zip_of({"/absolute.jpg": b"!"}), "outside"),
        (zip_of({"a\\..\\..\\escaped.jpg": b"!"}), "outside"),
        (zip_of({"C:\\escaped.jpg": b"!"}), "outside"),
        (tar_of({"photos/../../escaped.jpg": b"!"}), "outside"),
        (tar_of({}, special("link", tarfile.SYMTYPE, "/etc")), "link or a device"),
        (tar_of({"a": b"!"}, special("b", tarfile.LNKTYPE, "a")), "link or a device"),
        (tar_of({}, special("pipe", tarfile.FIFOTYPE)), "link or a device"),
        (zip_with_symlink(), "link or a device"),
        (zip_of({"bomb": bytes(30_000)}), "more than is allowed"),
        (tar_of({"a": bytes(11_000), "b": bytes(11_000)}), "more than is allowed"),
        (zip_of({f"{i}": b"" for i in range(40)}), "more than 30 members"),
        (tar_of({f"{i}": b"" for i in range(40)}), "more than 30 members"),
        (tar_of({"a": b"1", "./a": b"2"}), "cannot be unpacked"),
        (tar_of({"a": b"1", "a/b": b"2"}), "cannot be unpacked"),
        (tar_of({"a": np.random.default_rng(0).bytes(9_000)})[:-4_000], "cannot be unpacked"),
        (zip_of({}), "no files"),
        (b"", "neither"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_harmful_and_broken_archives_are_refused(archive: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(archive)
    with pytest.raises(ArchiveError, match=message):
        unpack(tmp_path / "archive", tmp_path / "deep" / "er", max_bytes=20_000, max_members=30)
    assert not list(tmp_path.glob("**/escaped.jpg"))


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    files = {"rose/1.jpg": b"1", "__MACOSX/rose/._1.jpg": b"x", "rose/._1.jpg": b"x"}
    (tmp_path / "archive").write_bytes(zip_of(files))
    unpack(tmp_path / "archive", tmp_path / "out")
    assert contents(tmp_path / "out") == {"rose/1.jpg": b"1"}


names = st.lists(st.sampled_from(["..", ".", "", "a", "b", "C:", " "]), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    paths=st.lists(st.tuples(names, st.sampled_from(["/", "\\"])), min_size=1, max_size=4),
    zipped=st.booleans(),
)
def test_nothing_is_ever_written_outside(
    paths: list[tuple[list[str], str]], zipped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = {separator.join(parts): b"x" for parts, separator in paths}
    outside = tmp_path_factory.mktemp("outside")
    target = outside / "1" / "2" / "3" / "4" / "5" / "6"
    (outside / "archive").write_bytes(zip_of(files) if zipped else tar_of(files))
    with contextlib.suppress(ArchiveError):
        unpack(outside / "archive", target)
    written = {path for path in outside.rglob("*") if path.is_file()} - {outside / "archive"}
    assert all(path.is_relative_to(target) for path in written)
