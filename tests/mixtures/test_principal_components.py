import numpy as np
import pytest
from sklearn.decomposition import PCA

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.mixtures.principal_components import principal_components


@pytest.mark.parametrize("size", [16, 8])
@pytest.mark.parametrize("variance", [0.9, 7])
def test_principal_components_are_scikit_learns(size: int, variance: float) -> None:
    """With fewer photos than pixels and with more."""
    photos = make_flowers(75, image_size=16, random_state=1)[0][:, :size, :size]
    found = principal_components(photos, variance, np.float64)
    oracle = PCA(variance, svd_solver="full").fit(photos.reshape(75, -1).astype(np.float64))
    np.testing.assert_allclose(found.variances, oracle.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(found.rows, oracle.components_, atol=1e-6)
    np.testing.assert_allclose(found.mean, oracle.mean_)
    assert found.left_out == pytest.approx(oracle.noise_variance_, rel=1e-6)
