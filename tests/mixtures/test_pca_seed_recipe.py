import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.mixtures.pca import PCAMixture, PCAOptions
from gmmaug_plugin.mixtures.principal_components import principal_components
from gmmaug_plugin.mixtures.seed_recipe import fit_full
from gmmaug_plugin.threads import limited_threads


@pytest.fixture(scope="module")
def flowers() -> np.ndarray:
    return make_flowers(75, image_size=16, random_state=1)[0]


@pytest.mark.parametrize(("n", "size"), [(75, 16), (75, 8)])
@pytest.mark.parametrize("variance", [0.9, 7])
def test_principal_components_are_scikit_learns(
    flowers: np.ndarray, n: int, size: int, variance: float
) -> None:
    """With fewer photos than pixels and with more."""
    photos = np.ascontiguousarray(flowers[:n, :size, :size])
    found = principal_components(photos, variance, np.float64)
    oracle = PCA(variance, svd_solver="full").fit(photos.reshape(n, -1).astype(np.float64))
    np.testing.assert_allclose(found.variances, oracle.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(found.rows, oracle.components_, atol=1e-6)
    np.testing.assert_allclose(found.mean, oracle.mean_)
    assert found.left_out == pytest.approx(oracle.noise_variance_, rel=1e-6)


def test_the_seed_recipe_is_the_notebook(flowers: np.ndarray) -> None:
    """Every AIC, and the mixture that it chooses, are scikit-learn's."""
    mixture = PCAMixture.fit(flowers, PCAOptions(recipe="seed"))
    pca = PCA(0.99, whiten=True)
    codes = pca.fit_transform(flowers.reshape(75, -1).astype(np.float64))
    fits = {}
    for k in range(1, 75, 10):
        with warnings.catch_warnings(), limited_threads():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits[k] = GaussianMixture(k, covariance_type="full", random_state=0).fit(codes)
    assert [one["n_components"] for one in mixture.curve] == list(fits)
    np.testing.assert_allclose([one["aic"] for one in mixture.curve], [f.aic(codes) for f in fits.values()])
    np.testing.assert_allclose([one["bic"] for one in mixture.curve], [f.bic(codes) for f in fits.values()])

    best = min(fits, key=lambda k: fits[k].aic(codes))
    assert mixture.n_components == best
    g = mixture.gaussians
    np.testing.assert_allclose(g.means, fits[best].means_, atol=1e-6)
    ends = np.cumsum(g.ranks)
    for k, expected in enumerate(fits[best].covariances_):
        factors = g.factors[ends[k] - g.ranks[k] : ends[k]]
        np.testing.assert_allclose(np.diag(g.variances[k]) + factors.T @ factors, expected, atol=1e-5)


def test_components_that_overlap_move_as_scikit_learns() -> None:
    """Many steps of expectation maximisation, with more members than dimensions."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    with limited_threads():
        mixture, likelihood = fit_full(X, 4, seed=5)
        oracle = GaussianMixture(4, random_state=5).fit(X)
    assert oracle.n_iter_ > 5
    assert likelihood == pytest.approx(oracle.score(X), rel=1e-9)
    np.testing.assert_allclose(mixture.means, oracle.means_, atol=1e-8)


def test_images_of_the_seed_recipe_are_inverse_transforms(flowers: np.ndarray) -> None:
    mixture = PCAMixture.fit(flowers, PCAOptions(recipe="seed", n_components=41))
    pca = PCA(0.99, whiten=True).fit(flowers.reshape(75, -1).astype(np.float64))
    code = mixture.gaussians.draw(np.random.default_rng(3))
    expected = np.clip(pca.inverse_transform(code[None]).reshape(16, 16), 0, 255)
    assert np.abs(mixture.draw(3) - expected).max() < 3


def test_the_seed_recipe_copies_photos(flowers: np.ndarray) -> None:
    """With a component for nearly each photo most draws are photos: why it is not the default."""
    draws = PCAMixture.fit(flowers, PCAOptions(recipe="seed", n_components=71)).sample(40).astype(float)
    distances = np.sqrt(((draws[:, None] - flowers) ** 2).mean(axis=(2, 3))).min(axis=1)
    assert np.median(distances) < 6
