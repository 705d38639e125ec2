import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from gmmaug_plugin.mixtures.gaussians import fit_full
from gmmaug_plugin.threads import limited_threads


def test_components_that_overlap_move_as_scikit_learns() -> None:
    """Many steps of expectation maximisation, with more members than dimensions."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    with limited_threads():
        mixture, likelihood = fit_full(X, 4, seed=5)
        oracle = GaussianMixture(4, random_state=5).fit(X)
    assert oracle.n_iter_ > 5
    assert likelihood == pytest.approx(oracle.score(X), rel=1e-9)
    np.testing.assert_allclose(mixture.means, oracle.means_, atol=1e-8)
    np.testing.assert_allclose(mixture.log_joint(X), oracle._estimate_weighted_log_prob(X), atol=1e-6)
