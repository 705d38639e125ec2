"""The strength of synthesis that copying allows."""

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation import strength as subject
from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates
from gmmaug_plugin.evaluation.strength import measure_synthesis_strength
from tests.factories import fit_pca as fit


def rates(value: float) -> CopyRates:
    spaces = ("raw", "contrast", "high_pass")
    return CopyRates(dict.fromkeys(spaces, value), dict.fromkeys(spaces, 0.02), 500, 500)


@pytest.mark.parametrize("least", [0.0, 0.05, 0.3, 0.65, 1.0])
def test_bisection_finds_the_first_strength_that_is_within(least: float) -> None:
    asked = []

    def copying(strength: float) -> CopyRates:
        asked.append(strength)
        return rates(0.0 if strength >= least - 1e-9 else 0.5)

    found = subject._bisect(subject._ladder(), copying, lambda: None)
    assert (found.strength, found.within) == (least, True)
    assert len(asked) == len(set(asked)) <= 6
    assert [strength for strength, _ in found.tried] == sorted(asked)


def test_where_all_strengths_copy_the_greatest_is_told_not_to_be_within() -> None:
    found = subject._bisect(subject._ladder(), lambda _: rates(0.5), lambda: None)
    assert (found.strength, found.within) == (1.0, False)


def test_one_space_alone_is_enough_to_copy() -> None:
    def copying(strength: float) -> CopyRates:
        spaces = {"raw": 0.0, "contrast": 0.0, "high_pass": 0.5 if strength < 0.8 else 0.0}
        return CopyRates(spaces, dict.fromkeys(spaces, 0.02), 500, 500)

    assert subject._bisect(subject._ladder(), copying, lambda: None).strength == 0.8


def test_measured_on_drawn_flowers() -> None:
    """Templates at strength 0 are the photos; the strength found copies no more than photos do."""
    images, _, _ = make_flowers(400, image_size=32, n_classes=1)
    model = fit(
        images, n_components=1, templates=40, holdout=0.0, strength=0.0, allow_copies=True, quiet=True
    )
    detector = CopyDetector(images)
    samples = model.sample(200, seed=0)
    assert max(detector.rates(*samples).rates.values()) > 0.9
    found = measure_synthesis_strength(model, detector, n_samples=200)
    assert 0.0 < found.strength <= 1.0
    assert found.within
    at_it = detector.rates(*model.sample(200, strength=found.strength, seed=0))
    assert at_it.within
    weaker = round(found.strength - subject.STEP, 10)
    assert not detector.rates(*model.sample(200, strength=weaker, seed=0)).within
    again = measure_synthesis_strength(model, detector, n_samples=200)
    assert again.as_json() == found.as_json()


def test_without_templates_the_strength_is_one() -> None:
    images, _, _ = make_flowers(40, image_size=32, n_classes=1)
    model = fit(images, n_components=1, holdout=0.0, quiet=True)
    found = measure_synthesis_strength(model, CopyDetector(images), n_samples=100)
    assert (found.strength, len(found.tried)) == (1.0, 1)
    assert np.isfinite(found.tried[0][1].rates["raw"])
