import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gmmaug_plugin.models.engine import NumpyEngine
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
