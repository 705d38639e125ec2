import dataclasses
import json
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError, describe_artifact, save_model
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from tests.factories import random_model


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    random_model().save(path)
    return path


def read_parts(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    document = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["gmmaug"])
    return document, load_file(path)


def write_parts(path: Path, document: object, tensors: dict[str, np.ndarray]) -> None:
    save_file(tensors, path, metadata={"gmmaug": json.dumps(document)})


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("components", [(3,), (2, 1, 3)])
@pytest.mark.parametrize("templates", [0, 7])
def test_a_loaded_model_is_the_saved_one(
    tmp_path: Path, symmetry: Symmetry, components: tuple, templates: int
) -> None:
    model = random_model(
        symmetry, components=components, templates=templates, strengths=Strengths(0.75, 0.25)
    )
    path = tmp_path / "model.safetensors"
    size = save_model(model, path)
    loaded = load_model(str(path))
    assert size == path.stat().st_size
    assert (loaded.class_names, loaded.info) == (model.class_names, model.info)
    assert loaded.strengths == model.strengths
    images = model.sample(20, seed=0)[0]
    np.testing.assert_array_equal(loaded.sample(20, seed=0)[0], images)
    np.testing.assert_array_equal(loaded.vary(images, seed=0), model.vary(images, seed=0))
    np.testing.assert_array_equal(loaded.score_samples(images), model.score_samples(images))
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, r"newer gmmaug-plugin.*up to \d\..*Received: format version 99"),
        ({"format_version": "1"}, "must name format"),
        ({"format": "other"}, "must name format"),
        ({"kind": "gan"}, "kind of model must be one of"),
        ({"kind": ["pca"]}, "kind of model must be one of"),
        ({"image_size": 10**9}, "image_size must be"),
        ({"image_size": 16.0}, "image_size must be"),
        ({"image_size": 18}, "Tensor .* must be"),
        ({"image_size": 15}, "even image_size"),
        ({"symmetry": "d4"}, "missing"),
        ({"symmetry": ["flip"]}, "symmetry must be one of"),
        ({"noise_variance": 0.0}, "noise_variance must be"),
        ({"noise_variance": "1"}, "noise_variance must be"),
        ({"class_names": ["a", "a"]}, "class_names must be"),
        ({"class_names": ["a"]}, "classes must be"),
        ({"class_names": ["a", "b", "c"]}, "classes must be"),
        ({"class_names": None}, "class_names must be"),
        ({"info": []}, "info must be"),
        ({"strengths": []}, "strengths must be those of"),
        ({"strengths": {"speed": 1.0}}, "strengths must be those of"),
        ({"strengths": {"variation": 1.5}}, r"variation must be in \[0, 1\]. Received: 1.5"),
        ({"strengths": {"synthesis": True}}, r"synthesis must be in \[0, 1\]. Received: True"),
    ],
)
def test_a_changed_document_is_refused(artifact: Path, change: dict, message: str) -> None:
    document, tensors = read_parts(artifact)
    write_parts(artifact, {**document, **change}, tensors)
    with pytest.raises(ArtifactError, match=message):
        load_model(artifact)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("weights", lambda a: a * 2, "sum to one"),
        ("weights", lambda a: -a, "weights must be"),
        ("means", lambda a: a * np.nan, "finite"),
        ("means", lambda a: a[:, :-1].copy(), "must be float32"),
        ("means", lambda a: a.astype(np.float64), "must be float32"),
        ("variances", lambda a: -a, "variances must be positive"),
        ("variances", lambda a: a * 0, "variances must be positive"),
        ("factor_offsets", lambda a: a[::-1].copy(), "factor_offsets must ascend"),
        ("factor_offsets", lambda a: a + 1, "factor_offsets must ascend"),
        ("groups", lambda a: a + 1, "groups must be"),
        ("groups", lambda a: a - 1, "groups must be"),
        ("classes", lambda a: a * 0, "classes must be"),
        ("classes", lambda a: a + 1, "classes must be"),
        ("mean", lambda a: a[0], "must be float32"),
        ("basis.even", lambda a: a * 0, "row of zeros"),
        ("basis.even", lambda a: np.zeros((0, 16, 8), np.int8), "must be float32"),
        ("basis_scale.odd", lambda a: a * 0, "must be positive"),
    ],
)
def test_changed_tensors_are_refused(artifact: Path, name: str, change, message: str) -> None:
    document, tensors = read_parts(artifact)
    write_parts(artifact, document, {**tensors, name: change(tensors[name])})
    with pytest.raises(ArtifactError, match=message):
        load_model(artifact)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("template_codes", lambda a: a[:, 1:].copy(), "must be int8"),
        ("template_codes", lambda a: a[:0], "must have 1 to"),
        ("template_scales", lambda a: a * 0, "'template_scales' must be positive"),
        ("template_components", lambda a: a + 3, "must be numbers of components, 0 to 4"),
        ("template_components", lambda a: a * 0, "Every class must have a template"),
        ("template_components", lambda a: None, r"missing \['template_components'\]"),
    ],
)
def test_changed_templates_are_refused(tmp_path: Path, name: str, change, message: str) -> None:
    path = tmp_path / "model.safetensors"
    random_model(templates=7).save(path)
    document, tensors = read_parts(path)
    changed = {**tensors, name: change(tensors[name])}
    write_parts(path, document, {key: value for key, value in changed.items() if value is not None})
    with pytest.raises(ArtifactError, match=message):
        load_model(path)


