"""Laws of PCA mixtures: what is drawn, and what variation leaves as it is."""

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.stats import kstest, norm

from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.noise import NoiseStream
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import Symmetry
from tests.exact_engines import Recording, Unclipped
from tests.factories import component_covariance, random_model
from tests.statistics.alarms import PValues
from tests.statistics.p_values import of_counts, of_gaussian, whitened

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
N = 2000
MOVES = 50
TEMPLATE_STRENGTH = 0.3


@cache
def model_of(
    covariance_type: str, symmetry: Symmetry, components: tuple[int, ...] = (2, 3), templates: int = 0
) -> PCAMixture:
    """A small model whose mixture is of a type of covariances."""
    ranks = covariance_type in ("full", "tied")
    model = random_model(symmetry, image_size=8, components=components, ranks=ranks, templates=templates)
    return replace(model, mixture=of_type(model.mixture, covariance_type))


def of_type(mixture: Mixture, covariance_type: str) -> Mixture:
    """The mixture with covariances as that type has them."""
    if covariance_type == "spherical":
        each = mixture.variances.mean(axis=1, keepdims=True)
        return replace(mixture, variances=np.repeat(each, mixture.variances.shape[1], axis=1))
    if covariance_type == "tied":
        group = int(np.diff(mixture.factor_offsets).argmax())
        begin, end = mixture.factor_offsets[group : group + 2]
        return replace(
            mixture,
            variances=mixture.variances[[group]],
            factors=mixture.factors[begin:end].copy(),
            factor_offsets=np.array([0, end - begin], np.int32),
            groups=np.zeros_like(mixture.groups),
        )
    return mixture


def noise(model: PCAMixture, seed: int | list[int], n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """The noise that ``sample`` and ``vary`` take for a seed."""
    parts = list(model._noise_chunks(NoiseStream(seed), 0, n))
    return np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])


def draws(
    model: PCAMixture, seed: int, label: int | None = None, strength: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What ``sample`` makes, before it is bytes: images, codes, labels, and what was drawn of."""
    engine = Recording()
    images, labels = model.synthesize(
        engine, model.label_rows(label, N), np.full(N, strength), *noise(model, seed)
    )
    return images, codes_of(model, images), labels, engine.drawn[0]


def codes_of(model: PCAMixture, images: np.ndarray) -> np.ndarray:
    """Codes of images, by least squares in double precision."""
    q = model.basis.n_dimensions
    rows = model.basis.decode(Unclipped(), np.eye(q)).reshape(q, -1).astype(np.float64)
    centred = (images.astype(np.float64) - model.basis.mean).reshape(len(images), -1)
    return np.linalg.lstsq(rows.T, centred.T, rcond=None)[0].T


def of_components(truth: Mixture, codes: np.ndarray, components: np.ndarray) -> PValues:
    """Of codes: of each component's, and of all together, whitened each by its own."""
    found: dict[str, float] = {}
    white = np.empty_like(codes)
    for k in range(truth.n_components):
        own, law = components == k, (truth.means[k].astype(float), component_covariance(truth, k))
        found |= of_gaussian(f"component {k}", codes[own], *law)
        white[own] = whitened(codes[own], *law)
    q = codes.shape[1]
    return found | of_gaussian("all components", white, np.zeros(q), np.eye(q))


def sampling(model: PCAMixture, truth: Mixture, seed: int) -> PValues:
    """Frequencies of components and classes, and each component's law, of what ``model`` samples.

    Args:
        model: What is drawn of.
        truth: What its mixture should be.
        seed: Seed of the images.
    """
    _, codes, labels, components = draws(model, seed)
    shares = np.bincount(truth.classes, truth.weights)
    found = {
        "components": of_counts(np.bincount(components, minlength=truth.n_components), truth.weights),
        "classes": of_counts(np.bincount(labels, minlength=truth.n_classes), shares),
    }
    for label in range(truth.n_classes):
        *_, own = draws(model, seed + 10**6, label=label)
        within = np.where(truth.classes == label, truth.weights, 0.0)
        found[f"components of class {label}"] = of_counts(
            np.bincount(own, minlength=truth.n_components), within
        )
    # Whole mixtures' marginals besides: what is said of components could hold of components mistaken.
    found |= of_marginals(truth, codes)
    return found | of_components(truth, codes, components)


def of_marginals(truth: Mixture, codes: np.ndarray) -> PValues:
    """Of every number of the codes, whatever the component (Kolmogorov and Smirnov)."""
    spreads = np.sqrt([np.diag(component_covariance(truth, k)) for k in range(truth.n_components)])

    def cumulative(d: int, z: np.ndarray) -> np.ndarray:
        return norm.cdf((z[:, None] - truth.means[:, d]) / spreads[:, d]) @ truth.weights

    return {
        f"number {d}": float(kstest(codes[:, d], lambda z, d=d: cumulative(d, z)).pvalue)
        for d in range(codes.shape[1])
    }


def templates(model: PCAMixture, truth: Mixture, seed: int) -> PValues:
    """Which templates are drawn, and what is made of them: each in its component, moved."""
    assert model.templates is not None
    _, codes, _, drawn = draws(model, seed, strength=TEMPLATE_STRENGTH)
    kept = model.templates.take(Unclipped(), np.arange(model.n_templates))
    classes = truth.classes[model.templates.components]
    shares = np.bincount(truth.classes, truth.weights)[classes] / np.bincount(classes)[classes]
    found = {"templates": of_counts(np.bincount(drawn, minlength=model.n_templates), shares)}
    for t, k in enumerate(model.templates.components):
        mean = truth.means[k] + np.sqrt(1 - TEMPLATE_STRENGTH) * (kept[t] - truth.means[k])
        own = codes[drawn == t]
        found |= of_gaussian(f"template {t}", own, mean, TEMPLATE_STRENGTH * component_covariance(truth, k))
    return found


def variation(
    model: PCAMixture, truth: Mixture, strength: float, seed: int, *, labelled: bool = False
) -> PValues:
    """Laws of components and their frequencies after 50 moves of draws of the model.

    The component is drawn anew for every move, by its posterior probability: that leaves the whole mixture's
    law as it is, too, and with a label that of the class.
    """
    images, _, labels, _ = draws(replace(model, mixture=truth), seed)
    rows = labels if labelled else model.label_rows(None, N)
    for move in range(MOVES):
        engine = Recording()
        images = model.move(engine, images, np.full(N, strength), rows, *noise(model, [seed, move, 1]))
    components, codes = engine.drawn[0], codes_of(model, images)
    found = {"components": of_counts(np.bincount(components, minlength=truth.n_components), truth.weights)}
    assert not labelled or (truth.classes[components] == labels).all()
    return found | of_marginals(truth, codes) | of_components(truth, codes, components)
