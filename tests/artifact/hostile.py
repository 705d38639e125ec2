"""What tests of hostile files share."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError, save_model
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.strengths import Strengths
from reliability.fuzzing.parts import Parts, take_apart
from reliability.fuzzing.trial import use
from tests.factories import random_model
from tests.multiscale_models import random_multiscale

MODELS: dict[str, ImageModel] = {
    "pca": random_model("d4", image_size=6, components=(2, 1)),
    "pca, templates": random_model(
        image_size=6, components=(1, 2), templates=4, strengths=Strengths(0.75, 0.25)
    ),
    "multiscale": random_multiscale(n_classes=2, per_class=1),
    "multiscale, templates": random_multiscale(n_classes=2, per_class=1, shared=False, templates=3),
}


def write(kind: str, path: Path) -> bytes:
    """Write the file of a kind of model, and return it."""
    path.write_bytes(_contents(kind))
    return _contents(kind)


def parts_of(kind: str) -> Parts:
    """The parts of the file of a kind of model."""
    parts = take_apart(_contents(kind))
    assert parts is not None
    return parts


@cache
def _contents(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(MODELS[kind], path)
        return path.read_bytes()


def refused(path: Path, match: str | None = None, *, longest: int = 2000) -> None:
    """Check that a file is refused, in a message that can be read."""
    with pytest.raises(ArtifactError, match=match) as error:
        load_model(path)
    assert "Received: " in str(error.value)
    assert len(str(error.value)) < longest


def loaded(path: Path) -> ImageModel | None:
    """The model of a file; None if it is refused."""
    try:
        return load_model(path)
    except ArtifactError:
        return None


def refused_or_sound(path: Path) -> ImageModel | None:
    """Check that a file is refused, or makes a model that draws, varies, weighs and is saved."""
    model = loaded(path)
    if model is None:
        refused(path)
    else:
        use(model, path.with_name("again.safetensors"))
    return model


def same_contents(one: ImageModel, other: ImageModel) -> bool:
    """Whether two models are the same, number by number, as their files tell."""
    texts = []
    for model in (one, other):
        document, tensors = _encoded(model)
        texts.append((json.dumps(document, sort_keys=True), tensors))
    (text, arrays), (other_text, others) = texts
    return text == other_text and all(
        name in others and array.dtype == others[name].dtype and np.array_equal(array, others[name])
        for name, array in arrays.items()
    )


def _encoded(model: ImageModel) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from gmmaug_plugin.artifact import multiscale, pca

    return {"pca": pca, "multiscale": multiscale}[model.kind].encode(model)  # type: ignore[attr-defined]