def test_a_file_of_format_version_1_is_read(tmp_path: Path) -> None:
    """It has neither strengths nor templates: fresh draws, and variation of 0.5."""
    model = load_model(Path(__file__).parent / "artifact" / "formats" / "version-1-flip.safetensors")
    assert model.strengths == Strengths(synthesis=1.0, variation=0.5)
    assert model.templates is None
    np.testing.assert_array_equal(model.sample(8, seed=0)[0], random_model().sample(8, seed=0)[0])


def test_plausible_changes_are_told_by_the_checksum(artifact: Path) -> None:
    document, tensors = read_parts(artifact)
    write_parts(artifact, document, {**tensors, "means": -tensors["means"]})
    with pytest.raises(ArtifactError, match="SHA-256"):
        load_model(artifact)
    write_parts(artifact, {**document, "class_names": ["b", "a"]}, tensors)
    with pytest.raises(ArtifactError, match="SHA-256"):
        load_model(artifact)
    write_parts(artifact, document, tensors)
    assert load_model(artifact).class_names == ("a", "b")


def test_missing_and_additional_tensors_are_refused(artifact: Path) -> None:
    document, tensors = read_parts(artifact)
    write_parts(artifact, document, {**tensors, "extra": np.zeros(1)})
    with pytest.raises(ArtifactError, match=r"unknown \['extra'\]"):
        load_model(artifact)
    del tensors["means"]
    write_parts(artifact, document, tensors)
    with pytest.raises(ArtifactError, match=r"missing \['means'\]"):
        load_model(artifact)


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04", b"\x80\x04N.", b"\xff" * 100, b"{}" * 50])
def test_other_files_are_refused(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(contents)
    with pytest.raises(ArtifactError):
        load_model(path)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", '{"a": NaN}', "{", "null"])
def test_bad_documents_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.safetensors"
    save_file({"weights": np.ones(1)}, path, metadata={"gmmaug": text})
    with pytest.raises(ArtifactError):
        load_model(path)
    save_file({"weights": np.ones(1)}, path)
    with pytest.raises(ArtifactError, match="not written by gmmaug"):
        load_model(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1, exclude_max=True))
def test_truncated_files_are_refused(artifact: Path, cut: float) -> None:
    raw = artifact.read_bytes()
    short = artifact.with_name("short.safetensors")
    short.write_bytes(raw[: int(cut * len(raw))])
    with pytest.raises(ArtifactError):
        load_model(short)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_flipped_bits_are_told_or_change_nothing(artifact: Path, place: float, bit: int) -> None:
    """A bit of padding may be flipped without harm; no other."""
    raw = bytearray(artifact.read_bytes())
    raw[int(place * len(raw))] ^= 1 << bit
    flipped = artifact.with_name("flipped.safetensors")
    flipped.write_bytes(raw)
    try:
        model = load_model(flipped)
    except ArtifactError:
        return
    np.testing.assert_array_equal(model.sample(2, seed=0)[0], random_model().sample(2, seed=0)[0])
    assert model.info == random_model().info


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.safetensors")
    with pytest.raises(ArtifactError, match="a folder"):
        load_model(tmp_path)


def test_nothing_of_the_machine_or_the_clock_is_in_the_file(tmp_path: Path) -> None:
    from gmmaug_plugin.datasets import make_flowers
    from tests.factories import fit_all as fit

    fit(make_flowers(10, image_size=16)[0], quiet=True).save(tmp_path / "model.safetensors")
    text = json.dumps(read_parts(tmp_path / "model.safetensors")[0])
    assert str(tmp_path) not in text
    assert os.sep not in text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = artifact.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        random_model(seed=9).save(artifact)
    assert artifact.read_bytes() == before
    assert [path.name for path in artifact.parent.iterdir()] == [artifact.name]


def test_two_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    models = [random_model(seed=seed) for seed in range(4)]
    threads = [threading.Thread(target=lambda m=model: [m.save(path) for _ in range(10)]) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = load_model(path).sample(1, seed=0)[0]
    assert any((found == model.sample(1, seed=0)[0]).all() for model in models)
    assert len(list(tmp_path.iterdir())) == 1


def test_names_without_the_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        random_model().save(tmp_path / "model.pkl")


def test_description_adds_up(artifact: Path) -> None:
    description = describe_artifact(artifact)
    assert description["file_bytes"] == artifact.stat().st_size
    bytes_of_tensors = sum(tensor["bytes"] for tensor in description["tensors"].values())
    assert 0 < description["file_bytes"] - bytes_of_tensors < 5000


def test_a_model_that_could_not_be_loaded_is_not_saved(artifact: Path) -> None:
    before = artifact.read_bytes()
    model = random_model()
    broken = dataclasses.replace(model, noise_variance=0.0)
    with pytest.raises(ArtifactError, match="noise_variance"):
        broken.save(artifact)
    infinite = dataclasses.replace(model.mixture, means=model.mixture.means * np.float32(np.inf))
    with pytest.raises(ArtifactError, match="finite"):
        dataclasses.replace(model, mixture=infinite).save(artifact)
    assert artifact.read_bytes() == before
    assert len(list(artifact.parent.iterdir())) == 1


def test_what_cannot_be_loaded_is_not_described(artifact: Path) -> None:
    document, tensors = read_parts(artifact)
    del document["info"]
    write_parts(artifact, document, tensors)
    with pytest.raises(ArtifactError, match="info must be"):
        describe_artifact(artifact)
    write_parts(artifact, {**document, "info": {}}, {**tensors, "weights": np.ones(5, np.uint64)})
    with pytest.raises(ArtifactError, match="must be float64"):
        describe_artifact(artifact)
