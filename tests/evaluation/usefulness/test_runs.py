import numpy as np
import pytest

from gmmaug_plugin.evaluation.usefulness.runs import (
    Point,
    Run,
    default_steps,
    fit_temperature,
    make_arms,
    measure,
    negative_log_likelihood,
)


def test_arms_are_photos_each_ratio_and_the_pool_alone() -> None:
    assert [(arm.name, arm.ratio) for arm in make_arms([0.125, 0.5])] == [
        ("photos", 0.0),
        ("photos + 12.5% pool", 0.125),
        ("photos + 50% pool", 0.5),
        ("pool alone", 1.0),
    ]
    for ratios in ([0.0], [1.0], [0.5, 0.5]):
        with pytest.raises(ValueError, match="no two equal"):
            make_arms(ratios)


def test_a_temperature_undoes_scaled_logits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((len(logits), 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.int32)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.03)
    assert negative_log_likelihood(np.zeros((5, 4)), labels[:5]) == pytest.approx(np.log(4))
    point = measure(7, (3 * logits, labels), (3 * logits, labels))
    assert point.nll_scaled == pytest.approx(negative_log_likelihood(logits, labels), abs=1e-3)
    assert point.nll > point.nll_scaled + 0.1
    assert point.accuracy == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_a_curve_is_read_at_the_end_or_at_its_lowest_validation_loss() -> None:
    losses = (1.5, 1.0, 1.2, 1.4)
    points = tuple(Point(10 * i, i / 10, 1.0, 1.0, 1.0, loss) for i, loss in enumerate(losses, 1))
    run = Run("photos", 0, points)
    assert run.read("end").step == 40
    assert run.read("early_stop").step == 20
    assert run.turned()
    assert not Run("photos", 0, points[:2]).turned()
    assert Run.from_json(run.as_json()) == run


def test_more_photos_take_more_steps() -> None:
    assert default_steps(10) == 1000 or default_steps(10) < default_steps(250) < default_steps(1000)
    assert default_steps(1) == 500
