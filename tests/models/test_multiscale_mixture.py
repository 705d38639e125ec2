"""Mixtures on the bands of a pyramid: what varying keeps, and what is drawn."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.multiscale.tones import TONE_STEP, to_tones
from tests.factories import component_covariance
from tests.multiscale_codes import drawn_codes, innovations_of, noise_of
from tests.multiscale_models import random_multiscale

ENGINE = NumpyEngine()
FALSE_ALARMS = 1e-6
"""How often a right model would fail a test of its moments; seeds are fixed on top of that."""

BEYOND = float(norm.isf(FALSE_ALARMS / 2))


@pytest.fixture(scope="module")
def model() -> MultiscaleMixture:
    return random_multiscale()


@pytest.fixture(scope="module")
def by_class() -> MultiscaleMixture:
    """Every class has details of its own."""
    return random_multiscale(shared=False, seed=1)


@pytest.fixture(scope="module")
def flowers() -> np.ndarray:
    return make_flowers(24, image_size=32, n_classes=1)[0]


# --- strengths --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 64])
def test_no_strength_gives_the_photo_back(size: int) -> None:
    """To the grey level: drawn flowers, noise, black and white, plain images."""
    flowers = make_flowers(8, image_size=size, n_classes=1)[0]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (4, size, size))
    stark = rng.choice([0, 255], (4, size, size))
    plain = np.broadcast_to(np.array([0, 1, 128, 255])[:, None, None], (4, size, size))
    photos = np.concatenate([flowers, noise, stark, plain]).astype(np.uint8)
    model = random_multiscale(image_size=size)
    np.testing.assert_array_equal(model.vary(photos, strength=0.0, seed=0), photos)


def test_the_stronger_the_farther(model: MultiscaleMixture, flowers: np.ndarray) -> None:
    def distance(strength: float) -> float:
        return np.abs(model.vary(flowers, strength=strength, seed=0).astype(float) - flowers).mean()

    distances = [distance(strength) for strength in (0.0, 0.01, 0.1, 0.5, 1.0)]
    assert distances == sorted(distances)
    assert distances[1] > 0.1


def test_every_image_and_every_level_may_have_a_strength_of_its_own(
    model: MultiscaleMixture, flowers: np.ndarray
) -> None:
    images = flowers[:4]
    each = np.array([0.0, 0.3, 0.6, 1.0])
    varied = model.vary(images, strength=each, seed=0)
    for index, strength in enumerate(each):
        np.testing.assert_array_equal(
            varied[index], model.vary(images, strength=float(strength), seed=0)[index]
        )
    columns = np.repeat(each[:, None], 3, axis=1)
    np.testing.assert_array_equal(model.vary(images, strength=columns, seed=0), varied)
    row = np.array([[0.2, 0.5, 0.8]])
    np.testing.assert_array_equal(
        model.vary(images, strength=row, seed=0), model.vary(images, strength=np.repeat(row, 4, 0), seed=0)
    )


def test_what_is_coarser_than_the_level_moved_stays(model: MultiscaleMixture) -> None:
    """Moved is the finest level alone: means of 2 x 2 tones stay; or the base too: they do not."""
    images = model.sample(6, seed=3)[0].astype(np.float32)

    def coarse(strength: list[float]) -> np.ndarray:
        varied = model.vary(images, strength=[strength], seed=1, value_range=255.0)
        assert np.abs(varied - images).max() > 2
        return split(to_tones(ENGINE, varied))[0]

    before = split(to_tones(ENGINE, images))[0]
    np.testing.assert_allclose(coarse([0.0, 0.0, 0.9]), before, atol=12 * TONE_STEP)
    assert np.abs(coarse([0.0, 0.9, 0.0]) - before).max() > 2
    np.testing.assert_allclose(split(coarse([0.0, 0.9, 0.9]))[0], split(before)[0], atol=12 * TONE_STEP)


@pytest.mark.parametrize(
    "strength",
    [[[0.5, 0.5]], np.full((3, 3), 0.5), [[0.1, 0.2, 1.5]], [[0.1, -0.2, 0.5]], [[0.1, np.nan, 0.5]]],
)
def test_strengths_that_fit_no_level_are_refused(model: MultiscaleMixture, strength: object) -> None:
    images = np.zeros((2, 32, 32), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) or \(1, 3\): the base, then 2 levels.*Received: "):
        model.vary(images, strength=strength, seed=0)


# --- one image, one place in the stream -------------------------------------------------------------------


@pytest.mark.parametrize("label", [None, "b"])
@pytest.mark.parametrize("shared", [True, False])
def test_images_do_not_depend_on_how_many_are_asked_for(
    shared: bool, label: str | None, flowers: np.ndarray
) -> None:
    """More than one chunk at once, one at a time from the last to the first, and in two parts."""
    model = random_multiscale(shared=shared)
    n = model.chunk + 5
    images = np.resize(flowers, (n, 32, 32))
    drawn, labels = model.sample(n, label=label, seed=7)
    varied = model.vary(images, label=label, strength=0.6, seed=7)
    assert len({one.tobytes() for one in drawn}) == n
    for index in reversed(range(n)):
        one, one_label = model.sample(1, label=label, seed=7, start=index)
        np.testing.assert_array_equal(one[0], drawn[index])
        assert one_label[0] == labels[index]
        moved = model.vary(images[index], label=label, strength=0.6, seed=7, start=index)
        np.testing.assert_array_equal(moved, varied[index])
    second = model.vary(images[9:], label=label, strength=0.6, seed=7, start=9)
    np.testing.assert_array_equal(second, varied[9:])
    assert (model.sample(3, label=label, seed=8)[0] != drawn[:3]).any()


def test_threads_may_share_a_model(flowers: np.ndarray) -> None:
    """Eight at once, on a model that has worked out nothing yet."""
    expected = random_multiscale(shared=False)
    results = expected.vary(flowers, seed=0), expected.sample(20, seed=0)[0], expected.score_samples(flowers)
    fresh = random_multiscale(shared=False)

    def work(_: int) -> tuple[np.ndarray, ...]:
        return fresh.vary(flowers, seed=0), fresh.sample(20, seed=0)[0], fresh.score_samples(flowers)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(work, range(16)):
            for one, other in zip(found, results, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("templates", [0, 4])
def test_a_model_survives_pickling(templates: int, flowers: np.ndarray) -> None:
    model = random_multiscale(templates=templates)
    model.score_samples(flowers)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.sample(5, seed=0)[0], model.sample(5, seed=0)[0])
    np.testing.assert_array_equal(again.vary(flowers, seed=0), model.vary(flowers, seed=0))
    assert (again.class_names, again.info, again.strengths) == (
        model.class_names,
        model.info,
        model.strengths,
    )


# --- the move leaves the law as it is ---------------------------------------------------------------------


def assert_standard_normal(numbers: np.ndarray, n_tests: int) -> None:
    """Mean 0 and variance 1; false alarms as stated, of ``n_tests`` tests together."""
    beyond = norm.isf(FALSE_ALARMS / (4 * n_tests))
    assert abs(numbers.mean()) < beyond / np.sqrt(numbers.size)
    # What rounding to grey levels and tones adds is far below this.
    assert abs(numbers.var() - 1.0) < beyond * np.sqrt(2.0 / numbers.size)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_varying_leaves_the_law_of_given_components_as_it_is(
    model: MultiscaleMixture, strength: float
) -> None:
    """Innovations of 150 draws of one component, moved: still standard normal, as far as they were moved."""
    codes = drawn_codes(model, 150, seed=0)
    _, normal = noise_of(model, 150, seed=1)
    moved = model._decode(ENGINE, codes, np.full((150, 3), strength), normal)
    found = innovations_of(model, moved, codes.components)
    for before, after in zip(codes.innovations, found, strict=True):
        assert_standard_normal(after, 2 * len(found))
        together = (before * after).mean()
        assert together == pytest.approx(np.sqrt(1 - strength), abs=BEYOND * np.sqrt(2 / before.size))


def test_the_base_moves_within_its_component(model: MultiscaleMixture) -> None:
    codes = drawn_codes(model, 4000, seed=3)
    _, normal = noise_of(model, 4000, seed=4)
    moved = model._decode(ENGINE, codes, np.full((4000, 3), 0.5), normal)
    base = split(split(to_tones(ENGINE, moved))[0])[0].reshape(4000, -1)
    root = np.linalg.cholesky(component_covariance(model.base, 1))
    white = np.linalg.solve(root, (base - model.base.means[1]).T)
    assert_standard_normal(white, 2)


# --- classes ----------------------------------------------------------------------------------------------


def test_a_label_chooses_the_class_of_base_and_details(
    by_class: MultiscaleMixture, flowers: np.ndarray
) -> None:
    uniform, _ = noise_of(by_class, len(flowers), 0)
    grey = flowers.astype(np.float32)
    for label in (0, 1):
        codes = by_class.encode(ENGINE, grey, by_class.label_rows(label, len(grey)), uniform)
        assert (by_class.base.classes[codes.base_components] == label).all()
        for step, drawn in zip(by_class.steps, codes.components, strict=True):
            assert (by_class.levels[step.level][0].classes[drawn] == label).all()
        drawn, labels = by_class.sample(30, label=label, seed=0)
        assert (labels == label).all()
        sampled = by_class.encode(ENGINE, drawn.astype(np.float32), labels, uniform[:1].repeat(30, 0))
        assert (by_class.base.classes[sampled.base_components] == label).all()


def test_without_a_label_the_base_decides_for_the_details(
    by_class: MultiscaleMixture, flowers: np.ndarray
) -> None:
    grey = np.concatenate([flowers.astype(np.float32), by_class.sample(200, seed=1)[0].astype(np.float32)])
    uniform, _ = noise_of(by_class, len(grey), 0)
    codes = by_class.encode(ENGINE, grey, by_class.label_rows(None, len(grey)), uniform)
    classes = by_class.base.classes[codes.base_components]
    assert set(classes) == {0, 1}
    for step, drawn in zip(by_class.steps, codes.components, strict=True):
        by_image = step.rows(ENGINE, by_class.levels[step.level][0].classes[drawn])
        np.testing.assert_array_equal(by_image, np.repeat(classes[:, None], step.count, axis=1))


def test_classes_are_drawn_as_often_as_they_weigh(by_class: MultiscaleMixture) -> None:
    """Within the stated rate of false alarms."""
    n = 2000
    share = by_class.base.weights[by_class.base.classes == 1].sum()
    found = (by_class.sample(n, seed=0)[1] == 1).mean()
    assert abs(found - share) < BEYOND * np.sqrt(share * (1 - share) / n)


def test_shared_details_and_an_unlabelled_model_take_no_class(flowers: np.ndarray) -> None:
    model = random_multiscale(n_classes=1)
    assert model.sample(3, seed=0)[1] is None
    assert np.isfinite(model.score_samples(flowers)).all()
    with pytest.raises(ValueError, match="unlabelled"):
        model.vary(flowers, label=0)


def test_draws_are_likelier_than_other_images(model: MultiscaleMixture, flowers: np.ndarray) -> None:
    drawn = model.sample(20, seed=0)[0]
    assert model.score_samples(drawn).min() > model.score_samples(flowers).max()
    assert len(model.score_samples(np.zeros((0, 32, 32), np.uint8))) == 0


# --- the user's images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 1), (5, 32, 32), (5, 48, 40, 3), (5, 70, 20, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_images_keep_their_form(model: MultiscaleMixture, shape: tuple[int, ...], dtype: type) -> None:
    images = np.random.default_rng(0).integers(60, 190, shape)
    images = images.astype(np.uint8) if dtype is np.uint8 else (images / 255).astype(dtype)
    same = model.vary(images, strength=0.0, seed=0)
    varied = model.vary(images, strength=0.6, seed=0)
    for one in (same, varied):
        assert (one.shape, one.dtype) == (images.shape, images.dtype)
    np.testing.assert_allclose(same, images, atol=0 if dtype is np.uint8 else 2e-4)
    assert (varied != images).any()
    whole = 255 if dtype is np.uint8 else 1
    assert (varied.min() >= 0, varied.max() <= whole) == (True, True)


def test_colours_are_kept_where_brightness_is_varied(model: MultiscaleMixture) -> None:
    images = np.random.default_rng(0).uniform(90, 160, (3, 32, 32, 3)).astype(np.float32)
    varied = model.vary(images, strength=0.2, seed=0, value_range=255.0)
    inside = ((varied > 0) & (varied < 255)).all(axis=-1)
    tints = varied - varied[..., :1]
    np.testing.assert_allclose(tints[inside], (images - images[..., :1])[inside], atol=1e-3)


def test_a_model_tells_its_sizes() -> None:
    model = random_multiscale(image_size=64, n_classes=3, per_class=2)
    assert (model.image_size, model.n_classes, model.n_components) == (64, 3, 6 * (1 + 3 * 3))
    assert model.uniform_width == 1 + 64 + 256 + 1024
    assert model.noise_width == model.base.noise_width + 3 * (64 + 256 + 1024)
    assert replace(model, class_names=("x", "y", "z")).label_of("y") == 1
