import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from gmmaug_plugin.artifact import ArtifactError
from gmmaug_plugin.artifact.container import MAX_FILE_BYTES, read_bytes, read_file, write_bytes

FORMAT = {"format": "gmmaug", "format_version": 4}
TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "b": np.int32(7),
    "c": np.zeros((0, 2), np.int8),
}


def test_document_and_tensors_come_back() -> None:
    document = {**FORMAT, "b": [1, 2.5, None], "a": {"ä": "\udcff", "nested": [[[]]]}}
    found, tensors = read_bytes(write_bytes(document, TENSORS))
    assert found.pop("sha256")
    assert found == document
    assert tensors.keys() == TENSORS.keys()
    for name, array in tensors.items():
        assert (array.dtype, array.shape) == (TENSORS[name].dtype, TENSORS[name].shape)
        np.testing.assert_array_equal(array, TENSORS[name])


def test_the_same_contents_give_the_same_bytes_in_every_process() -> None:
    code = (
        "import sys, numpy as np; from gmmaug_plugin.artifact.container import write_bytes;"
        "names = list({'c', 'a', 'b', 'd'}); sys.stdout.buffer.write("
        "write_bytes(dict.fromkeys(names, 1), {n: np.arange(3) for n in names}))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment).stdout
        for environment in ({**os.environ, "PYTHONHASHSEED": seed} for seed in "12")
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":' + "9" * 5000 + "}", "digits"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        ('{"a":', "Expecting value"),
        ("[1]", "list"),
    ],
    ids=["digits", "deep", "cut", "list"],
)
def test_documents_that_are_no_json_are_refused(text: str, why: str) -> None:
    with pytest.raises(ArtifactError, match=f"document .*Received: .*({why})"):
        read_bytes(save({"a": np.zeros(1)}, {"gmmaug": text}))


@pytest.mark.parametrize("value", [float("nan"), np.float32(1), {1, 2}], ids=["nan", "numpy", "set"])
def test_values_that_json_lacks_are_not_written(value: Any) -> None:
    with pytest.raises(ArtifactError, match="plain, finite JSON"):
        write_bytes({"record": value}, {})


def entry_only(entry: dict[str, Any]) -> bytes:
    """A file with one tensor of 8 bytes, described by ``entry``."""
    text = json.dumps({"__metadata__": {"gmmaug": "{}"}, "a": entry}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"PK\3\4 a zip file of some length",
        bytes(100),
        b"\xff" * 100,
        *map(
            entry_only,
            [
                {"dtype": "F64", "shape": [1], "data_offsets": [0, 2**40]},
                {"dtype": "F64", "shape": [2**62, 4], "data_offsets": [0, 8]},
                {"dtype": "O", "shape": [1], "data_offsets": [0, 8]},
                {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
            ],
        ),
    ],
)
def test_other_and_inconsistent_files_are_refused(contents: bytes) -> None:
    with pytest.raises(ArtifactError, match="Not a safetensors file"):
        read_bytes(contents)


def test_safetensors_of_others_and_long_headers_are_refused() -> None:
    for metadata in (None, {"format": "pt"}):
        with pytest.raises(ArtifactError, match="Not a file of gmmaug-plugin"):
            read_bytes(save({"a": np.zeros(1)}, metadata))
    with pytest.raises(ArtifactError, match=r"Not a safetensors file.*Received: a header of 1[67]......"):
        read_bytes(save({}, {"gmmaug": " " * 2**24}))


def test_every_byte_of_the_tensors_and_the_document_is_under_the_checksum() -> None:
    contents = write_bytes({**FORMAT, "a": "text"}, {"a": np.arange(5)})
    for place in (contents.index(b"text"), len(contents) - 40, len(contents) - 1):
        damaged = bytearray(contents)
        damaged[place] ^= 1
        with pytest.raises(ArtifactError, match="The file is damaged"):
            read_bytes(bytes(damaged))


@pytest.mark.parametrize(
    "other",
    [{"b": np.zeros(4, np.int32)}, {"a": np.zeros(4, np.float32)}, {"a": np.zeros((2, 2), np.int32)}],
    ids=["name", "dtype", "shape"],
)
def test_a_checksum_covers_names_types_and_shapes(other: dict[str, Any]) -> None:
    document, _ = read_bytes(write_bytes(FORMAT, {"a": np.zeros(4, np.int32)}))
    with pytest.raises(ArtifactError, match="The file is damaged"):
        read_bytes(save(other, {"gmmaug": json.dumps(document)}))


@pytest.mark.parametrize(
    "array", [np.array([0, np.nan]), np.array([np.inf]), *(np.zeros(2, kind) for kind in "e?Q")], ids=str
)
def test_other_types_and_infinite_numbers_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ArtifactError, match=r"Tensors must be finite uint8, .*Received: .*'a'"):
        read_bytes(write_bytes(FORMAT, {"a": array}))


def test_folders_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    paths = [tmp_path, Path(os.devnull), tmp_path / "pipe"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    for path in filter(Path.exists, paths):
        with pytest.raises(ArtifactError, match="must be a file"):
            read_file(path)
    with pytest.raises(ArtifactError, match="no NUL"):
        read_file(Path("a\0b"))
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


def test_huge_files_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.safetensors"
    path.touch()
    os.truncate(path, MAX_FILE_BYTES + 1)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(ArtifactError, match="at most 2147483648 bytes"):
        read_file(path)
