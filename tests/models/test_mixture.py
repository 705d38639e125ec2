from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from tests.factories import component_covariance, random_mixture

ENGINE = NumpyEngine()


@pytest.mark.parametrize("seed", range(3))
def test_log_joint_is_scipys(seed: int) -> None:
    mixture = random_mixture(6, seed=seed)
    codes = np.random.default_rng(seed).normal(size=(20, 6)) * 3
    expected = np.stack(
        [
            np.log(mixture.weights[k])
            + multivariate_normal(mixture.means[k], component_covariance(mixture, k)).logpdf(codes)
            for k in range(mixture.n_components)
        ],
        axis=1,
    )
    np.testing.assert_allclose(mixture.log_joint(ENGINE, codes), expected, atol=1e-9)


def test_deviations_have_the_components_covariance() -> None:
    """Each entry within 5 standard errors: a false alarm once in about 10,000 seeds; the seed is fixed."""
    mixture = random_mixture(4, components=(3,))
    n = 40_000
    normal = np.random.default_rng(0).standard_normal((n, mixture.noise_width))
    for k in range(3):
        drawn = mixture.deviations(ENGINE, np.full(n, k, np.int32), normal)
        covariance = component_covariance(mixture, k)
        scale = np.sqrt(np.diag(covariance))
        error = np.cov(drawn.T) - covariance
        spread = np.sqrt((np.outer(scale**2, scale**2) + covariance**2) / n)
        assert (np.abs(error) < 5 * spread).all()


def test_categorical_draws_follow_the_weights_and_never_an_impossible_one() -> None:
    weights = np.array([0.0, 0.3, 0.0, 0.7, 0.0])
    with np.errstate(divide="ignore"):
        log_weights = np.tile(np.log(weights), (10_000, 1))
    uniform = (np.arange(10_000) + 0.5) / 10_000
    drawn = ENGINE.draw_categorical(log_weights, uniform)
    np.testing.assert_array_equal(np.bincount(drawn, minlength=5), weights * 10_000)
    edges = ENGINE.draw_categorical(log_weights[:2], np.array([0.0, np.nextafter(1.0, 0.0)]))
    np.testing.assert_array_equal(edges, [1, 3])


def tied(mixture: Mixture) -> Mixture:
    """All components with the covariance of the first group."""
    end = mixture.factor_offsets[1]
    return replace(
        mixture,
        variances=mixture.variances[:1].copy(),
        factors=mixture.factors[:end].copy(),
        factor_offsets=mixture.factor_offsets[:2].copy(),
        groups=np.zeros_like(mixture.groups),
    )


def without(mixture: Mixture, k: int) -> Mixture:
    """Component k left in place and weightless, far away and wide."""
    weights, means, variances = mixture.weights.copy(), mixture.means.copy(), mixture.variances.copy()
    weights[k], means[k], variances[mixture.groups[k]] = 0.0, 1e4, 1e6
    return replace(mixture, weights=weights / weights.sum(), means=means, variances=variances)


MIXTURES = {
    "with factors": random_mixture(5, components=(2, 4, 3), seed=1),
    "diagonal": random_mixture(5, components=(2, 4, 3), ranks=False, seed=2),
    "one class": random_mixture(4, components=(6,), seed=3),
    "tied": tied(random_mixture(5, components=(2, 3), seed=4)),
    "a weightless component": without(random_mixture(5, components=(3, 3), seed=5), 1),
    "classes by turns": replace(
        random_mixture(5, components=(3, 2), seed=6), classes=np.array([0, 1, 0, 1, 0], np.int32)
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_merged_classes_have_their_mixtures_mean_and_covariance(name: str) -> None:
    """E[z] and E[z z^T] - E[z] E[z]^T, added up component by component."""
    mixture = MIXTURES[name]
    merged = mixture.merged()
    assert merged.n_components == merged.n_classes == mixture.n_classes
    for label in range(mixture.n_classes):
        members = np.flatnonzero(mixture.classes == label)
        share = mixture.weights[members].sum()
        w, means = mixture.weights[members] / share, mixture.means[members].astype(float)
        mean = w @ means
        second = sum(
            weight * (component_covariance(mixture, k) + np.outer(mu, mu))
            for weight, k, mu in zip(w, members, means, strict=True)
        )
        assert merged.weights[label] == pytest.approx(share)
        np.testing.assert_allclose(merged.means[label], mean, atol=1e-5)
        np.testing.assert_allclose(
            component_covariance(merged, label), second - np.outer(mean, mean), atol=1e-4
        )


@pytest.mark.parametrize("name", MIXTURES)
def test_merged_mixtures_are_as_artifacts_hold_them(name: str) -> None:
    mixture = MIXTURES[name]
    merged = mixture.merged()
    assert {field.name: getattr(merged, field.name).dtype for field in fields(Mixture)} == {
        field.name: getattr(mixture, field.name).dtype for field in fields(Mixture)
    }
    assert merged.weights.sum() == pytest.approx(1.0)
    assert merged.factor_offsets[-1] == len(merged.factors)
    np.testing.assert_array_equal(merged.classes, np.arange(mixture.n_classes))
    codes = np.random.default_rng(0).normal(size=(10, mixture.means.shape[1]))
    expected = [
        np.log(weight) + multivariate_normal(mean, component_covariance(merged, k)).logpdf(codes)
        for k, (weight, mean) in enumerate(zip(merged.weights, merged.means, strict=True))
    ]
    np.testing.assert_allclose(merged.log_joint(ENGINE, codes), np.transpose(expected), rtol=1e-6)


@pytest.mark.parametrize("ranks", [True, False])
def test_merging_one_gaussian_per_class_changes_nothing(ranks: bool) -> None:
    mixture = random_mixture(6, components=(1, 1, 1), ranks=ranks, seed=7)
    codes = np.random.default_rng(1).normal(size=(30, 6)) * 2
    once = mixture.merged()
    for merged in (once, once.merged()):
        np.testing.assert_allclose(
            merged.log_joint(ENGINE, codes), mixture.log_joint(ENGINE, codes), rtol=1e-4, atol=1e-4
        )
