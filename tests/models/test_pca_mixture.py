import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from tests.factories import random_model

ENGINE = NumpyEngine()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150), st.integers(1, 150), st.sampled_from(SYMMETRIES))
def test_images_do_not_depend_on_how_they_are_asked_for(
    seed: int, start: int, n: int, symmetry: Symmetry
) -> None:
    model = random_model(symmetry, image_size=8)
    whole, whole_labels = model.sample(start + n, seed=seed)
    part, part_labels = model.sample(n, seed=seed, start=start)
    np.testing.assert_array_equal(whole[start:], part)
    np.testing.assert_array_equal(whole_labels[start:], part_labels)


def test_threads_see_the_same_images() -> None:
    model = random_model()
    expected = model.sample(200, seed=3)[0]
    fresh = pickle.loads(pickle.dumps(model))
    with ThreadPoolExecutor(8) as threads:
        for images, _ in threads.map(lambda _: fresh.sample(200, seed=3), range(32)):
            np.testing.assert_array_equal(images, expected)


def test_no_seed_is_fresh_and_global_state_untouched() -> None:
    model = random_model()
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is the subject
    assert (model.sample(4)[0] != model.sample(4)[0]).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_labels_are_drawn_by_frequency_or_as_asked() -> None:
    """The count of a class within 4.5 standard errors: a false alarm in 150,000 seeds; the seed is fixed."""
    model = random_model()
    n = 5000
    images, labels = model.sample(n, seed=0)
    share = model.mixture.weights[model.mixture.classes == 0].sum()
    assert abs((labels == 0).mean() - share) < 4.5 * np.sqrt(share * (1 - share) / n)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    for label in ("b", 1, np.int64(1)):
        assert (model.sample(20, label=label, seed=1)[1] == 1).all()
    assert random_model(components=(2,)).sample(3, seed=0)[1] is None


@pytest.mark.parametrize("label", ["c", 2, -1])
def test_unknown_classes_are_refused(label: object) -> None:
    with pytest.raises(ValueError, match=r"classes are \['a', 'b'\]\. Received: label="):
        random_model().sample(1, label=label)
    with pytest.raises(ValueError, match="unlabelled photos, so label must be None"):
        random_model(components=(2,)).sample(1, label=0)


@pytest.mark.parametrize(
    ("shape", "dtype", "white"),
    [
        ((16, 16), np.uint8, 255),
        ((3, 16, 16), np.uint8, 255),
        ((3, 40, 30, 3), np.uint8, 255),
        ((3, 16, 16, 1), np.float32, 1),
        ((2, 20, 20, 3), np.float64, 1),
        ((2, 16, 16), np.float16, 1),
    ],
)
def test_variation_keeps_shape_and_dtype_and_strength_0_the_photo(
    shape: tuple[int, ...], dtype: type, white: int
) -> None:
    model = random_model()
    rng = np.random.default_rng(0)
    photos = (rng.uniform(0, white, shape) if white == 1 else rng.integers(0, 256, shape)).astype(dtype)
    given_photos = photos.copy()
    varied = model.vary(photos, strength=0.7, seed=0)
    assert varied.shape == photos.shape
    assert varied.dtype == photos.dtype
    assert (varied != photos).any()
    np.testing.assert_array_equal(photos, given_photos)
    same = model.vary(photos, strength=0.0, seed=0)
    np.testing.assert_allclose(same.astype(float), photos, atol=0 if white == 255 else 2e-3)


def test_uint8_and_float_photos_vary_alike() -> None:
    model = random_model()
    photos = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3)).astype(np.uint8)
    varied = model.vary(photos, seed=4)
    unit = model.vary((photos / 255).astype(np.float32), seed=4)
    wide = model.vary(photos.astype(np.float32), seed=4, value_range=255.0)
    assert np.abs(unit * 255 - varied).max() <= 0.51
    assert np.abs(wide - varied).max() <= 0.51


def test_strength_1_is_a_fresh_draw_of_the_photos_component() -> None:
    model = random_model()
    photos, _ = model.sample(6, label="a", seed=0)
    first = model.vary(photos, strength=1.0, label="a", seed=1)
    components_only = model.vary(np.roll(photos, 1, axis=0), strength=1.0, label="a", seed=1)
    assert (first != photos).any()
    # The same noise and, where the component is the same, the same image, whatever the photo was.
    same = [(a == b).all() for a, b in zip(first, components_only, strict=True)]
    assert any(same)


def test_a_labelled_photo_stays_in_its_class() -> None:
    model = random_model()
    photos, _ = model.sample(30, label="b", seed=0)
    fresh = model.vary(photos, strength=1.0, label=np.zeros(30, int), seed=0)
    free = model.vary(photos, strength=1.0, seed=0)
    of_a = [component_log_densities(model, fresh, label) for label in (0, 1)]
    of_b = [component_log_densities(model, free, label) for label in (0, 1)]
    assert (of_a[0] > of_a[1]).mean() > 0.9
    # The classes overlap: some of a photo's own class are as likely in the other.
    assert (of_b[1] > of_b[0]).mean() > 0.7


def component_log_densities(model, images, label):
    codes = model.basis.encode(ENGINE, images.astype(np.float32) - model.basis.mean)
    log_joint = model.mixture.log_joint(ENGINE, codes)
    return logsumexp(log_joint[:, model.mixture.classes == label], axis=1)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), [0.5, 0.5, 0.5]])
def test_bad_strengths_are_refused(strength: object) -> None:
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\]"):
        random_model().vary(np.zeros((2, 16, 16), np.uint8), strength=strength)


def test_pickles_hold_no_derived_arrays() -> None:
    model = random_model(image_size=32)
    bare = len(pickle.dumps(model))
    model.sample(1, seed=0)
    model.vary(np.zeros((1, 32, 32), np.uint8), seed=0)
    assert len(pickle.dumps(model)) == bare


@pytest.mark.parametrize("seed", [-1, 1.5, "a", [0, -1], [0.5], True])
def test_bad_seeds_are_refused(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed must be a whole number, at least 0\. Received"):
        random_model().sample(1, seed=seed)


@pytest.mark.parametrize("label", [1.7, float("nan"), None, True, [0, None]])
def test_labels_that_are_no_class_are_refused(label: object) -> None:
    labels = label if isinstance(label, list) else [label, label]
    with pytest.raises(ValueError, match="No such class"):
        random_model().vary(np.zeros((2, 16, 16), np.uint8), label=labels)


@pytest.mark.parametrize("strength", ["a", np.nan, [[0.5], [0.5]]])
def test_strengths_that_are_no_numbers_are_refused(strength: object) -> None:
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\].*Received"):
        random_model().vary(np.zeros((2, 16, 16), np.uint8), strength=strength)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_coloured_image_is_one_image(channels: int) -> None:
    model = random_model()
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, channels)).astype(np.uint8)
    np.testing.assert_array_equal(model.vary(photo, seed=0), model.vary(photo[None], seed=0)[0])
    assert model.score_samples(photo).shape == (1,)


def test_no_images_are_no_mistake() -> None:
    model = random_model()
    for shape in ((0, 16, 16), (0, 20, 20, 3)):
        none = np.empty(shape, np.uint8)
        assert model.vary(none, seed=0).shape == shape
        assert model.score_samples(none).shape == (0,)
    assert model.sample(0, seed=0)[0].shape == (0, 16, 16)
