"""Headers and documents that no version of the package writes."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from typer.testing import CliRunner

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError, describe_artifact, save_model
from gmmaug_plugin.artifact.documents import MAX_DEPTH
from gmmaug_plugin.cli import app
from gmmaug_plugin.models.strengths import Strengths
from tests.artifact.hostile import MODELS, loaded, parts_of, refused, refused_or_sound, write
from tests.factories import random_model

NO_JSON = ["1e999", "-1e999", "NaN", "Infinity", "1" * 5000, "01", '{"a":1,"a":2}', "[1,]", "tru", '"']


def write_raw(path: Path, kind: str, **raw: str) -> None:
    """A signed file with text in place of values of its document."""
    parts = parts_of(kind)
    for name, text in raw.items():
        parts.document[name] = f"RAW {name}"
        parts.raw[f"RAW {name}"] = text
    path.write_bytes(parts.to_bytes())


@pytest.mark.parametrize("name", ["info", "noise_variance", "extra", "strengths"])
@pytest.mark.parametrize("text", NO_JSON)
def test_text_that_is_no_json_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "model.safetensors"
    write_raw(path, "pca", **{name: f'{{"a":{text}}}' if name == "info" else text})
    refused(path, "The document is no JSON")


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 400, 900, 990, 3000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":|}'])
def test_deep_documents_are_refused(tmp_path: Path, depth: int, brackets: str) -> None:
    """Among them such as json reads but cannot write again, or only from a stack that is not deep itself."""
    path = tmp_path / "model.safetensors"
    opened, closed = ("[", "]") if brackets == "[]" else ('{"a":', "}")
    inner = "" if brackets == "[]" else "1"
    write_raw(path, "pca", info=f'{{"deep":{opened * depth}{inner}{closed * depth}}}')
    refused(path, "nested deeper than 100|The document is no JSON")


def test_a_document_as_deep_as_allowed_is_read_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    depth = MAX_DEPTH - 2
    write_raw(path, "pca", info=f'{{"deep":{"[" * depth}{"]" * depth}}}')
    assert refused_or_sound(path) is not None
    write_raw(path, "pca", info=f'{{"deep":{"[" * (depth + 2)}{"]" * (depth + 2)}}}')
    refused(path, "nested deeper")


@pytest.mark.parametrize("text", ["1" + "0" * 400, "-1", "1e-400", "1.0000000001", "true", '"1"', "null"])
def test_strengths_of_any_number(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors"
    write_raw(path, "pca, templates", strengths=f'{{"synthesis":{text}}}')
    model = loaded(path)
    assert (model is not None) == (text == "1e-400")
    if model is None:
        refused(path, r"strength of synthesis must be in \[0, 1\]")


def test_a_strength_too_great_for_a_float_is_told() -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        Strengths(synthesis=10**400)


@pytest.mark.parametrize(
    ("names", "sound"),
    [
        (["a\nb", "\x1b]0;title\x07"], True),
        (["\ud800", "\udcff"], True),
        (["", "x" * 2**20], True),
        (["a", "a"], False),
        (["a", ["b"]], False),
        (["a", None], False),
        (["a"], False),
        (["a", "b", "c"], False),
        ({"a": 1, "b": 2}, False),
        ("ab", False),
    ],
    ids=[
        "control characters",
        "lone surrogates",
        "empty and long",
        "twice",
        "list",
        "null",
        "1",
        "3",
        "{}",
        "text",
    ],
)
@pytest.mark.parametrize("kind", ["pca", "multiscale"])
def test_class_names(tmp_path: Path, kind: str, names: Any, sound: bool) -> None:
    """Any different texts are names, as folders may have any; a message about them stays short."""
    path = tmp_path / "model.safetensors"
    parts = parts_of(kind)
    parts.document["class_names"] = names
    path.write_bytes(parts.to_bytes())
    if sound:
        model = refused_or_sound(path)
        assert model is not None
        assert list(model.class_names) == names
    else:
        refused(path)


@pytest.mark.parametrize(
    "name", ["kind", "format", "symmetry", "image_size", "class_names", "strengths", "info"]
)
@pytest.mark.parametrize(
    "value", ["x" * 2**20, ["y" * 2**20] * 2, {"z" * 2**20: 1}], ids=["text", "list", "object"]
)
def test_messages_stay_short(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of("pca")
    parts.document[name] = value
    path.write_bytes(parts.to_bytes())
    if loaded(path) is None:
        refused(path)
    else:
        assert name == "info"


@pytest.mark.parametrize("size", [True, 6.0, "6", None, [6], 0, -6, 7, 2**63, 10**400])
@pytest.mark.parametrize("kind", ["pca", "multiscale"])
def test_image_sizes(tmp_path: Path, kind: str, size: Any) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of(kind)
    parts.document["image_size"] = size
    path.write_bytes(parts.to_bytes())
    refused(path, "image_size|Tensor")


def lie(path: Path, kind: str, name: str, **told: Any) -> None:
    """Write a file whose header tells something else of a tensor."""
    parts = parts_of(kind)
    parts.change_header.append(lambda header: header[name].update(told))
    path.write_bytes(parts.to_bytes())


LIES: list[tuple[str, dict[str, Any]]] = [
    ("a huge shape", {"shape": [2**62, 2**62]}),
    ("a shape of no bytes", {"shape": [2**62, 0]}),
    ("a shape beyond 64 bits", {"shape": [2**64]}),
    ("a negative shape", {"shape": [-3]}),
    ("a fraction", {"shape": [3.0]}),
    ("a truth", {"shape": [True]}),
    ("no list", {"shape": 3}),
    ("many dimensions", {"shape": [1] * 100_000}),
    ("great dimensions", {"shape": [2**62] * 10_000}),
    ("overlap", {"data_offsets": [8, 32]}),
    ("beyond the end", {"data_offsets": [2**40, 2**40 + 24]}),
    ("backwards", {"data_offsets": [24, 0]}),
    ("one offset", {"data_offsets": [0]}),
    ("negative offsets", {"data_offsets": [-24, 0]}),
    ("bfloat16", {"dtype": "BF16"}),
    ("8 bits", {"dtype": "F8_E4M3"}),
    ("no type", {"dtype": None}),
    ("an object", {"dtype": "O" * 10_000}),
    ("more", {"more": 1}),
]


@pytest.mark.parametrize("kind", ["pca", "multiscale"])
@pytest.mark.parametrize("told", [told for _, told in LIES], ids=[name for name, _ in LIES])
def test_headers_that_lie_are_refused(tmp_path: Path, kind: str, told: dict[str, Any]) -> None:
    path = tmp_path / "model.safetensors"
    lie(path, kind, "weights", **told)
    refused(path)


def insert(contents: bytes, place: Literal["before", "after"]) -> bytes:
    """A file with eight bytes of its own before or after its tensors, and a header that tells of them."""
    header, tensors = header_of(contents)
    if place == "after":
        return contents + bytes(8)
    told = json.loads(header)
    for name in set(told) - {"__metadata__"}:
        told[name]["data_offsets"] = [offset + 8 for offset in told[name]["data_offsets"]]
    text = json.dumps(told).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8) + tensors


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["pca", "multiscale"])
def test_bytes_that_belong_to_no_tensor_are_refused(
    tmp_path: Path, kind: str, place: Literal["before", "after"]
) -> None:
    """Every tensor is as it was written and the checksum right: what else a file may hide is not read."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(insert(write(kind, path), place))
    refused(path, "leave a gap" if place == "before" else "bytes, .* follow the header")


