"""Fits in blocks: the mixture of the whole, and the same bytes every time."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.expectation_maximisation import climb, climb_blocks
from gmmaug_plugin.fitting.maximisation import (
    COVARIANCE_TYPES,
    Covariances,
    CovarianceType,
    maximise,
    maximise_rows,
    moments_of,
)
from gmmaug_plugin.fitting.starts import k_means_start
from gmmaug_plugin.fitting.workers import in_turn
from tests.factories import component_covariance, fit_all


def clusters(n: int, q: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 4, (4, q))
    return np.asarray(centres[rng.integers(0, 4, n)] + rng.normal(0, 1, (n, q)) * np.linspace(0.5, 2, q))


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("floor", [0.3, 1.5])
def test_steps_over_blocks_are_those_over_all_rows(covariance_type: CovarianceType, floor: float) -> None:
    X = clusters(900, 6)
    covariances = Covariances(covariance_type, np.full(6, floor) * np.linspace(1, 2, 6))
    start = k_means_start(X, 5, 0)
    whole = climb(X, start, covariances, max_iter=30, tol=1e-7)
    first = maximise_rows(X, X * X, start, covariances)
    blocks = in_turn.spread(np.split(X, [1, 50, 400, 899]))
    cut = climb_blocks(blocks, first, covariances, max_iter=30, tol=1e-7)
    assert (cut.n_iterations, cut.converged) == (whole.n_iterations, whole.converged)
    np.testing.assert_allclose(cut.log_densities, whole.log_densities, rtol=1e-9)
    np.testing.assert_allclose(cut.mixture.weights, whole.mixture.weights, atol=1e-9)
    np.testing.assert_allclose(cut.mixture.means, whole.mixture.means, atol=1e-9)
    for k in range(5):
        np.testing.assert_allclose(
            component_covariance(cut.mixture, k), component_covariance(whole.mixture, k), atol=1e-9
        )


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_components_of_few_rows_and_of_none_are_those_of_all_rows(covariance_type: CovarianceType) -> None:
    """Fewer members than dimensions: there the whole goes through Gram matrices, blocks do not."""
    X = clusters(40, 30)
    covariances = Covariances(covariance_type, np.full(30, 0.4))
    start = np.eye(5)[np.arange(40) % 4]
    first = maximise_rows(X, X * X, start, covariances)
    whole = climb(X, start, covariances, max_iter=4, tol=0.0)
    cut = climb_blocks(in_turn.spread(np.split(X, 4)), first, covariances, max_iter=4, tol=0.0)
    np.testing.assert_allclose(cut.log_densities, whole.log_densities, rtol=1e-9)


@given(st.lists(st.integers(0, 60), max_size=4), st.sampled_from(COVARIANCE_TYPES))
@settings(deadline=None)
def test_moments_of_any_cut_add_up(cuts: list[int], covariance_type: CovarianceType) -> None:
    X = clusters(60, 3)
    responsibilities = np.random.default_rng(1).dirichlet(np.ones(2), 60)
    whole = moments_of(X, X * X, responsibilities, covariance_type, log_density=60.0)
    parts = [
        moments_of(rows, rows * rows, own, covariance_type, log_density=float(len(rows)))
        for rows, own in zip(np.split(X, sorted(cuts)), np.split(responsibilities, sorted(cuts)), strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert (total.n, total.log_density) == (60, 60.0)
    for name in ("counts", "sums", "seconds"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), atol=1e-9)
    covariances = Covariances(covariance_type, np.full(3, 0.1))
    np.testing.assert_allclose(maximise(total, covariances).means, maximise(whole, covariances).means)


fit = partial(fit_all, variance=8, quiet=True)


@pytest.fixture(scope="module")
def flowers() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    images, labels, _ = make_flowers(160, image_size=16, n_classes=2, random_state=0)
    return images, labels


@pytest.mark.parametrize(
    "options",
    [
        *({"covariance_type": one} for one in COVARIANCE_TYPES),
        {"criterion": "heldout"},
        {"symmetry": "d4", "whiten": True},
    ],
)
def test_a_fit_in_blocks_is_as_likely_as_one_of_the_whole(flowers, options) -> None:
    """One component to 0.002 nats a photo. Of three, k-means sees the photos in another order: to 0.3%."""
    options = {"n_components": [1, 3], "max_iter": 30, **options}
    whole, cut = (fit(*flowers, block_size=size, **options) for size in (8192, 60))
    for name, curves in whole.info["criterion_curves"].items():
        for one, other in zip(curves, cut.info["criterion_curves"][name], strict=True):
            assert other["values"][0] == pytest.approx(one["values"][0], abs=2e-3)
            assert other["values"][1] == pytest.approx(one["values"][1], rel=3e-3)
    mean = whole.score_samples(flowers[0]).mean()
    assert cut.score_samples(flowers[0]).mean() == pytest.approx(mean, rel=1e-3)
    assert cut.noise_variance == pytest.approx(whole.noise_variance, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"criterion": "heldout", "covariance_type": "full"}])
def test_any_number_of_threads_gives_the_same_bytes(flowers, tmp_path: Path, options) -> None:
    found = []
    for n_threads in (1, 2, 2):
        with threadpool_limits(n_threads):
            model = fit(*flowers, block_size=50, n_components=[1, 4], n_init=2, max_iter=10, **options)
        model.save(tmp_path / "model.safetensors")
        found.append((tmp_path / "model.safetensors").read_bytes())
    assert found[0] == found[1] == found[2]


def test_blocks_are_told_in_the_options(flowers) -> None:
    assert fit(*flowers, block_size=64, n_components=1).info["options"]["block_size"] == 64
    with pytest.raises(ValueError, match=r"block_size must be .*Received: 0"):
        fit(*flowers, block_size=0)
