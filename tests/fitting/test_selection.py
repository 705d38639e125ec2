import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.options import FitOptions, parse_n_components
from gmmaug_plugin.fitting.selection import CriterionCurve, candidates, folds, information_criterion


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ("auto", "auto"),
        ("10", 10),
        (7, 7),
        ("1:600:10", tuple(range(1, 600, 10))),
        ("2:5", (2, 3, 4)),
        (range(1, 4), (1, 2, 3)),
        ([5, 3, 3], (3, 5)),
    ],
)
def test_numbers_of_components_are_read(given: object, parsed: object) -> None:
    assert parse_n_components(given) == parsed
    assert FitOptions(n_components=given).n_components == parsed


@pytest.mark.parametrize(
    "given", ["", "many", "0", 0, -3, "5:5", "0:5", "1:5:0", [], [0, 3], 2.5j, "1:2:3:4"]
)
def test_other_numbers_of_components_are_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"Received: n_components="):
        parse_n_components(given)


def test_auto_tries_at_most_one_component_per_20_photos() -> None:
    assert candidates("auto", 593)[0] == 1
    assert candidates("auto", 593)[-1] == 29
    assert candidates("auto", 5) == (1,)
    assert candidates((1, 11, 21), 15) == (1, 11)
    assert candidates(4, 15) == (4,)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_criteria_are_scikit_learns_per_photo(criterion: str) -> None:
    X = np.random.default_rng(0).normal(size=(100, 3))
    oracle = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    found = information_criterion(
        oracle.score(X),
        criterion=criterion,
        n_components=2,
        n_dimensions=3,
        n_photos=100,
        covariance_type="diag",
    )
    assert found == pytest.approx(getattr(oracle, criterion)(X) / 100)


def test_the_lowest_value_wins_and_the_smaller_of_equals() -> None:
    assert CriterionCurve("aic", (1, 2, 3), (5.0, 4.0, 4.0)).best == 2


def test_folds_share_every_class_out_evenly() -> None:
    labels = np.repeat([0, 1, 2], [50, 23, 5]).astype(np.int32)
    assigned = folds(labels, random_state=0)
    for label in range(3):
        sizes = np.bincount(assigned[labels == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"model": "gan"},
        {"recipe": "notebook"},
        {"symmetry": "mirror"},
        {"criterion": "AIC"},
        {"covariance_type": "round"},
        {"variance": 0.0},
        {"variance": 1.5},
        {"variance": float("nan")},
        {"max_iter": 0},
        {"n_init": 0},
        {"random_state": -1},
    ],
)
def test_bad_options_name_themselves(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=rf"^{name} must .*Received: "):
        FitOptions(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"random_state": 2**32},
        {"random_state": 2**32 - 1},
        {"random_state": 0.5},
        {"variance": "0.9"},
        {"n_components": 2.7},
        {"n_components": True},
        {"tol": float("nan")},
        {"tol": -1.0},
        {"max_iter": 2.5},
    ],
)
def test_options_of_another_type_name_themselves(options: dict[str, object]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=rf"^{name} must .*Received: "):
        FitOptions(**options)
