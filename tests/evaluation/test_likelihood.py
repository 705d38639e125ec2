import json

import numpy as np
import pytest
from scipy.stats import norm

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.likelihood import (
    bits_per_pixel,
    fit_to_weights,
    measure_calibration,
    measure_likelihood,
    responsibilities,
)
from gmmaug_plugin.models import PCAMixture
from tests.factories import fit_pca as fit


class Independent:
    """Every pixel is normal with mean 100, and has a deviation of its model's."""

    image_size = 4

    def __init__(self, deviation: float) -> None:
        self.deviation = deviation

    def score_samples(self, images: np.ndarray) -> np.ndarray:
        return norm.logpdf(images, 100.0, self.deviation).sum(axis=(1, 2))


def test_bits_of_a_gaussian_are_those_of_its_formula() -> None:
    images = np.full((3, 4, 4), 110, np.uint8)
    expected = np.log2(20 * np.sqrt(2 * np.pi)) + 0.5 * (10 / 20) ** 2 / np.log(2)
    assert bits_per_pixel(Independent(20.0), images) == pytest.approx(expected)


def test_knowing_photos_by_heart_is_told() -> None:
    training, held_back = np.full((5, 4, 4), 100, np.uint8), np.full((5, 4, 4), 130, np.uint8)
    sound = measure_likelihood(Independent(40.0), held_back, training)
    assert sound.good
    assert "general" in sound.verdict
    by_heart = measure_likelihood(Independent(20.0), held_back, training)
    assert by_heart.good is False
    assert "by heart" in by_heart.verdict
    useless = measure_likelihood(Independent(300.0), held_back, training)
    assert useless.good is False
    assert "8 of plain storage" in useless.verdict


def test_rare_components_are_tested_together() -> None:
    weights = np.array([0.01, 0.5, 0.02, 0.4, 0.07])
    statistic, degrees, p_value = fit_to_weights(np.array([9, 45, 0, 40, 6]), weights)  # type: ignore[misc]
    assert (statistic, degrees) == (pytest.approx((15 - 10) ** 2 / 10 + (45 - 50) ** 2 / 50), 2)
    assert 0 < p_value < 1
    assert fit_to_weights(np.array([2, 3]), np.array([0.5, 0.5])) is None


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(180, image_size=16, n_classes=2)
    return images, labels


@pytest.fixture(scope="module")
def model(flowers: tuple[np.ndarray, np.ndarray]) -> PCAMixture:
    images, labels = flowers
    return fit(images[:120], labels[:120], n_components=2, holdout=0, allow_copies=True, quiet=True)


def test_responsibilities_are_the_posterior_of_the_joint_density(
    flowers: tuple[np.ndarray, np.ndarray], model: PCAMixture
) -> None:
    found = responsibilities(model, flowers[0][120:])
    assert found is not None
    assert found.shape == (60, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    # A sample belongs to the class that it was drawn from far more often than by chance.
    samples, labels = model.sample(200, seed=0)
    drawn = responsibilities(model, samples)
    assert drawn is not None
    by_class = np.stack([drawn[:, model.mixture.classes == one].sum(axis=1) for one in (0, 1)], axis=1)
    assert (by_class.argmax(axis=1) == labels).mean() > 0.8
    assert responsibilities(Independent(1.0), samples) is None


def test_samples_of_the_model_fit_its_weights_and_one_kind_alone_does_not(
    flowers: tuple[np.ndarray, np.ndarray], model: PCAMixture
) -> None:
    labels = flowers[1][:120]
    # Drawn without their noise, samples lie closer to the means than the model thinks; the class is theirs.
    samples, own = model.sample(300, seed=1)
    fitting = measure_calibration(model, samples, held_back_labels=own, labels=labels)
    alone = measure_calibration(model, samples[own == 0], held_back_labels=own[own == 0], labels=labels)
    assert fitting is not None
    assert alone is not None
    assert fitting.p_value is not None
    assert alone.p_value is not None
    assert alone.p_value < min(1e-6, fitting.p_value)
    assert alone.good is False
    assert fitting.photos_per_class == {"0": 60, "1": 60}
    assert fitting.components_per_class == {"0": 2, "1": 2}
    assert fitting.used_components == 4
    assert json.loads(json.dumps(fitting.as_json()))["n_photos"] == 300
    assert measure_calibration(Independent(1.0), samples) is None
