"""Synthesis that starts from stored photos, and the strengths that a model carries."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.models.templates import Templates
from tests.factories import random_model

ENGINE = NumpyEngine()


def template_images(model: PCAMixture) -> np.ndarray:
    assert model.templates is not None
    codes = model.templates.take(ENGINE, np.arange(len(model.templates)))
    return ENGINE.to_uint8(model.basis.decode(ENGINE, codes), model.basis.mean)


@settings(deadline=None)
@given(arrays(np.float64, (5, 3), elements=st.floats(-1e4, 1e4)))
def test_rounded_codes_are_within_half_a_step(codes: np.ndarray) -> None:
    templates = Templates.of(codes, np.zeros(5, int))
    kept = templates.take(ENGINE, np.arange(5))
    assert (np.abs(kept - codes) <= templates.scales * 0.501 + 1e-6).all()


def test_strength_zero_gives_the_templates_back_each_as_often() -> None:
    model = random_model(templates=10)
    images, labels = model.sample(3000, strength=0.0, seed=0)
    known = template_images(model)
    same = (images[:, None] == known).all(axis=(2, 3))
    assert same.any(axis=1).all()
    drawn = same.argmax(axis=1)
    assert (labels == model.mixture.classes[model.templates.components[drawn]]).all()
    # Classes keep the mixture's shares; within 5 standard errors.
    share = model.mixture.weights[model.mixture.classes == 1].sum()
    assert abs(labels.mean() - share) < 5 * np.sqrt(share * (1 - share) / 3000)
    of_a = np.bincount(drawn[labels == 0])
    of_a = of_a[of_a > 0]
    assert np.abs(of_a - of_a.mean()).max() < 5 * np.sqrt(of_a.mean())


def test_strength_one_is_a_fresh_draw_of_the_templates_component() -> None:
    model = random_model(templates=5, components=(1,), ranks=False)
    plain = replace(model, templates=None)
    np.testing.assert_array_equal(model.sample(50, strength=1.0, seed=3)[0], plain.sample(50, seed=3)[0])


def test_the_distance_from_the_template_grows_with_strength() -> None:
    model = random_model(templates=1, components=(1,))
    known = template_images(model)[0].astype(float)
    distances = [
        np.abs(model.sample(40, strength=strength, seed=0)[0] - known).mean()
        for strength in (0.0, 0.1, 0.3, 0.6, 0.9)
    ]
    assert distances[0] == 0
    assert (np.diff(distances) > 0).all()


def test_the_models_own_strengths_are_the_defaults() -> None:
    model = random_model(templates=6, strengths=Strengths(synthesis=0.2, variation=0.9))
    np.testing.assert_array_equal(model.sample(8, seed=0)[0], model.sample(8, strength=0.2, seed=0)[0])
    photos = model.sample(8, seed=1)[0]
    np.testing.assert_array_equal(model.vary(photos, seed=0), model.vary(photos, strength=0.9, seed=0))
    other = replace(model, strengths=Strengths(0.8, 0.1))
    assert (other.sample(8, seed=0)[0] != model.sample(8, seed=0)[0]).any()
    assert (other.vary(photos, seed=0) != model.vary(photos, seed=0)).any()


def test_each_image_may_have_its_own_strength_and_parts_are_those_of_the_whole() -> None:
    model = random_model(templates=6)
    strengths = np.linspace(0, 1, 200)
    whole = model.sample(200, strength=strengths, seed=0)[0]
    part = model.sample(50, strength=strengths[140:190], seed=0, start=140)[0]
    np.testing.assert_array_equal(part, whole[140:190])


def test_without_templates_there_are_only_fresh_draws() -> None:
    model = random_model(strengths=Strengths(synthesis=0.3))
    np.testing.assert_array_equal(model.sample(4, strength=1, seed=0)[0], model.sample(4, seed=0)[0])
    with pytest.raises(ValueError, match=r"without templates.*fit it with templates.*strength=0\.5"):
        model.sample(4, strength=0.5)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_strengths_outside_the_range_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"strength of variation must be in \[0, 1\]\. Received: "):
        Strengths(variation=value)
