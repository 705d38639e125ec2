"""What every kind of model gets from its base, on one that is made up."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from gmmaug_plugin.artifact import ArtifactError, as_model
from gmmaug_plugin.models import ImageModel
from gmmaug_plugin.models.strengths import Strengths, check_strengths
from tests.flat_model import FlatModel

MODEL = FlatModel((60.0, 180.0), class_names=("dark", "light"))
PHOTOS = np.random.default_rng(0).integers(0, 256, (20, 16, 16)).astype(np.uint8)


class ByHalves(FlatModel):
    """Moves the upper half of images by one strength and the lower by another."""

    def variation_strengths(self, strength: ArrayLike | None, n: int) -> np.ndarray:
        if strength is None:
            return np.tile([0.0, 1.0], (n, 1))
        return np.repeat(check_strengths(strength, n)[:, None], 2, axis=1)

    def move(self, engine, grey, strength, rows, uniform, normal):
        halves = [
            super(ByHalves, self).move(engine, grey, strength[:, half], rows, uniform, normal)
            for half in (0, 1)
        ]
        return engine.concat([halves[0][:, :8], halves[1][:, 8:]], 1)


def test_images_belong_to_their_place_however_many_are_drawn_at_a_time() -> None:
    images, labels = MODEL.sample(30, seed=1)
    assert images.shape == (30, 16, 16)
    assert images.dtype == np.uint8
    assert set(labels) == {0, 1}
    assert (images.std(axis=(1, 2)) == 0).all()
    assert len(np.unique(images)) > 10
    part, part_labels = MODEL.sample(11, seed=1, start=13)
    np.testing.assert_array_equal(part, images[13:24])
    np.testing.assert_array_equal(part_labels, labels[13:24])
    varied = MODEL.vary(PHOTOS, strength=0.5, seed=1)
    np.testing.assert_array_equal(MODEL.vary(PHOTOS[13:], strength=0.5, seed=1, start=13), varied[13:])


def test_classes_go_by_name_and_number() -> None:
    by_name, labels = MODEL.sample(12, label="light", seed=0)
    np.testing.assert_array_equal(by_name, MODEL.sample(12, label=1, seed=0)[0])
    assert labels.tolist() == [1] * 12
    assert by_name.mean() > 150
    assert MODEL.label_rows(None, 2).tolist() == [2, 2]
    assert MODEL.label_rows(["light", 0], 2).tolist() == [1, 0]
    fresh = MODEL.vary(PHOTOS[:2], strength=1.0, label=["light", "dark"], seed=0)
    assert fresh[0].mean() > 120 > fresh[1].mean()
    with pytest.raises(ValueError, match=r"classes are \['dark', 'light'\].*Received: label='grey'"):
        MODEL.sample(1, label="grey")
    with pytest.raises(ValueError, match=r"one per image \(3\)\. Received: shape \(2,\)"):
        MODEL.label_rows([0, 1], 3)


def test_a_model_without_names_gives_no_labels() -> None:
    unlabelled = FlatModel((90.0,))
    assert unlabelled.sample(3, seed=0)[1] is None
    assert unlabelled.n_classes == 1
    with pytest.raises(ValueError, match="unlabelled photos, so label must be None"):
        unlabelled.sample(1, label=0)


def test_only_templates_know_other_strengths_of_synthesis_than_1() -> None:
    assert MODEL.n_templates == 0
    assert MODEL.synthesis_strengths(None, 2).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match=r"without templates.*Received: strength=0\.5"):
        MODEL.sample(1, strength=0.5)
    kept = replace(MODEL, templates=(10.0, 250.0), strengths=Strengths(synthesis=0.0))
    assert kept.n_templates == 2
    images, labels = kept.sample(9, seed=0)
    np.testing.assert_array_equal(images[:, 0, 0], np.array([10, 250])[labels])
    assert (kept.sample(9, strength=1.0, seed=0)[0] == MODEL.sample(9, seed=0)[0]).all()


def test_strength_0_gives_photos_of_any_layout_back_and_the_models_own_is_the_default() -> None:
    colour = np.random.default_rng(0).random((5, 20, 24, 3)).astype(np.float32)
    np.testing.assert_allclose(MODEL.vary(colour, strength=0.0, seed=0), colour, atol=1e-6)
    np.testing.assert_array_equal(MODEL.vary(PHOTOS, strength=0, seed=0), PHOTOS)
    np.testing.assert_array_equal(MODEL.vary(PHOTOS, seed=0), MODEL.vary(PHOTOS, strength=0.5, seed=0))
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\]"):
        MODEL.vary(PHOTOS, strength=2.0)


def test_a_kind_may_have_several_strengths_per_image() -> None:
    halves = ByHalves(MODEL.levels)
    varied = halves.vary(PHOTOS, seed=0)
    np.testing.assert_array_equal(varied[:, :8], PHOTOS[:, :8])
    assert (varied[:, 8:].std(axis=(1, 2)) < 1).all()
    whole = FlatModel(MODEL.levels).vary(PHOTOS, strength=0.3, seed=0)
    np.testing.assert_array_equal(halves.vary(PHOTOS, strength=0.3, seed=0), whole)


def test_copies_hold_the_fields_alone() -> None:
    images = MODEL.sample(4, seed=0)[0]
    assert "_log_weights" in vars(MODEL)
    copied = pickle.loads(pickle.dumps(MODEL))
    assert "_log_weights" not in vars(copied)
    np.testing.assert_array_equal(copied.sample(4, seed=0)[0], images)


def test_a_kind_must_bring_its_arithmetic_and_files_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="abstract"):
        ImageModel()
    assert as_model(MODEL) is MODEL
    with pytest.raises(ArtifactError, match=r"kind of model must be one of \['pca'.*Received: 'flat'"):
        MODEL.save(tmp_path / "flat.safetensors")
    assert not list(tmp_path.iterdir())
