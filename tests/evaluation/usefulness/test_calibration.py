import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax

from gmmaug_plugin.evaluation.usefulness.calibration import (
    accuracy,
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
)


def drawn(n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at a temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 3.0, (n, 4))
    shares = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, (random.random((n, 1)) > shares).sum(axis=1).clip(0, 3).astype(np.int32)


def test_likelihood_and_accuracy_by_hand() -> None:
    logits = np.log([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    labels = np.array([1, 1], np.int32)
    assert accuracy(logits, labels) == 0.5
    assert negative_log_likelihood(logits, labels) == pytest.approx(-(np.log(0.3) + np.log(0.8)) / 2)
    assert negative_log_likelihood(logits + 700.0, labels) == pytest.approx(-(np.log(0.3) + np.log(0.8)) / 2)


def test_calibration_error_by_hand() -> None:
    # Three photos at confidence 0.9, one of them right, and two at 0.62, both right: different bins of 1/15.
    logits = np.log([[0.9, 0.1]] * 3 + [[0.38, 0.62]] * 2)
    labels = np.array([0, 1, 1, 1, 1], np.int32)
    expected = 3 / 5 * (0.9 - 1 / 3) + 2 / 5 * (1.0 - 0.62)
    assert calibration_error(logits, labels) == pytest.approx(expected)


def test_calibration_error_bins_confidences_that_err_to_both_sides_apart() -> None:
    # Over- and underconfidence cancel within a bin, never between bins.
    logits = np.log([[0.9, 0.1]] * 2 + [[0.6, 0.4]] * 2)
    labels = np.array([0, 1, 0, 0], np.int32)
    assert calibration_error(logits, labels) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    same_bin = np.log([[0.9, 0.1]] * 2)
    assert calibration_error(same_bin, np.array([0, 1], np.int32)) == pytest.approx(0.4)


def test_calibrated_probabilities_have_little_error() -> None:
    logits, labels = drawn(20000, 1.0)
    assert calibration_error(logits, labels) < 0.015
    assert calibration_error(3 * logits, labels) > 0.05


@pytest.mark.parametrize("temperature", [0.4, 1.0, 5.0])
def test_temperature_is_found_again(temperature: float) -> None:
    logits, labels = drawn(20000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_temperature_is_where_a_general_optimiser_finds_it(seed: int) -> None:
    logits, labels = drawn(60, 2.0, seed)

    def loss(inverse: np.ndarray) -> float:
        return negative_log_likelihood(inverse[0] * logits, labels)

    best = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
    assert fit_temperature(logits, labels) == pytest.approx(1.0 / best.x[0], rel=1e-3)


def test_temperature_of_a_faultless_classifier_stays_finite() -> None:
    logits = np.eye(3)[[0, 1, 2]] * 5.0
    assert 0.0 < fit_temperature(logits, np.arange(3, dtype=np.int32)) < 1.0
