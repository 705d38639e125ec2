import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.expectation_maximisation import fit_mixture
from gmmaug_plugin.fitting.maximisation import (
    COVARIANCE_TYPES,
    CovarianceType,
    _spherical_variances,
    n_parameters,
)
from tests.factories import component_covariance


def clusters(n: int, q: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, s, (n // 3, q)) for m, s in ((0, 1), (2, 2), (-2, 0.5))])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("n", "q"), [(400, 5), (60, 100)])
@pytest.mark.parametrize("max_iter", [2, 100])
def test_agrees_with_scikit_learn(covariance_type: CovarianceType, n: int, q: int, max_iter: int) -> None:
    """The same data, start, regularisation and stopping rule: parameters and likelihood to 1e-6."""
    X = clusters(n, q)
    oracle = GaussianMixture(
        3, covariance_type=covariance_type, reg_covar=1e-3, random_state=0, max_iter=max_iter
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(X)
    found = fit_mixture(X, 3, covariance_type=covariance_type, reg_covar=1e-3, max_iter=max_iter)
    np.testing.assert_allclose(found.mixture.means, oracle.means_, atol=1e-6)
    np.testing.assert_allclose(found.mixture.weights, oracle.weights_, atol=1e-6)
    expected = {
        "full": lambda: oracle.covariances_,
        "tied": lambda: [oracle.covariances_] * 3,
        "diag": lambda: [np.diag(row) for row in oracle.covariances_],
        "spherical": lambda: [np.eye(q) * value for value in oracle.covariances_],
    }[covariance_type]()
    for k in range(3):
        np.testing.assert_allclose(component_covariance(found.mixture, k), expected[k], atol=1e-6)
    assert found.log_likelihood == pytest.approx(oracle.score(X), abs=1e-6)
    assert (found.n_iterations, found.converged) == (oracle.n_iter_, oracle.converged_)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_parameters_are_counted_as_scikit_learn_does(covariance_type: CovarianceType) -> None:
    oracle = GaussianMixture(3, covariance_type=covariance_type).fit(clusters(90, 4))
    assert n_parameters(3, 4, covariance_type) == oracle._n_parameters()


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("n", "q"), [(300, 4), (30, 50)])
def test_no_direction_falls_below_the_floor(covariance_type: CovarianceType, n: int, q: int) -> None:
    floor = np.linspace(0.5, 3.0, q)
    mixture = fit_mixture(clusters(n, q), 6, covariance_type=covariance_type, floor=floor).mixture
    for k in range(6):
        excess = component_covariance(mixture, k) - np.diag(floor)
        assert np.linalg.eigvalsh(excess).min() > -1e-9


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_likelihood_never_falls_under_a_floor(covariance_type: CovarianceType) -> None:
    """Each step is the exact maximum under the bound, so expectation maximisation only climbs."""
    X = clusters(120, 6)
    floor = np.linspace(0.3, 1.5, 6)
    climb = [
        fit_mixture(
            X, 5, covariance_type=covariance_type, floor=floor, max_iter=steps, tol=0.0
        ).log_likelihood
        for steps in range(1, 15)
    ]
    assert (np.diff(climb) > -1e-9).all()
    assert climb[-1] > climb[0]


def test_a_floor_stops_the_collapse_onto_single_photos() -> None:
    """As many components as points: without a floor the likelihood has no bound."""
    X = clusters(30, 5)
    found = fit_mixture(X, 30, covariance_type="diag", floor=0.2)
    bound = -0.5 * 5 * np.log(2 * np.pi * 0.2)
    assert found.log_likelihood < bound


def test_spherical_variance_under_uneven_floors_is_the_likeliest() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        spread, floor = rng.uniform(0, 4, 6), rng.uniform(0, 4, 6)

        def cost(c: float, spread=spread, floor=floor) -> float:
            variances = np.maximum(c, floor)
            return float((np.log(variances) + spread / variances).sum())

        found = cost(_spherical_variances(spread, floor)[0])
        grid = [cost(c) for c in np.linspace(1e-3, 6, 2000)]
        best = minimize_scalar(cost, bounds=(1e-3, 6), method="bounded").fun
        assert found <= min(best, *grid) + 1e-6


def test_more_starts_are_never_less_likely() -> None:
    X = clusters(90, 3)
    one = fit_mixture(X, 4, floor=0.1, n_init=1).log_likelihood
    assert fit_mixture(X, 4, floor=0.1, n_init=5).log_likelihood >= one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components must be from 1"),
        ({"n_components": 91}, r"number of photos \(90\)\. Received: 91"),
        ({"n_components": 2, "covariance_type": "round"}, "covariance_type must be one of"),
        ({"n_components": 2, "floor": 0.0}, "Exactly one of floor and reg_covar"),
        ({"n_components": 2, "reg_covar": 1e-6}, "Exactly one of floor and reg_covar"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_mixture(clusters(90, 3), **{"floor": 0.1, **options})
