import numpy as np
import pytest

from gmmaug_plugin.evaluation import features
from gmmaug_plugin.evaluation.features import N_FEATURES, FeatureExtractor

keras = pytest.importorskip("keras")

Photos = tuple[np.ndarray, np.ndarray]


def extractor(photos: Photos) -> FeatureExtractor:
    images, labels = photos
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_FEWEST_STEPS", 30)
        patch.setattr(features, "_MOST_STEPS", 30)
        return FeatureExtractor(images[:90], labels[:90], images[90:], labels[90:])


@pytest.fixture(scope="module")
def photos() -> Photos:
    """Mirror pairs of opposite kinds: bright discs and their negatives, with noise."""
    rng = np.random.default_rng(0)
    radii = np.hypot(*np.meshgrid(np.arange(32) - 15.5, np.arange(32) - 15.5))
    labels = (np.arange(150) % 2).astype(np.int32)
    discs = (
        np.where(radii < rng.uniform(4, 12, (150, 1, 1)), 90.0, -90.0)
        * np.where(labels, 1, -1)[:, None, None]
    )
    return np.clip(128 + discs + rng.normal(0, 20, (150, 32, 32)), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def seen(photos: Photos) -> FeatureExtractor:
    return extractor(photos)


def test_it_distinguishes_unseen_photos_and_measures_how_well(photos: Photos, seen: FeatureExtractor) -> None:
    assert seen.accuracy > 0.9
    assert seen.chance == pytest.approx(0.5, abs=0.05)
    assert seen.trusted
    found = seen(photos[0][90:])
    assert found.shape == (60, N_FEATURES)
    assert np.isfinite(found).all()


def test_training_repeats_itself_and_leaves_global_seeds_alone(
    photos: Photos, seen: FeatureExtractor
) -> None:
    keras.utils.set_random_seed(1)
    expected = np.asarray(keras.random.normal([2]))
    keras.utils.set_random_seed(1)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    again = extractor(photos)
    np.testing.assert_array_equal(np.asarray(keras.random.normal([2])), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_allclose(again(photos[0]), seen(photos[0]), rtol=1e-3, atol=1e-4)


def test_a_network_that_hardly_beats_guessing_is_not_trusted(photos: Photos) -> None:
    images, labels = photos
    found = extractor((images, np.random.default_rng(0).permutation(labels)))
    assert found.accuracy < found.chance + 0.13  # two standard errors of 60 photos
    assert not found.trusted
