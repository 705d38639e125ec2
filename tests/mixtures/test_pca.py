import warnings
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.mixtures import principal_components as principal
from gmmaug_plugin.mixtures.options import PCAOptions
from gmmaug_plugin.mixtures.pca import PCAMixture
from gmmaug_plugin.threads import limited_threads

BOTH = (PCAOptions(n_components=2, variance=12), PCAOptions(n_components=2, recipe="seed"))
"""Diagonal covariances, and the notebook's full ones."""


@pytest.fixture(scope="module")
def flowers() -> np.ndarray:
    return make_flowers(60, image_size=16, random_state=1)[0]


@pytest.fixture(scope="module")
def mixture(flowers: np.ndarray) -> PCAMixture:
    return PCAMixture.fit(flowers, PCAOptions(n_components=3))


def dense(mixture: PCAMixture) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Weight, mean and covariance in pixel space of every component, from the definitions."""
    q, D = len(mixture.basis), mixture.mean.size
    rows = mixture.basis.reshape(q, D) * mixture.scales[:, None].astype(np.float64)
    within = np.linalg.pinv(rows) @ rows
    g, found = mixture.gaussians, []
    for k, (weight, mean) in enumerate(zip(g.weights, g.means, strict=True)):
        factor, variances = g.factors[k], g.variances[k]
        covariance = np.diag(variances.astype(np.float64)) + factor.astype(np.float64).T @ factor
        outside = mixture.noise_variance * (np.eye(D) - within)
        found.append((weight, mixture.mean.ravel() + mean @ rows, rows.T @ covariance @ rows + outside))
    return found


@pytest.mark.parametrize("options", BOTH, ids=["diagonal", "notebook"])
def test_densities_are_those_of_normal_laws_over_all_pixels(options: PCAOptions) -> None:
    photos = make_flowers(60, image_size=16, random_state=2)[0][:, 4:12, 4:12]
    mixture = PCAMixture.fit(photos, options)
    assert len(mixture.basis) == 12 or options.recipe
    other = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    images = np.concatenate([photos[:5], other])
    joint = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(images.reshape(10, -1))
        for weight, mean, covariance in dense(mixture)
    ]
    np.testing.assert_allclose(mixture.score_samples(images), logsumexp(joint, axis=0), rtol=1e-4)


@pytest.mark.parametrize("options", BOTH, ids=["diagonal", "notebook"])
def test_draws_have_the_moments_of_the_mixture(flowers: np.ndarray, options: PCAOptions) -> None:
    # Flowers of little contrast, so that no gray level is clipped.
    photos = (110 + flowers / 8).astype(np.uint8)
    mixture = PCAMixture.fit(photos, options)
    draws = np.stack([mixture.draw([i]) for i in range(4000)]).reshape(4000, -1)
    components, rows = dense(mixture), mixture.eigen_images[:6].reshape(6, -1)
    mean = sum(w * m for w, m, _ in components)
    variances = sum(w * (np.diag(rows @ c @ rows.T) + (rows @ (m - mean)) ** 2) for w, m, c in components)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.8)
    np.testing.assert_allclose((draws @ rows.T).var(axis=0), variances, rtol=0.12, atol=0.2)


def test_a_draw_is_a_function_of_its_seed_alone(mixture: PCAMixture) -> None:
    images = np.stack([mixture.draw([4, i]) for i in range(6)])
    assert images.dtype == np.uint8
    assert len(np.unique(images, axis=0)) == 6
    np.testing.assert_array_equal(images[5], mixture.draw([4, 5]))
    assert (mixture.draw([4]) != mixture.draw([4, 0])).any()


def test_a_file_gives_the_same_images_and_densities(mixture: PCAMixture, flowers: np.ndarray) -> None:
    again = PCAMixture.from_arrays({"other": np.zeros(1), **mixture.arrays("pca.0.")}, "pca.0.")
    np.testing.assert_array_equal(again.draw([5, 1]), mixture.draw([5, 1]))
    np.testing.assert_array_equal(again.score_samples(flowers), mixture.score_samples(flowers))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("basis", np.zeros((3, 16, 16), np.int8), r"needs pca\.1\.scales, float32"),
        ("mean", np.zeros((16, 16)), r"needs pca\.1\.mean, float32"),
        ("mean", np.zeros((16, 12), np.float32), r"needs pca\.1\.mean, float32"),
        ("weights", np.full(3, np.nan), r"needs pca\.1\.weights, .* all finite"),
        ("scales", None, r"needs \['pca\.1\.scales'\]"),
    ],
)
def test_damaged_arrays_are_refused(mixture: PCAMixture, name: str, value: Any, message: str) -> None:
    arrays = {**mixture.arrays("pca.1."), f"pca.1.{name}": value}
    with pytest.raises(ValueError, match=message):
        PCAMixture.from_arrays({key: array for key, array in arrays.items() if array is not None}, "pca.1.")


def test_mirrored_copies_make_the_mixture_symmetric(mixture: PCAMixture, flowers: np.ndarray) -> None:
    mirrored = np.ascontiguousarray(flowers[:, :, ::-1])
    np.testing.assert_allclose(mixture.mean, mixture.mean[:, ::-1], atol=1e-3)
    plain = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1), mirror=False)
    both = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1))
    gap = [abs((one.score_samples(flowers) - one.score_samples(mirrored)).mean()) for one in (plain, both)]
    assert gap[1] < gap[0] / 10


def test_the_criteria_count_photos_not_mirrored_copies(flowers: np.ndarray) -> None:
    mixture = PCAMixture.fit(flowers, PCAOptions(n_components="1:4", variance=5))
    assert mixture.choice is not None
    curve = mixture.choice["curve"]
    assert [one["n_components"] for one in curve] == [1, 2, 3]
    for K, one in enumerate(curve, 1):
        assert one["bic"] - one["aic"] == pytest.approx((np.log(60) - 2) * (K * 5 + K * 5 + K - 1))
    best = min(curve, key=lambda one: one["aic"])["n_components"]
    both = np.concatenate([flowers, flowers[:, :, ::-1]])
    codes = (both - mixture.mean).reshape(120, -1) @ mixture.eigen_images.reshape(5, -1).T.astype(np.float64)
    likelihood = logsumexp(mixture.gaussians.log_joint(codes), axis=1).mean()
    expected = 2 * (best * 11 - 1) - 2 * 60 * likelihood
    assert curve[best - 1]["aic"] == pytest.approx(expected, rel=1e-3)
    assert len(mixture.gaussians.weights) == best
    assert mixture.choice["choice"].startswith(f"{best} Gaussian")
    assert mixture.choice["choice"].endswith("by AIC, of 3 numbers from 1 to 3.")


def test_the_number_of_clusters_is_found() -> None:
    """Photos of three kinds, far apart beside their noise."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(60, 200, (3, 8, 8))
    photos = np.clip(kinds[np.arange(240) % 3] + 6 * rng.normal(size=(240, 8, 8)), 0, 255).astype(np.uint8)
    for criterion in ("aic", "bic"):
        options = PCAOptions(variance=2, criterion=criterion)
        assert PCAMixture.fit(photos, options, mirror=False).choice["choice"].startswith("3 Gaussians")


