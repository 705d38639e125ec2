import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmmaug_plugin.evaluation.usefulness.curves import accuracies_at_equal_likelihood, measure
from tests.evaluation.usefulness.curves_by_hand import curve


def test_early_stop_is_chosen_on_validation_photos_and_read_on_test_photos() -> None:
    learned = curve([0.3, 0.4, 0.5, 0.6], [1.5, 1.1, 1.3, 1.2], validation_nll=[1.5, 1.3, 1.2, 1.4])
    stopped = learned.read("early_stop")
    assert (stopped.step, stopped.accuracy, stopped.nll) == (30, 0.5, 1.3)
    assert learned.read("end").step == 40


@pytest.mark.parametrize(
    ("validation_nll", "turned"),
    [
        ([1.5, 1.2, 1.3, 1.4, 1.6, 1.8], True),
        ([1.5, 1.4, 1.3, 1.2, 1.1, 1.0], False),
        ([1.5, 1.2, 1.2, 1.2, 1.19, 1.19], True),
        ([1.5, 1.4, 1.3, 1.2, 1.17, 1.3], False),
    ],
)
def test_turned_tells_whether_the_held_back_loss_was_still_falling(
    validation_nll: list[float], turned: bool
) -> None:
    assert curve([0.5] * 6, [1.0] * 6, validation_nll=validation_nll).turned() is turned


def test_accuracy_at_a_level_is_that_of_the_last_crossing() -> None:
    learned = curve([0.2, 0.4, 0.5, 0.6], [1.6, 1.2, 1.4, 1.8])
    assert learned.accuracy_at(1.6) == pytest.approx(0.55)
    assert learned.accuracy_at(1.3) == pytest.approx(0.45)
    assert learned.accuracy_at(1.2) == pytest.approx(0.4)
    assert learned.accuracy_at(2.0) == 0.6
    assert math.isnan(learned.accuracy_at(1.1))


def test_equal_likelihood_shows_who_knows_more_at_the_same_level() -> None:
    stack = curve([0.3, 0.45, 0.50], [1.5, 1.3, 1.5])
    # The same curve, learned half as fast: nothing gained at equal likelihood.
    slower = curve([0.2, 0.3, 0.375, 0.45], [1.8, 1.5, 1.4, 1.3])
    own, others, level = accuracies_at_equal_likelihood(slower, stack)
    assert (own, others, level) == (pytest.approx(0.45), pytest.approx(0.45), 1.3)
    # One that gets below the stack's best level and comes back to it with five points more.
    better = curve([0.3, 0.45, 0.50, 0.55], [1.5, 1.2, 1.3, 1.5])
    own, others, level = accuracies_at_equal_likelihood(better, stack)
    assert (own, others, level) == (pytest.approx(0.50), pytest.approx(0.45), 1.3)
    # One that never reaches the stack's best level is compared at its own best one.
    worse = curve([0.3, 0.35, 0.4], [1.6, 1.4, 1.6])
    own, others, level = accuracies_at_equal_likelihood(worse, stack)
    assert (own, others, level) == (pytest.approx(0.35), pytest.approx(0.475), 1.4)


def test_better_calibration_alone_gains_nothing_at_equal_likelihood() -> None:
    """Same accuracy, same likelihood after temperature scaling; the other's likelihood turns unscaled."""
    right, scaled = [0.3, 0.45, 0.5, 0.52], [1.5, 1.3, 1.2, 1.15]
    turning = curve(right, [1.5, 1.3, 1.5, 1.9], nll_scaled=scaled)
    calibrated = curve(right, [1.5, 1.3, 1.2, 1.15], nll_scaled=scaled)
    own, others, _ = accuracies_at_equal_likelihood(calibrated, turning)
    assert own == others
    own, others, _ = accuracies_at_equal_likelihood(calibrated, turning, measure="nll")
    assert own > others + 0.03


points = st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 3)), min_size=1, max_size=8)


@given(points, points)
def test_equal_likelihood_is_fair(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> None:
    first, second = (curve(*zip(*rows, strict=True)) for rows in (one, other))
    own, others, level = accuracies_at_equal_likelihood(first, second)
    turned_round = accuracies_at_equal_likelihood(second, first)
    assert (others, own, level) == turned_round
    assert 0 <= own <= 1
    assert 0 <= others <= 1
    assert accuracies_at_equal_likelihood(first, first)[0] == first.accuracy_at(level=min(x for _, x in one))


def test_measuring_scales_the_test_photos_by_what_the_validation_photos_say() -> None:
    sure = np.log([[0.999, 0.001]] * 4)
    validation = (sure, np.array([0, 0, 0, 1], np.int32))
    test = (sure, np.array([0, 0, 1, 1], np.int32))
    point = measure(7, validation, test)
    assert (point.step, point.accuracy, point.validation_accuracy) == (7, 0.5, 0.75)
    # After scaling a photo has probability 3/4, the validation photos' accuracy.
    assert point.nll_scaled == pytest.approx(-(np.log(0.75) + np.log(0.25)) / 2, rel=1e-3)
    assert point.ece == pytest.approx(0.499)
    assert point.ece_scaled == pytest.approx(0.25, abs=1e-3)
    assert point.temperature == pytest.approx(np.log(999) / np.log(3), rel=1e-3)
