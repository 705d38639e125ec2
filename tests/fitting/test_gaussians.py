"""Expectation maximisation over many small vectors, with scikit-learn as the oracle."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.fitting.multiscale import gaussians as subject
from gmmaug_plugin.fitting.multiscale.details import FLOOR, conditional_mixture
from gmmaug_plugin.fitting.multiscale.gaussians import (
    Gaussians,
    Prior,
    climb,
    from_labels,
    log_likelihoods,
    n_parameters,
    split,
)
from gmmaug_plugin.models.quadratic import BLOCK

D = 5


@pytest.fixture(scope="module", name="X")
def vectors() -> np.ndarray:
    """Vectors of three overlapping kinds, one much wider than the others; no whole number of blocks."""
    rng = np.random.default_rng(0)
    kinds = [
        rng.normal(size=(n, D)) @ (scale * rng.normal(size=(D, D))) + rng.normal(0, 3, D)
        for n, scale in ((2000, 1.0), (1500, 2.0), (3 * BLOCK - 3501 + BLOCK // 2, 8.0))
    ]
    return np.ascontiguousarray(rng.permutation(np.concatenate(kinds)).T, np.float32)


def start_of(X: np.ndarray, K: int, *, floor: float, prior: Prior | None = None) -> Gaussians:
    return from_labels(X, np.random.default_rng(1).integers(0, K, X.shape[1]), K, floor=floor, prior=prior)


def total(mixture: Gaussians, X: np.ndarray) -> float:
    return float(log_likelihoods(X, mixture).mean())


# --- the same as scikit-learn ------------------------------------------------------------------------------


@pytest.mark.parametrize("floor", [0.02, 1.0])
@pytest.mark.parametrize(("K", "max_iter"), [(1, 2), (3, 1), (3, 25), (6, 40)])
def test_the_same_start_gives_the_same_mixture_as_scikit_learns(
    X: np.ndarray, K: int, max_iter: int, floor: float
) -> None:
    start = start_of(X, K, floor=floor)
    oracle = GaussianMixture(
        K,
        covariance_type="full",
        reg_covar=floor,
        tol=0.0,
        max_iter=max_iter,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(X.T.astype(np.float64))
    found, before = climb(X, start, floor=floor, max_iter=max_iter, tol=-np.inf)
    assert total(found, X) == pytest.approx(oracle.score(X.T.astype(np.float64)), abs=1e-3)
    assert before == pytest.approx(oracle.lower_bound_, abs=1e-3)
    np.testing.assert_allclose(found.weights, oracle.weights_, atol=1e-3)
    np.testing.assert_allclose(found.means, oracle.means_, atol=2e-2)
    np.testing.assert_allclose(found.covariances, oracle.covariances_, rtol=2e-2, atol=0.2)


def test_log_likelihoods_are_those_of_scipy(X: np.ndarray) -> None:
    mixture = start_of(X, 3, floor=FLOOR)
    laws = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    density = sum(weight * multivariate_normal(mean, S).pdf(X.T) for weight, mean, S in laws)
    np.testing.assert_allclose(log_likelihoods(X, mixture), np.log(density), atol=1e-3)


def test_parameters_are_counted_as_scikit_learn_counts_them() -> None:
    oracle = GaussianMixture(4, random_state=0).fit(np.random.default_rng(0).normal(size=(200, D)))
    assert n_parameters(4, D) == oracle._n_parameters()


# --- climbing ---------------------------------------------------------------------------------------------


def test_the_likelihood_never_falls(X: np.ndarray) -> None:
    mixture = start_of(X, 5, floor=1e-6)
    reached = [total(mixture, X)]
    for _ in range(30):
        mixture, before = climb(X, mixture, floor=1e-6, max_iter=1)
        assert before == pytest.approx(reached[-1], abs=1e-4)
        reached.append(total(mixture, X))
    assert (np.diff(reached) > -1e-4).all()
    assert reached[-1] > reached[0] + 0.1


def test_climbing_stops_where_little_is_gained(X: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    expect, steps = subject._expect, []

    def counted(*arguments: object) -> object:
        steps.append(1)
        return expect(*arguments)

    monkeypatch.setattr(subject, "_expect", counted)
    climb(X, start_of(X, 2, floor=FLOOR), floor=FLOOR, max_iter=200, tol=1e-2)
    assert 2 < len(steps) < 50
    steps.clear()
    climb(X, start_of(X, 2, floor=FLOOR), floor=FLOOR, max_iter=7, tol=-np.inf)
    assert len(steps) == 7


def test_labels_make_the_mixture_of_their_means_and_covariances(X: np.ndarray) -> None:
    labels = np.random.default_rng(2).integers(0, 3, X.shape[1])
    found = from_labels(X, labels, 3, floor=0.5)
    for k in range(3):
        own = X[:, labels == k].astype(np.float64)
        assert found.weights[k] == pytest.approx(own.shape[1] / X.shape[1])
        np.testing.assert_allclose(found.means[k], own.mean(axis=1), atol=1e-4)
        np.testing.assert_allclose(
            found.covariances[k], np.cov(own, bias=True) + 0.5 * np.eye(D), rtol=1e-4, atol=2e-2
        )


# --- priors and splits ------------------------------------------------------------------------------------


def test_a_prior_draws_covariances_to_its_own(X: np.ndarray) -> None:
    """(scatter + n S0) / (count + n): nothing of it, half of it, all of it."""
    own = start_of(X, 3, floor=0.0)
    common = np.diag([1.0, 2.0, 3.0, 4.0, 5.0])
    counts = own.weights * X.shape[1]
    for n_vectors in (0.0, counts[0], 1e12):
        found = start_of(X, 3, floor=0.0, prior=Prior(common, n_vectors))
        share = (counts / (counts + n_vectors))[:, None, None]
        np.testing.assert_allclose(
            found.covariances, share * own.covariances + (1 - share) * common, rtol=1e-6, atol=1e-5
        )
        np.testing.assert_array_equal(found.means, own.means)
    shrunk, _ = climb(X, own, floor=0.0, max_iter=5, prior=Prior(common, 1e12))
    np.testing.assert_allclose(shrunk.covariances, np.broadcast_to(common, (3, D, D)), atol=1e-4)


@pytest.mark.parametrize("n_more", [1, 2, 3])
def test_a_split_keeps_weight_and_mean_and_makes_two_of_the_heaviest(X: np.ndarray, n_more: int) -> None:
    mixture, _ = climb(X, start_of(X, 3, floor=FLOOR), floor=FLOOR, max_iter=10)
    found = split(mixture, n_more)
    assert found.n_components == 3 + n_more
    assert found.weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.weights @ found.means, mixture.weights @ mixture.means)
    kept = [weight for weight in mixture.weights if weight in found.weights]
    assert sorted(kept) == sorted(np.sort(mixture.weights)[: 3 - n_more])
    narrow, wide = found.covariances[3 - n_more : 3], found.covariances[3:]
    assert (np.trace(wide, axis1=1, axis2=2) > 2 * np.trace(narrow, axis1=1, axis2=2)).all()
    np.linalg.cholesky(found.covariances)


def test_more_components_fit_better(X: np.ndarray) -> None:
    mixture = start_of(X, 1, floor=FLOOR)
    reached = []
    for _ in range(3):
        mixture, _ = climb(X, mixture, floor=FLOOR, max_iter=20)
        reached.append(total(mixture, X))
        mixture = split(mixture, mixture.n_components)
    assert (np.diff(reached) > 0.01).all()


# --- degenerate vectors -----------------------------------------------------------------------------------


def degenerate(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    pattern = {
        "constant": np.full((D, 4000), 274.2),
        "stripes": 274.2 * np.stack([rng.choice([-1, 1], 4000), np.zeros(4000), np.ones(4000)] * 2)[:D],
        "a line": np.outer([1.0, 0.5, -1.0, 0.0, 3.0], rng.normal(100, 80, 4000)),
        "one vector": np.full((D, 1), 12.0),
    }[name]
    return pattern.astype(np.float32)


@pytest.mark.parametrize("name", ["constant", "stripes", "a line", "one vector"])
@pytest.mark.parametrize("K", [1, 4])
def test_no_direction_is_narrower_than_the_floor(name: str, K: int) -> None:
    """But for what rounding in float32 takes of it: a component stays one that can be saved and weighed."""
    X = degenerate(name)
    mixture, _ = climb(X, start_of(X, K, floor=FLOOR), floor=FLOOR, max_iter=5)
    mixture, _ = climb(X, split(mixture, K), floor=FLOOR, max_iter=5)
    assert np.linalg.eigvalsh(mixture.covariances).min() > FLOOR / 4
    assert np.isfinite(log_likelihoods(X, mixture)).all()
    assert (mixture.weights > 0).all()
    kept = conditional_mixture(mixture)
    assert (np.diagonal(kept.full_roots(), axis1=1, axis2=2) > 0).all()
    assert kept.weights.sum() == pytest.approx(1.0)
    assert (np.diff(kept.weights) <= 0).all()


def test_covariances_that_rounding_has_spoilt_are_raised_to_the_floor() -> None:
    spoilt = np.stack([np.diag([4.0, -0.3, 1.0]), np.eye(3)])
    raised = subject._at_least(spoilt, 0.02)
    np.testing.assert_allclose(raised, np.stack([np.diag([4.0, 0.02, 1.0]), np.eye(3)]), atol=1e-12)
    sound = np.stack([np.eye(3) * 0.001])
    np.testing.assert_array_equal(subject._at_least(sound, 0.0005), sound)


def test_a_component_that_owns_nothing_does_no_harm(X: np.ndarray) -> None:
    labels = np.zeros(X.shape[1], int)
    found = from_labels(X, labels, 3, floor=FLOOR)
    again, _ = climb(X, found, floor=FLOOR, max_iter=3)
    for mixture in (found, again):
        assert np.isfinite(mixture.covariances).all()
        np.linalg.cholesky(mixture.covariances)
        assert mixture.weights.sum() == pytest.approx(1.0)