def test_noise_is_found_again_outside_the_principal_components() -> None:
    """Photos of 3 directions and white noise of variance 25."""
    rng = np.random.default_rng(0)
    directions = 60 * rng.normal(size=(400, 3)) @ np.linalg.qr(rng.normal(size=(256, 3)))[0].T
    photos = np.clip(np.rint(128 + directions + 5 * rng.normal(size=(400, 256))), 0, 255)
    photos = photos.astype(np.uint8).reshape(-1, 16, 16)
    mixture = PCAMixture.fit(photos, PCAOptions(n_components=1, variance=3), mirror=False)
    assert mixture.noise_variance == pytest.approx(25 + 1 / 12, rel=0.03)


def test_noise_is_measured_on_photos_that_were_not_fitted(flowers: np.ndarray) -> None:
    """Twenty photos fill nineteen dimensions: of themselves they would leave nothing."""
    mixture = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1, variance=19), mirror=False)
    assert mixture.noise_variance > 50
    assert mixture.gaussians.variances.min() >= mixture.noise_variance


def test_of_very_many_photos_some_are_chosen_and_a_note_says_so(
    flowers: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principal, "_MAX_VALUES", 50 * 256)
    mixture = PCAMixture.fit(flowers, PCAOptions(n_components=1))
    assert mixture.notes == ("The mixture is fitted on 25 of 60 photos, chosen at random.",)
    assert len(mixture.basis) < 50


