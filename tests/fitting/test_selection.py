import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.options import FitOptions, parse_n_components
from gmmaug_plugin.fitting.selection import (
    CopiesError,
    CriterionCurve,
    Refused,
    explain_choice,
    folds,
    heldout_curve,
    information_criterion,
    information_curves,
)


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


def test_candidates_are_ranked_by_value_then_size() -> None:
    assert CriterionCurve("aic", (1, 2, 3, 5), (5.0, 4.0, 4.0, 4.5)).ranked == (2, 3, 5, 1)


def test_errors_of_information_criteria_are_over_photos() -> None:
    rng = np.random.default_rng(0)
    photos = {k: rng.normal(-20 + k, k, 40) for k in (2, 1)}
    curves = information_curves(photos, n_dimensions=3, covariance_type="diag")
    for criterion, price in (("aic", 2.0), ("bic", np.log(40))):
        assert curves[criterion].n_components == (1, 2)
        for k, n_parameters, value, error in zip(
            (1, 2), (6, 13), curves[criterion].values, curves[criterion].standard_errors, strict=True
        ):
            assert value == pytest.approx(price * n_parameters / 40 - 2 * photos[k].mean())
            assert error == pytest.approx(2 * photos[k].std(ddof=1) / np.sqrt(40))
    single = information_curves({1: np.array([-3.0])}, n_dimensions=3, covariance_type="diag")
    assert single["aic"].standard_errors is None


def test_errors_of_cross_validation_are_over_folds() -> None:
    curve = heldout_curve({4: np.array([-5.0, -7.0, -6.0, -6.0, -6.0]), 2: np.full(5, -6.5)})
    assert (curve.criterion, curve.n_components, curve.best) == ("heldout", (2, 4), 4)
    assert curve.values == pytest.approx((6.5, 6.0))
    # Deviations 1, -1, 0, 0, 0: variance 2 / 4 over five folds.
    assert curve.standard_errors == pytest.approx((0.0, (0.5 / 5) ** 0.5))


def curve(criterion: str, *values: float) -> CriterionCurve:
    return CriterionCurve(criterion, (1, 2, 10)[: len(values)], values)


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        (
            [curve("heldout", 3, 2, 1), curve("aic", 3, 2, 1), curve("bic", 1, 2, 3)],
            "10 components by held-out likelihood (AIC agrees, BIC 1)",
        ),
        (
            [curve("heldout", 3, 2, 1), curve("aic", 3, 1, 2), curve("bic", 1, 2, 3)],
            "10 components by held-out likelihood (AIC 2, BIC 1)",
        ),
        (
            [curve("heldout", 1, 2, 3), curve("aic", 1, 2, 3), curve("bic", 1, 2, 3)],
            "1 component by held-out likelihood (AIC and BIC agree)",
        ),
        ([curve("aic", 3, 1, 2), curve("bic", 1, 2, 3)], "2 components by AIC (BIC 1)"),
        ([curve("bic", 3, 1, 2), curve("aic", 3, 1, 2)], "2 components by BIC (AIC agrees)"),
        ([curve("aic", 3, 1, 2)], "2 components by AIC"),
        ([CriterionCurve("aic", (2,), (1.0,)), CriterionCurve("bic", (2,), (1.0,))], "2 components as given"),
    ],
)
def test_the_choice_is_told_in_a_sentence(curves: list[CriterionCurve], sentence: str) -> None:
    assert explain_choice(tuple(curves)) == sentence


def test_the_choice_told_is_never_a_refused_one() -> None:
    curves = (curve("aic", 3, 2, 1), curve("bic", 3, 2, 1))
    refused = (Refused(10, "copies"),)
    assert explain_choice(curves, refused=refused) == "2 components by AIC (BIC agrees); refused: 10"
    assert explain_choice((curve("aic", 3),), given=False) == "1 component, the only number tried"


def test_unlabelled_photos_are_refused_without_a_class_name() -> None:
    error = CopiesError.of_class(0, [Refused(410, "copies 72%")], (), received=410)
    assert isinstance(error, ValueError)
    assert str(error).startswith("The mixture is refused. 410 components: copies 72%. ")
    assert str(error).endswith("Received: n_components=410")


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