def header_of(contents: bytes) -> tuple[bytes, bytes]:
    """Header and tensors of a file."""
    length = int.from_bytes(contents[:8], "little")
    return contents[8 : 8 + length], contents[8 + length :]


@pytest.mark.parametrize("length", [0, 1, 2**25 + 1, 2**32, 2**63, 2**64 - 1])
def test_headers_of_another_length_are_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + write("pca", path)[8:])
    refused(path, "Not a whole safetensors file")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"__metadata__":3}',
        b'{"__metadata__":{"gmmaug":3}}',
        b"{}",
    ],
)
def test_headers_that_are_none_are_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refused(path, "Not a whole safetensors file|not written by gmmaug")


def test_a_tensor_told_of_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    header, tensors = header_of(write("pca", path))
    told = json.dumps(json.loads(header)["weights"]).encode()
    header = header.rstrip()[:-1] + b',"weights":' + told + b"}"
    path.write_bytes(len(header).to_bytes(8, "little") + header + tensors)
    refused(path, "names a key twice")


def test_what_json_does_not_have_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    for info in ({"a": float("nan")}, {"a": np.float32(1)}, {"a": deep}, {1: 2, "b": 3}, {"a": {3}}):
        with pytest.raises(ArtifactError, match="info must be plain JSON values"):
            save_model(random_model_with(info), path)
    with pytest.raises(ArtifactError, match="nested deeper"):
        save_model(random_model_with({"a": json.loads("[" * 200 + "]" * 200)}), path)
    assert not list(tmp_path.iterdir())


def random_model_with(info: dict[Any, Any]) -> Any:
    from dataclasses import replace

    return replace(random_model(image_size=4), info=info)


def test_a_described_file_is_checked_as_a_loaded_one(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_raw(path, "pca", info='{"a":1e999}')
    with pytest.raises(ArtifactError, match="no JSON"):
        describe_artifact(path)
    write("pca", path)
    assert load_model(path).n_components == MODELS["pca"].n_components


def test_inspection_shows_control_characters_as_text(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of("pca")
    parts.document["info"] = {
        "photos_per_class": {"\x1b]0;title\x07": 3},
        "options": {"\x1b[2J": "\ud800"},
    }
    path.write_bytes(parts.to_bytes())
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["inspect", str(path)], catch_exceptions=False)
    assert "\x1b" not in told.output
    assert r"\x1b]0;title\x07" in told.output
    assert r"\ud800" in told.output