def test_a_fit_does_not_depend_on_the_number_of_threads(flowers: np.ndarray) -> None:
    found = []
    for n_threads in (1, 4):
        with threadpool_limits(n_threads):
            found.append(PCAMixture.fit(flowers, PCAOptions(n_components=4)).arrays())
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_two_photos_are_enough(flowers: np.ndarray) -> None:
    for mirror in (False, True):
        assert PCAMixture.fit(flowers[:2], mirror=mirror).draw([0]).shape == (16, 16)


@pytest.mark.parametrize(
    ("photos", "n_components", "message"),
    [
        (np.zeros((4, 16, 16, 3), np.uint8), "auto", "square grayscale photos"),
        (np.zeros((4, 16, 12), np.uint8), "auto", "square grayscale photos"),
        (np.full((5, 8, 8), 7, np.uint8), "auto", "photos that differ"),
        (np.arange(128, dtype=np.uint8).reshape(2, 8, 8), 3, r"number of photos, 2\. Received: 3"),
    ],
)
def test_unfit_photos_are_refused(photos: np.ndarray, n_components: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PCAMixture.fit(photos, PCAOptions(n_components=n_components))


class TestSeedRecipe:
    """The notebook: ``PCA(0.99, whiten=True)``, then full covariances, the number of components by AIC."""

    def test_every_criterion_and_the_chosen_mixture_are_scikit_learns(self, flowers: np.ndarray) -> None:
        mixture = PCAMixture.fit(flowers, PCAOptions(recipe="seed"))
        codes = PCA(0.99, whiten=True).fit_transform(flowers.reshape(60, -1).astype(np.float64))
        fits = {}
        for k in range(1, 60, 10):
            with warnings.catch_warnings(), limited_threads():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fits[k] = GaussianMixture(k, covariance_type="full", random_state=0).fit(codes)
        assert mixture.choice is not None
        found = {
            name: [one[name] for one in mixture.choice["curve"]] for name in ("n_components", "aic", "bic")
        }
        assert found["n_components"] == list(fits)
        np.testing.assert_allclose(found["aic"], [one.aic(codes) for one in fits.values()])
        np.testing.assert_allclose(found["bic"], [one.bic(codes) for one in fits.values()])
        best, g = min(fits.values(), key=lambda one: one.aic(codes)), mixture.gaussians
        np.testing.assert_allclose(g.means, best.means_, atol=1e-6)
        for variances, factor, expected in zip(g.variances, g.factors, best.covariances_, strict=True):
            np.testing.assert_allclose(np.diag(variances) + factor.T @ factor, expected, atol=1e-5)

    def test_images_are_inverse_transforms(self, flowers: np.ndarray) -> None:
        mixture = PCAMixture.fit(flowers, PCAOptions(recipe="seed", n_components=41))
        pca = PCA(0.99, whiten=True).fit(flowers.reshape(60, -1).astype(np.float64))
        code = mixture.gaussians.draw(np.random.default_rng(3))
        expected = np.clip(pca.inverse_transform(code[None]).reshape(16, 16), 0, 255)
        assert np.abs(mixture.draw(3) - expected).max() < 3
