import numpy as np
import pytest
from sklearn.decomposition import PCA

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.pca import fit_pca, residual_variance
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry, symmetric_copies

ENGINE = NumpyEngine()


@pytest.fixture(scope="module")
def flowers() -> np.ndarray:
    return make_flowers(40, image_size=16, random_state=1)[0]


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("n", [12, 40])
def test_components_are_scikit_learns_on_all_copies(flowers: np.ndarray, symmetry: Symmetry, n: int) -> None:
    """With fewer photos than pixels and more of them: both the Gram and the covariance way."""
    photos = flowers[:n]
    found = fit_pca(photos, symmetry=symmetry)
    copies = symmetric_copies(photos, symmetry).reshape(-1, 256).astype(np.float64)
    oracle = PCA().fit(copies)
    # scikit-learn divides by the number of copies minus one, we by photos minus one.
    scale = (1 - 1 / len(copies)) / (1 - 1 / n)
    expected = oracle.explained_variance_ * scale
    variances = np.sort(found.code_variances)[::-1]
    kept = expected > 1e-4 * expected[0]
    np.testing.assert_allclose(variances[: kept.sum()], expected[kept], rtol=1e-3)
    assert found.total_variance == pytest.approx(expected.sum(), rel=1e-5)
    np.testing.assert_allclose(found.mean.ravel(), oracle.mean_, atol=1e-4)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_share_of_variance_counts_directions_as_scikit_learn(flowers: np.ndarray, symmetry: Symmetry) -> None:
    kept = fit_pca(flowers, symmetry=symmetry).keep(0.9)
    copies = symmetric_copies(flowers, symmetry).reshape(-1, 256).astype(np.float64)
    expected = PCA(0.9, svd_solver="full").fit(copies).n_components_
    n_dimensions = kept.basis(whiten=False).n_dimensions
    # A pair that D4 exchanges is kept together.
    assert expected <= n_dimensions <= expected + (symmetry == "d4")


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_whitened_codes_have_unit_variance_over_all_copies(flowers: np.ndarray, symmetry: Symmetry) -> None:
    basis = fit_pca(flowers, symmetry=symmetry).keep(10).basis(whiten=True)
    copies = symmetric_copies(flowers, symmetry).astype(np.float32)
    codes = basis.encode(ENGINE, copies - basis.mean)
    covariance = codes.T @ codes / len(codes) * 40 / 39
    np.testing.assert_allclose(covariance, np.eye(basis.n_dimensions), atol=0.02)


def test_all_components_give_the_photos_back(flowers: np.ndarray) -> None:
    basis = fit_pca(flowers, symmetry="flip").basis(whiten=False)
    centred = flowers.astype(np.float32) - basis.mean
    decoded = basis.decode(ENGINE, basis.encode(ENGINE, centred))
    assert np.abs(decoded - centred).max() < 2.0


def test_noise_is_found_again_outside_the_subspace() -> None:
    """Photos of 3 directions plus white noise of variance 25: the residual tells the noise."""
    rng = np.random.default_rng(0)
    directions = 60 * rng.normal(size=(400, 3)) @ np.linalg.qr(rng.normal(size=(256, 3)))[0].T
    photos = np.clip(np.rint(128 + directions + 5 * rng.normal(size=(400, 256))), 0, 255)
    photos = photos.astype(np.uint8).reshape(-1, 16, 16)
    noise = residual_variance(photos, n_dimensions=3, symmetry="none", random_state=0)
    assert noise == pytest.approx(25 + 1 / 12, rel=0.03)


def test_noise_is_measured_on_photos_that_were_not_fitted(flowers: np.ndarray) -> None:
    """Twenty photos fill nineteen dimensions: of themselves they would leave nothing."""
    assert residual_variance(flowers, n_dimensions=19, symmetry="none", random_state=0) > 50


def test_equal_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="do not differ"):
        fit_pca(np.full((5, 8, 8), 7, np.uint8))


@pytest.mark.parametrize("variance", [0, -1, float("nan")])
def test_bad_shares_of_variance_are_refused(flowers: np.ndarray, variance: float) -> None:
    with pytest.raises(ValueError, match=r"share in \(0, 1\) or a number of dimensions"):
        fit_pca(flowers).keep(variance)
