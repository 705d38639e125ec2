"""``score_samples`` is a density: that of scipy's Gaussians in pixel space, and one in all."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from gmmaug_plugin.models.multiscale.pyramid import BASE_SIZE
from gmmaug_plugin.models.multiscale.tones import exact_tones, log_slope
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from tests.exact_engines import Precise
from tests.factories import component_covariance, random_model
from tests.multiscale_models import random_multiscale
from tests.statistics.alarms import ALPHA
from tests.statistics.pca_laws import COVARIANCE_TYPES, of_type

ENGINE = Precise()


def dense_gaussians(model: PCAMixture) -> tuple[np.ndarray, np.ndarray]:
    """Means (K, d) and covariances (K, d, d) of the components over d pixels, noise floor and all."""
    q, d = model.basis.n_dimensions, model.image_size**2
    rows = np.stack([model.basis.decode(ENGINE, one[None])[0].ravel() for one in np.eye(q)])
    subspace = np.linalg.qr(rows.T)[0]
    outside = model.noise_variance * (np.eye(d) - subspace @ subspace.T)
    means = model.basis.mean.ravel() + model.mixture.means.astype(float) @ rows
    inside = [rows.T @ component_covariance(model.mixture, k) @ rows for k in range(model.n_components)]
    return means, np.stack(inside) + outside


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_density_of_a_pca_mixture_is_scipys(covariance_type: str, symmetry: Symmetry, size: int) -> None:
    """To a millionth of what is far from the model, and of its own draws."""
    plain = random_model(symmetry, image_size=size, ranks=covariance_type in ("full", "tied"))
    model = PCAMixture(plain.basis, of_type(plain.mixture, covariance_type), plain.noise_variance, ("a", "b"))
    means, covariances = dense_gaussians(model)
    noise = np.random.default_rng(0).integers(0, 256, (10, size, size)).astype(np.uint8)
    images = np.concatenate([noise, model.sample(10, seed=0)[0]])
    flat = images.reshape(20, -1).astype(float)
    laws = zip(model.mixture.weights, means, covariances, strict=True)
    terms = [np.log(weight) + multivariate_normal(mean, S).logpdf(flat) for weight, mean, S in laws]
    np.testing.assert_allclose(model.score_samples(images), logsumexp(terms, axis=0), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_the_density_of_a_pca_mixture_integrates_to_one(covariance_type: str) -> None:
    """Images of 2 x 2 pixels, by importance sampling: within the stated rate of false alarms.

    The basis is of 4 grey levels for a unit of code, so that next to nothing is beyond black and white.
    """
    model = random_model("none", image_size=2, components=(2, 3), ranks=covariance_type == "full")
    basis = type(model.basis)(
        "none", model.basis.mean, model.basis.rows, tuple(one * np.float32(0.2) for one in model.basis.scales)
    )
    model = PCAMixture(basis, model.mixture, model.noise_variance, model.class_names)
    means, covariances = dense_gaussians(model)
    w = model.mixture.weights
    mean = w @ means
    spread = np.einsum("k,kij->ij", w, covariances) + np.einsum("k,ki,kj->ij", w, means - mean, means - mean)
    wide = multivariate_normal(mean, 1.5 * spread)
    n = 200_000
    images = wide.rvs(n, random_state=0).astype(np.float32)
    assert images.min() > 0
    assert images.max() < 255
    log_density = model.score_samples(images.reshape(n, 2, 2), value_range=255.0)
    ratios = np.exp(log_density - wide.logpdf(images))
    error = ratios.std() / np.sqrt(n)
    assert error < 0.005
    assert abs(ratios.mean() - 1) < norm.isf(ALPHA / 2) * error


def test_the_density_of_one_gaussian_on_every_band_is_scipys() -> None:
    """With one component everywhere tones are one Gaussian, its root what decoding makes of unit noise."""
    model = random_multiscale(n_classes=1, per_class=1)
    d = model.image_size**2
    base_root = np.linalg.cholesky(component_covariance(model.base, 0))
    n_base = BASE_SIZE**2

    def tones_of(noise: np.ndarray) -> np.ndarray:
        bases = model.base.means[0].astype(float) + noise[:, :n_base] @ base_root.T
        return exact_tones(ENGINE, decoded(model, bases, noise[:, n_base:])).reshape(len(noise), d)

    mean = tones_of(np.zeros((1, d)))[0]
    # Small steps: what is linear in tones is so for any, and grey levels must not come near black and white.
    step = 2.0**-6
    root = np.concatenate([tones_of(step * part) for part in np.split(np.eye(d), 16)]) - mean
    covariance = (root / step).T @ (root / step)
    images = np.concatenate(
        [model.sample(4, seed=0)[0], np.random.default_rng(0).integers(0, 256, (4, 32, 32)).astype(np.uint8)]
    )
    tones = exact_tones(ENGINE, images).reshape(8, d)
    expected = multivariate_normal(mean, covariance).logpdf(tones) + log_slope(images).sum(axis=(1, 2))
    np.testing.assert_allclose(model.score_samples(images), expected, rtol=1e-7)


def decoded(model, bases: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Grey images of bases (n, 64) and innovations (n, 3 x positions), of component 0 throughout."""
    from gmmaug_plugin.models.multiscale.layout import innovations_at

    def source(step, context):
        return np.zeros(context.shape[1], np.int32), innovations_at(ENGINE, step, noise)

    return model._unfold(ENGINE, bases, source)
