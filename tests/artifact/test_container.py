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
from gmmaug_plugin.artifact.container import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    read_document,
    read_file,
    read_tensors,
    write_bytes,
)

TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "b": np.int32(7),
    "c": np.zeros((0, 2), np.int8),
}


def with_document(text: str) -> bytes:
    return save({"a": np.zeros(1)}, {"gmmaug": text})


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_document_and_tensors_come_back() -> None:
    document = {"b": [1, 2.5, None], "a": {"ä": "\udcff", "nested": nested(MAX_DEPTH - 2)}}
    contents = write_bytes(document, TENSORS)
    found = read_document(contents)
    tensors = read_tensors(contents, found)
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
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":1e999}', "not finite"),
        ('{"a":NaN}', "not finite"),
        ('{"a":-Infinity}', "not finite"),
        ('{"a":1,"a":2}', "a key twice"),
        ('{"a":' + "9" * 5000 + "}", "digits"),
        ('{"a":' + "[" * 50 + "]" * 50 + "}", "deeper"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "deeper|recursion"),
        ('{"a":', "Expecting value"),
        ("[1]", "list"),
    ],
    ids=["1e999", "nan", "infinity", "duplicate", "digits", "deep", "very deep", "cut", "list"],
)
def test_documents_that_are_no_plain_json_are_refused(text: str, why: str) -> None:
    with pytest.raises(ArtifactError, match=f"document .*Received: .*({why})"):
        read_document(with_document(text))


@pytest.mark.parametrize(
    "document",
    [{"a": float("nan")}, {"a": np.float32(1)}, {"a": {1, 2}}, nested(9999)],
    ids=["nan", "numpy", "set", "deep"],
)
def test_documents_that_json_cannot_hold_are_not_written(document: Any) -> None:
    with pytest.raises(ArtifactError, match="plain, finite JSON"):
        write_bytes({"record": document}, {})


def test_files_of_others_are_refused() -> None:
    for contents in (b"", b"PK\3\4 a zip file of some length", bytes(100), b"\xff" * 100):
        with pytest.raises(ArtifactError, match="Not a safetensors file"):
            read_document(contents)
    for contents in (save({"a": np.zeros(1)}), save({"a": np.zeros(1)}, {"format": "pt"})):
        with pytest.raises(ArtifactError, match="Not a file of gmmaug-plugin"):
            read_document(contents)


def test_every_byte_of_the_tensors_and_the_document_is_under_the_checksum() -> None:
    contents = write_bytes({"a": "text"}, {"a": np.arange(5)})
    first = contents.index(b"text")
    for place in (first, len(contents) - 40, len(contents) - 1):
        damaged = bytearray(contents)
        damaged[place] ^= 1
        with pytest.raises(ArtifactError, match="The file is damaged"):
            read_tensors(bytes(damaged), read_document(bytes(damaged)))


def test_a_checksum_covers_names_types_and_shapes() -> None:
    document = read_document(write_bytes({}, {"a": np.zeros(4, np.int32)}))
    for other in (
        {"b": np.zeros(4, np.int32)},
        {"a": np.zeros(4, np.float32)},
        {"a": np.zeros((2, 2), np.int32)},
    ):
        with pytest.raises(ArtifactError, match="The file is damaged"):
            read_tensors(save(other, {"gmmaug": json.dumps(document)}), document)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_tensors_that_are_not_finite_are_refused(value: float) -> None:
    contents = write_bytes({}, {"a": np.array([0, value])})
    with pytest.raises(ArtifactError, match="must be finite"):
        read_tensors(contents, read_document(contents))


@pytest.mark.parametrize("dtype", [np.float16, np.bool_, np.uint64])
def test_tensors_of_other_types_are_refused(dtype: type) -> None:
    contents = write_bytes({}, {"a": np.zeros(2, dtype)})
    with pytest.raises(ArtifactError, match="Tensors must be"):
        read_tensors(contents, read_document(contents))


def header(entry: dict[str, Any], body: bytes = bytes(8)) -> bytes:
    """A file with one tensor, whatever its entry says."""
    text = json.dumps({"__metadata__": {"gmmaug": "{}"}, "a": entry}).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F64", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [1], "data_offsets": [0, 2**40]},
        {"dtype": "F64", "shape": [2**62, 4], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]},
        {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
        {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "F64"},
    ],
    ids=["short", "beyond the end", "overflow", "negative", "gap", "trailing", "objects", "no shape"],
)
def test_shapes_that_do_not_fit_the_file_are_refused(entry: dict[str, Any]) -> None:
    contents = header(entry)
    with pytest.raises(ArtifactError, match="Not a whole safetensors file"):
        read_tensors(contents, read_document(contents))


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
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
