"""Photos whose encodings a multi-scale mixture keeps."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.multiscale import fit_multiscale_mixture
from gmmaug_plugin.fitting.multiscale.templates import choose_photo_templates, encode_photos
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.fitting.templates import choose_photos
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale import MultiscaleMixture, PhotoTemplates
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS
from gmmaug_plugin.models.multiscale.layout import steps_of
from gmmaug_plugin.models.multiscale.templates import GRIDS, round_innovations

SIZE = 32

HALF_A_STEP = 0.126
"""Of float16 below 512."""


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Photos of two classes by turns, three times as many of the first."""
    images, labels, _ = make_flowers(60, image_size=SIZE, n_classes=2)
    keep = np.sort(np.r_[np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:10]])
    return images[keep], labels[keep]


@pytest.fixture(scope="module", params=["details", "none"])
def model(flowers, request: pytest.FixtureRequest) -> MultiscaleMixture:
    options = options_for("multiscale", None, n_components=3, sharing=request.param)
    return replace(fit_multiscale_mixture(*flowers, options, quiet=True)[0], class_names=("a", "b"))


def correlations(images: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Of every image with every photo."""
    one, other = (a.reshape(len(a), -1) - a.mean(axis=(1, 2), keepdims=True)[:, 0] for a in (images, photos))
    lengths = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    return one @ other.T / lengths


def test_unvaried_templates_show_their_photos(model: MultiscaleMixture, flowers) -> None:
    images, labels = flowers
    kept = replace(model, templates=encode_photos(model, images, labels, seed=0))
    assert len(kept.templates) == len(images)
    drawn, drawn_labels = kept.sample(400, strength=0.0, seed=0)
    found = correlations(drawn.astype(float), images.astype(float))
    assert found.max(axis=1).min() > 0.97
    shown = found.argmax(axis=1)
    assert set(shown) == set(range(len(images)))
    np.testing.assert_array_equal(labels[shown], drawn_labels)
    assert np.abs(drawn.astype(float) - images[shown]).mean() < 8


@pytest.mark.parametrize("label", [0, 1])
def test_only_templates_of_the_wanted_class_are_drawn(model: MultiscaleMixture, flowers, label: int) -> None:
    images, labels = flowers
    kept = replace(model, templates=choose_photo_templates(model, images, labels, 8))
    drawn, drawn_labels = kept.sample(100, label=label, strength=0.0, seed=0)
    assert set(drawn_labels) == {label}
    shown = correlations(drawn.astype(float), images.astype(float)).argmax(axis=1)
    assert set(labels[shown]) == {label}
    of_class = kept.base.classes[kept.templates.base_components] == label
    assert len(set(shown)) == of_class.sum()


def test_components_belong_to_the_class_of_the_photo(model: MultiscaleMixture, flowers) -> None:
    images, labels = flowers
    templates = encode_photos(model, images, labels, seed=0)
    np.testing.assert_array_equal(model.base.classes[templates.base_components], labels)
    mixtures = [mixture for phases in model.levels for mixture in phases]
    for step, mixture in zip(steps_of(SIZE), mixtures, strict=True):
        classes = mixture.classes[templates.components[:, step.begin : step.end]]
        assert ((classes == labels[:, None]) | (classes == EVERY_CLASS)).all()


def test_codes_are_those_of_the_model_with_rounded_innovations(model: MultiscaleMixture, flowers) -> None:
    """Every number stands where decoding looks for it, in every part of many photos."""
    images, labels = flowers
    engine = NumpyEngine()
    templates = encode_photos(model, images, labels, seed=3)
    uniform = np.random.default_rng(3).random((len(images), model.uniform_width))
    exact = model.encode(engine, images.astype(np.float32), labels, uniform)
    found = replace(model, templates=templates)._template_codes(engine, np.arange(len(images)))
    np.testing.assert_allclose(found.base, exact.base, atol=HALF_A_STEP)
    np.testing.assert_array_equal(found.base_components, exact.base_components)
    for step in range(len(exact.components)):
        np.testing.assert_array_equal(found.components[step], exact.components[step])
        for grid, one, other in zip(GRIDS, found.innovations[step], exact.innovations[step], strict=True):
            np.testing.assert_array_equal(one, nearest(grid, other))


def nearest(grid: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return grid[np.abs(numbers[..., None] - grid).argmin(axis=-1)]


@given(arrays(np.float64, (3, 5), elements=st.floats(-4, 4)))
def test_innovations_are_rounded_to_the_nearest_triple(innovations: np.ndarray) -> None:
    triples = np.array(list(product(*GRIDS)))
    codes = round_innovations(innovations)
    distances = np.linalg.norm(innovations.T[:, None] - triples, axis=2)
    assert codes.dtype == np.uint8
    reached = distances[np.arange(5), codes]
    np.testing.assert_allclose(reached, distances.min(axis=1), atol=1e-12)


def test_every_triple_is_its_own_code() -> None:
    triples = np.array(list(product(*GRIDS)))
    np.testing.assert_array_equal(round_innovations(triples.T), np.arange(252))


@pytest.mark.parametrize(("n", "expected"), [(1, [1, 1]), (8, [6, 2]), (1000, [30, 10])])
def test_classes_get_their_share_and_at_least_one(
    model: MultiscaleMixture, flowers, n: int, expected: list[int]
) -> None:
    templates = choose_photo_templates(model, *flowers, n)
    assert np.bincount(model.base.classes[templates.base_components]).tolist() == expected


def test_the_same_seed_keeps_the_same_templates(model: MultiscaleMixture, flowers) -> None:
    one, same, other = (choose_photo_templates(model, *flowers, 8, random_state=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(contents(one), contents(same), strict=True))
    assert any((a != b).any() for a, b in zip(contents(one), contents(other), strict=True))


def contents(templates: PhotoTemplates) -> list[np.ndarray]:
    return [templates.base, templates.base_components, templates.components, templates.innovations]


def test_chosen_bases_cover_better_than_arbitrary_ones(model: MultiscaleMixture, flowers) -> None:
    """Mean distance of photos to the nearest base kept, against that to as many arbitrary photos."""
    images, labels = flowers
    uniform = np.zeros((len(images), model.uniform_width))
    bases = model.encode(NumpyEngine(), images.astype(np.float32), labels, uniform).base[labels == 0]
    templates = choose_photo_templates(model, images, labels, 8)
    kept = templates.base[model.base.classes[templates.base_components] == 0].astype(float)

    def reach(some: np.ndarray) -> float:
        return float(np.linalg.norm(bases[:, None] - some, axis=2).min(axis=1).mean())

    assert np.abs(bases[:, None] - kept).max(axis=2).min(axis=0).max() < HALF_A_STEP
    rng = np.random.default_rng(0)
    assert reach(kept) < np.mean([reach(bases[rng.permutation(len(bases))[: len(kept)]]) for _ in range(10)])


def test_of_every_cluster_the_photo_nearest_its_centre_is_chosen() -> None:
    """Two classes by turns; clusters at 0, 10 and 20 of the first, 100 and 200 of the second."""
    centres = np.array([0.0, 100.0, 10.0, 200.0, 20.0, 100.0] * 3)
    away = np.repeat([-1.0, 0.1, 1.0], 6)
    labels = (centres >= 100).astype(np.int32)
    chosen = choose_photos((centres + away)[:, None], labels, 6, 0)
    assert sorted(chosen[:3].tolist()) == [6, 8, 10]
    assert labels[chosen].tolist() == [0, 0, 0, 1, 1, 1]


def test_all_photos_are_chosen_class_by_class_where_there_are_no_more() -> None:
    labels = np.array([1, 0, 1, 0], np.int32)
    assert choose_photos(np.zeros((4, 1)), labels, 4, 0).tolist() == [1, 3, 0, 2]
