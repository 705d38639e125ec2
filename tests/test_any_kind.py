"""Adapters, files, commands and reports take any kind of model: here one that is no PCA mixture."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import albumentations as A
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from gmmaug_plugin import load_model
from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary
from gmmaug_plugin.artifact import files
from gmmaug_plugin.cli import app
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.pictures import save_png
from gmmaug_plugin.tensorflow import gmm_dataset, mix
from gmmaug_plugin.tensorflow.drawing import Drawing
from gmmaug_plugin.tensorflow.noise import PlacedNoise
from tests.flat_model import FlatModel

MODEL = FlatModel((60.0, 180.0), class_names=("dark", "light"))
KEPT = replace(MODEL, templates=(10.0, 250.0), strengths=Strengths(0.5, 0.4))


def encode(model: FlatModel) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    document = {
        "image_size": model.size,
        "class_names": list(model.class_names),
        "info": dict(model.info),
        "strengths": model.strengths.as_json(),
    }
    tensors = {"levels": np.array(model.levels)}
    if model.templates is not None:
        tensors["template_components"] = np.arange(len(model.templates), dtype=np.int32)
    return document, tensors


def decode(reader: Any) -> FlatModel:
    told = reader.document
    levels = reader.tensor("levels", np.float64, reader.shapes["levels"])
    return FlatModel(tuple(levels), told["image_size"], tuple(told["class_names"]), told["info"])


@pytest.fixture(autouse=True)
def files_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = SimpleNamespace(encode=encode, decode=decode, FORMAT_VERSION=7, VERSIONS_READ=(7,))
    monkeypatch.setitem(files._CODECS, FlatModel.kind, codec)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("model", [MODEL, KEPT])
def test_every_adapter_synthesises_and_varies(model: FlatModel, tmp_path: Path) -> None:
    photos, labels = MODEL.sample(12, seed=9)
    real = tf.data.Dataset.from_tensor_slices((photos[..., None], labels))
    made = np.stack([image for image, _ in gmm_dataset(model, 5).as_numpy_iterator()])
    assert (made.std(axis=(1, 2, 3)) == 0).all()
    for mode in ("synthesize", "vary"):
        batch = next(iter(mix(real, model, ratio=0.5, batch_size=8, mode=mode)))[0]
        assert batch.shape == (8, 16, 16, 1)
        sequence = GMMSequence(photos, labels, model=model, ratio=0.5, batch_size=8, mode=mode)
        assert sequence[0][0].shape == (8, 16, 16)
    path = tmp_path / "flat.safetensors"
    model.save(path)
    for transform in (GMMSynthesize, GMMVary):
        image = A.Compose([transform(str(path), p=1.0)], seed=0)(image=photos[0], label="dark")["image"]
        assert image.shape == (16, 16)


def test_the_engines_give_the_same_images_of_the_same_places() -> None:
    """Each kind takes as many uniforms as it says, in every engine."""
    noise = PlacedNoise(0)
    place = (tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    images, labels = Drawing(KEPT, noise, (0.5, 0.5)).draw(place, 10)
    uniform = noise.uniform("component", place, [10, 2]).numpy()
    normal = noise.normal("normal", place, [10, 1]).numpy()
    rows = KEPT.label_rows(None, 10)
    expected = KEPT.synthesize(NumpyEngine(), rows, np.full(10, 0.5), uniform, normal)
    np.testing.assert_array_equal(labels, expected[1])
    assert np.abs(images.numpy().astype(int) - expected[0]).max() <= 1


def test_files_name_the_version_of_their_kind_and_inspection_tells_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "flat.safetensors"
    KEPT.save(path)
    assert isinstance(load_model(path), FlatModel)
    told = run("inspect", path)
    for expected in ("flat, format version 7", "2: the file holds encodings of 2 training", "0.5, 0.4"):
        assert expected in told
    assert "symmetry" not in told
    assert "noise outside" not in told
    MODEL.save(path)
    assert "none" in run("inspect", path)


def test_a_report_shows_what_there_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder, path = tmp_path / "photos", tmp_path / "flat.safetensors"
    images, labels, _ = make_flowers(24, image_size=16, n_classes=2)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / MODEL.class_names[label]).mkdir(parents=True, exist_ok=True)
        save_png(image, folder / MODEL.class_names[label] / f"{index}.png")
    photos = load_photos(folder, image_size=16, quiet=True)
    info = {"photos": photos.fingerprint, "photos_per_class": {"dark": 12, "light": 12}}
    replace(MODEL, info={**info, "options": {"refit": True}}).save(path)
    told = run("report", path, folder, "-o", tmp_path / "report", "--no-features")
    assert "Wrote" in told
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    assert figures["model"]["kind"] == "flat"
    assert figures["measures"]
    assert (figures["components"], figures["calibration"]) == ([], {"tables": [], "test": None})
    assert "no eigen-images" in (tmp_path / "report" / "index.html").read_text()
