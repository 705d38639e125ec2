"""Mixtures of contexts and details against their formulas, written out with scipy."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chi2, multivariate_normal

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale import ConditionalMixture
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS
from gmmaug_plugin.models.quadratic import BLOCK, draw_by_weight, n_features, quadratic_features

ENGINE = NumpyEngine()
FALSE_ALARMS = 1e-6
"""How often a right sampler would fail the test of its frequencies; seeds are fixed on top of that."""


def mixture_of(
    n_components: int = 6,
    n_context: int = 4,
    *,
    classes: tuple[int, ...] | None = None,
    spread: float = 1.0,
    seed: int = 0,
) -> ConditionalMixture:
    """A mixture whose components overlap, some ``spread`` times as wide as others."""
    rng = np.random.default_rng(seed)
    D = n_context + 3
    roots = np.tril(rng.normal(size=(n_components, D, D)), -1) + np.eye(D) * rng.uniform(1, 3, (1, D))
    roots *= np.geomspace(1.0, spread, n_components)[:, None, None]
    return ConditionalMixture(
        weights=rng.dirichlet(np.full(n_components, 5.0)),
        means=(2 * rng.normal(size=(n_components, D))).astype(np.float32),
        roots=roots[:, *np.tril_indices(D)].astype(np.float16),
        classes=np.array([EVERY_CLASS] * n_components if classes is None else classes, np.int32),
    )


def draws_of(mixture: ConditionalMixture, n: int, seed: int = 0) -> np.ndarray:
    """Vectors of the joint law, float32 (D, n)."""
    rng = np.random.default_rng(seed)
    components = rng.choice(mixture.n_components, n, p=mixture.weights)
    normal = rng.normal(size=(n, mixture.means.shape[1], 1))
    moved = (mixture.full_roots()[components] @ normal)[:, :, 0]
    return np.ascontiguousarray((mixture.means[components] + moved).T, np.float32)


def log_joint(mixture: ConditionalMixture, vectors: np.ndarray) -> np.ndarray:
    """Log of weight times density of every component, (K, n), by scipy."""
    m = len(vectors)
    covariances = mixture.full_roots()[:, :m, :m] @ np.swapaxes(mixture.full_roots()[:, :m, :m], 1, 2)
    parts = [
        np.log(weight) + np.atleast_1d(multivariate_normal(mean[:m], covariance).logpdf(vectors.T))
        for weight, mean, covariance in zip(mixture.weights, mixture.means, covariances, strict=True)
    ]
    return np.stack(parts)


def posterior(mixture: ConditionalMixture, vectors: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    logits = log_joint(mixture, vectors)
    if rows is not None:
        logits = np.where(mixture.classes[:, None] == rows, logits, -np.inf)
    return np.exp(logits - logsumexp(logits, axis=0))


# --- densities --------------------------------------------------------------------------------------------


def test_the_density_of_details_is_that_of_both_over_that_of_the_context() -> None:
    mixture = mixture_of()
    vectors = draws_of(mixture, 3000)
    expected = logsumexp(log_joint(mixture, vectors), axis=0) - logsumexp(
        log_joint(mixture, vectors[: mixture.n_context]), axis=0
    )
    np.testing.assert_allclose(mixture.log_density(vectors), expected, atol=1e-9)


def test_the_density_within_a_class_counts_its_components_alone() -> None:
    mixture = mixture_of(5, classes=(0, 1, 0, 1, 1))
    vectors = draws_of(mixture, 200)
    for label in (0, 1):
        own = np.flatnonzero(mixture.classes == label)
        alone = logsumexp(log_joint(mixture, vectors)[own], axis=0) - logsumexp(
            log_joint(mixture, vectors[:4])[own], axis=0
        )
        np.testing.assert_allclose(mixture.log_density(vectors, label), alone, atol=1e-9)


def test_densities_of_details_integrate_to_one() -> None:
    """A sum over a grid of details for single contexts, near the components and far from all."""
    mixture = mixture_of(3, 2)
    line = np.arange(-40.0, 40.0, 0.5)
    details = np.stack(np.meshgrid(line, line, line, indexing="ij")).reshape(3, -1)
    for context in ([0.5, -1.0], [6.0, 9.0]):
        vectors = np.concatenate([np.repeat(np.array(context)[:, None], details.shape[1], 1), details])
        assert np.exp(mixture.log_density(vectors)).sum() * 0.5**3 == pytest.approx(1.0, abs=1e-6)


# --- innovations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, BLOCK, 2 * BLOCK + 3])
def test_innovations_and_details_are_each_others_inverse(n: int) -> None:
    mixture = mixture_of()
    vectors = draws_of(mixture, n)
    components = np.random.default_rng(1).integers(0, 6, n).astype(np.int32)
    innovations = mixture.innovations(ENGINE, vectors, components)
    assert innovations.shape == (3, n)
    details = mixture.details(ENGINE, vectors[:4], components, innovations)
    np.testing.assert_allclose(details, vectors[4:], atol=1e-9)


def test_details_have_the_conditional_mean_and_covariance() -> None:
    mixture = mixture_of()
    context = draws_of(mixture, 6)[:4]
    components = np.arange(6, dtype=np.int32)
    centre = mixture.details(ENGINE, context, components, np.zeros((3, 6)))
    for k in components:
        root, mean = mixture.full_roots()[k], mixture.means[k].astype(float)
        S = root @ root.T
        slope = S[4:, :4] @ np.linalg.inv(S[:4, :4])
        np.testing.assert_allclose(centre[:, k], mean[4:] + slope @ (context[:, k] - mean[:4]), atol=1e-9)
        units = (np.repeat(unit[:, None], 6, 1) for unit in np.eye(3))
        ends = [mixture.details(ENGINE, context, components, unit)[:, k] for unit in units]
        moves = np.stack(ends, axis=1) - centre[:, [k]]
        np.testing.assert_allclose(moves @ moves.T, S[4:, 4:] - slope @ S[:4, 4:], atol=1e-9)


# --- draws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["context", "context and details"])
@pytest.mark.parametrize("classes", [None, (0, 1, 0, 1, 1, 0)])
def test_components_are_drawn_as_often_as_they_are_likely(
    known: str, classes: tuple[int, ...] | None
) -> None:
    """A chi-squared test of 8000 draws for each of ten vectors; false alarms as stated, of all together."""
    mixture = mixture_of(classes=classes)
    n, n_vectors, rng = 8000, 10, np.random.default_rng(3)
    vectors = draws_of(mixture, n_vectors)[: mixture.n_context if known == "context" else None]
    labels = np.arange(n_vectors, dtype=np.int32) % 2
    probabilities = posterior(mixture, vectors, None if classes is None else labels)
    rows = None if classes is None else np.repeat(labels, n)
    drawn = mixture.draw(ENGINE, np.repeat(vectors, n, axis=1), rng.random(n_vectors * n), rows)
    statistic, freedom = 0.0, 0
    for column, indices in enumerate(drawn.reshape(n_vectors, n)):
        counts, expected = np.bincount(indices, minlength=6), n * probabilities[:, column]
        assert counts[expected == 0].sum() == 0
        likely = expected >= 5
        statistic += ((counts - expected)[likely] ** 2 / expected[likely]).sum()
        freedom += likely.sum()
    assert freedom > n_vectors
    assert statistic < chi2.isf(FALSE_ALARMS, freedom)


@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize("n_context", [8, 20])
def test_rounding_changes_no_draw(n_context: int, spread: float) -> None:
    """Every draw is the one of float64, though most are decided in float32."""
    mixture = mixture_of(24, n_context, spread=spread)
    n = 12_000
    uniform = np.random.default_rng(4).random(n)
    for vectors in (draws_of(mixture, n), draws_of(mixture, n)[:n_context]):
        logits = log_joint(mixture, vectors)
        expected = ENGINE.draw_categorical(logits.T, uniform)
        np.testing.assert_array_equal(mixture.draw(ENGINE, vectors, uniform, None), expected)
        assert len(np.unique(expected)) == 24


def test_any_class_may_be_drawn_where_none_is_named() -> None:
    mixture = mixture_of(4, classes=(0, 0, 1, 1))
    vectors, uniform = draws_of(mixture, 3000), np.random.default_rng(0).random(3000)
    rows = np.full(3000, 2, np.int32)
    every = replace(mixture, classes=np.full(4, EVERY_CLASS, np.int32))
    np.testing.assert_array_equal(
        mixture.draw(ENGINE, vectors, uniform, rows), every.draw(ENGINE, vectors, uniform, None)
    )
    assert every.shared
    assert not mixture.shared


def test_a_component_of_no_weight_is_never_drawn() -> None:
    """First, in the middle and last; and at both ends of the uniform numbers."""
    mixture = replace(mixture_of(5), weights=np.array([0.0, 0.5, 0.0, 0.5, 0.0]))
    uniform = np.random.default_rng(0).random(3000)
    for edge in (0.0, 1.0 - 1e-9, np.nextafter(1.0, 0.0)):
        uniform[:1500] = edge
        for n_known in (4, 7):
            with np.errstate(invalid="ignore"):  # what a product makes of an infinity beside the result
                drawn = mixture.draw(ENGINE, draws_of(mixture_of(5), 3000)[:n_known], uniform, None)
            assert set(np.unique(drawn)) == {1, 3}


@pytest.mark.parametrize("n_components", [1, 2, 255, 256])
def test_a_byte_is_enough_to_count_components(n_components: int) -> None:
    n, rng = 5000, np.random.default_rng(5)
    log_weights = rng.normal(size=(n_components, n))
    uniform = rng.random(n)
    uniform[:3] = 0.0, 0.5, np.nextafter(1.0, 0.0)
    drawn, margin = draw_by_weight(log_weights.copy(), uniform)
    np.testing.assert_array_equal(drawn, ENGINE.draw_categorical(log_weights.T, uniform))
    assert (margin >= 0).all()
    if n_components > 1:
        assert drawn.max() == n_components - 1


def test_the_margin_is_how_far_a_draw_is_from_another_one() -> None:
    log_weights = np.log(np.array([[0.2, 0.2, 0.2], [0.3, 0.3, 0.3], [0.5, 0.5, 0.5]]))
    drawn, margin = draw_by_weight(log_weights, np.array([0.1, 0.45, 0.9]))
    assert drawn.tolist() == [0, 1, 2]
    np.testing.assert_allclose(margin, [0.1, 0.05, 0.1], atol=1e-12)


@pytest.mark.parametrize("m", [1, 3, 23])
def test_features_are_all_products_up_to_the_second_degree(m: int) -> None:
    a = np.random.default_rng(0).normal(size=(m, 7))
    rows, columns = np.triu_indices(m)
    expected = np.concatenate([np.ones((1, 7)), a, a[rows] * a[columns]])
    np.testing.assert_array_equal(quadratic_features(a), expected)
    assert len(expected) == n_features(m)


def test_a_mixture_is_never_changed_and_can_be_sent_to_other_processes() -> None:
    mixture = mixture_of(classes=(0, 0, 0, 1, 1, 1))
    vectors = draws_of(mixture, 50)
    before = mixture.log_density(vectors, 1)
    with pytest.raises(ValueError, match="read-only"):
        mixture.weights[0] = 1.0
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.log_density(vectors, 1), before)
