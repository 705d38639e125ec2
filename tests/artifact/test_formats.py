"""Files that older versions wrote, see ``formats/README.md``."""

import json
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import describe_artifact, multiscale, pca
from gmmaug_plugin.models.strengths import Strengths
from tests.artifact.hostile import parts_of, refused

FORMATS = Path(__file__).parent / "formats"


class Told(NamedTuple):
    """What stands in the table of the README."""

    version: int
    kind: str
    image_size: int
    class_names: tuple[str, ...]
    n_components: int
    strengths: Strengths = Strengths(1.0, 0.5)
    n_templates: int = 0


FILES = {
    "version-1-flip": Told(1, "pca", 16, ("a", "b"), 5),
    "version-1-d4": Told(1, "pca", 8, ("a", "b"), 3),
    "version-1-unlabelled": Told(1, "pca", 8, (), 2),
    "version-2-flip": Told(2, "pca", 8, ("a", "b"), 3),
    "version-2-templates": Told(2, "pca", 8, ("a", "b"), 2, Strengths(0.75, 0.25), 5),
    "version-3-shared": Told(3, "multiscale", 32, ("a", "b"), 14),
    "version-3-templates": Told(3, "multiscale", 32, ("a", "b"), 14, Strengths(0.75, 0.25), 2),
}


def version_of(path: Path) -> tuple[str, int]:
    """Kind and format version, read without the package."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    document = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["gmmaug"])
    return document["kind"], document["format_version"]


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_version_are_read_as_they_were_written(name: str) -> None:
    path, told = FORMATS / f"{name}.safetensors", FILES[name]
    assert version_of(path) == (told.kind, told.version)
    model = load_model(path)
    found = (model.kind, model.image_size, model.class_names, model.n_components, model.strengths)
    assert found == (told.kind, told.image_size, told.class_names, told.n_components, told.strengths)
    assert model.n_templates == told.n_templates
    assert model.info == {"note": "made for tests"}
    images, labels = model.sample(4, seed=0)
    with np.load(FORMATS / f"{name}.npz", allow_pickle=False) as drawn:
        expected = drawn["images"]
    assert images.shape == expected.shape == (4, told.image_size, told.image_size)
    assert np.abs(images.astype(int) - expected).max() <= 1
    assert (labels is None) == (not told.class_names)
    assert np.isfinite(model.score_samples(images)).all()
    assert describe_artifact(path)["document"]["format_version"] == told.version


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_version_are_written_anew_as_the_same_model(tmp_path: Path, name: str) -> None:
    old, new = load_model(FORMATS / f"{name}.safetensors"), tmp_path / "new.safetensors"
    old.save(new)
    codec = {"pca": pca, "multiscale": multiscale}[old.kind]
    assert version_of(new) == (old.kind, codec.FORMAT_VERSION)
    np.testing.assert_array_equal(load_model(new).sample(4, seed=0)[0], old.sample(4, seed=0)[0])


@pytest.mark.parametrize("kind", ["pca", "multiscale"])
def test_a_version_that_a_kind_never_had_is_refused(tmp_path: Path, kind: str) -> None:
    codec = {"pca": pca, "multiscale": multiscale}[kind]
    for version in range(1, 4):
        parts = parts_of(kind)
        parts.document["format_version"] = version
        (tmp_path / "model.safetensors").write_bytes(parts.to_bytes())
        if version in codec.VERSIONS_READ:
            load_model(tmp_path / "model.safetensors")
        else:
            refused(
                tmp_path / "model.safetensors", f"{kind!r} has one of.*Received: format version {version}"
            )


def test_every_version_up_to_the_newest_of_every_kind_has_a_file() -> None:
    written = {version_of(path) for path in FORMATS.glob("*.safetensors")}
    assert {path.stem for path in FORMATS.glob("*.safetensors")} == set(FILES)
    read = {
        (kind, v) for kind, codec in (("pca", pca), ("multiscale", multiscale)) for v in codec.VERSIONS_READ
    }
    assert written == read
    assert {("pca", pca.FORMAT_VERSION), ("multiscale", multiscale.FORMAT_VERSION)} <= read


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in FORMATS.iterdir()) < 60_000
