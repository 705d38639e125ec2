"""Every adapter takes the strengths that were measured for the model, unless it is told otherwise."""

from dataclasses import replace
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_model

OWN = Strengths(synthesis=0.3, variation=0.8)
MODEL = random_model(templates=6, components=(2, 2), strengths=OWN)
WEAK = replace(MODEL, strengths=Strengths(0.0, 0.0))
PLAIN = replace(MODEL, templates=None)
PHOTOS, LABELS = MODEL.sample(16, strength=1.0, seed=9)


def keras_batch(model, mode, **options):
    sequence = GMMSequence(
        PHOTOS, LABELS, model=model, ratio=0.5, batch_size=16, mode=mode, shuffle=False, **options
    )
    return sequence[0][0]


def mixed(model, mode, **options):
    real = tf.data.Dataset.from_tensor_slices((PHOTOS[..., None], LABELS))
    return next(iter(mix(real, model, ratio=0.5, batch_size=16, mode=mode, **options)))[0].numpy()


def generated(model, mode, **options):
    return np.stack([image for image, _ in gmm_dataset(model, 8, **options).as_numpy_iterator()])


def transformed(model, mode, tmp_path, **options):
    path = tmp_path / "model.safetensors"
    model.save(path)
    transform = GMMVary if mode == "vary" else GMMSynthesize
    pipeline = A.Compose([transform(str(path), p=1.0, **options)], seed=0)
    return np.stack([pipeline(image=PHOTOS[0], label=int(LABELS[0]))["image"] for _ in range(4)])


@pytest.fixture(params=["keras", "mix", "gmm_dataset", "albumentations"])
def adapter(request, tmp_path: Path):
    if request.param == "albumentations":
        return lambda model, mode, **options: transformed(model, mode, tmp_path, **options)
    return {"keras": keras_batch, "mix": mixed, "gmm_dataset": generated}[request.param]


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_the_models_own_strength_is_the_default(adapter, mode: str) -> None:
    if adapter is generated and mode == "vary":
        pytest.skip("gmm_dataset only synthesises")
    own = OWN.variation if mode == "vary" else OWN.synthesis
    images = adapter(MODEL, mode)
    np.testing.assert_array_equal(images, adapter(MODEL, mode, strength=own))
    assert (images != adapter(MODEL, mode, strength=own / 2)).any()
    assert (images != adapter(WEAK, mode)).any()


def test_a_range_of_strengths_is_drawn_from(adapter) -> None:
    ranged = adapter(MODEL, "synthesize", strength=(0.0, 1.0))
    assert (ranged != adapter(MODEL, "synthesize", strength=0.0)).any()
    assert (ranged != adapter(MODEL, "synthesize", strength=1.0)).any()


def test_a_model_without_templates_takes_no_strength_of_synthesis(adapter) -> None:
    adapter(PLAIN, "synthesize")
    adapter(PLAIN, "synthesize", strength=1.0)
    with pytest.raises(ValueError, match="without templates only knows fresh draws"):
        adapter(PLAIN, "synthesize", strength=0.5)


def test_without_strength_templates_come_back() -> None:
    """All of what the engines draw at strength 0 is among the templates."""
    known = {image.tobytes() for image in WEAK.sample(400, seed=0)[0]}
    assert len(known) == 6
    assert {image[..., 0].tobytes() for image in generated(WEAK, "synthesize")} <= known
