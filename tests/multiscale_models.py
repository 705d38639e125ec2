"""Small multi-scale models for tests, of random numbers: no fit is needed."""

from itertools import accumulate

import numpy as np

from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import ConditionalMixture, MultiscaleMixture, PhotoTemplates
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS
from gmmaug_plugin.models.multiscale.contexts import N_CONTEXT, N_DETAILS, PHASES
from gmmaug_plugin.models.multiscale.layout import steps_of
from gmmaug_plugin.models.multiscale.pyramid import n_levels
from gmmaug_plugin.models.multiscale.templates import N_CODES
from gmmaug_plugin.models.strengths import Strengths


def random_multiscale(
    *,
    image_size: int = 32,
    n_classes: int = 2,
    per_class: int = 2,
    shared: bool = True,
    templates: int = 0,
    strengths: Strengths | None = None,
    seed: int = 0,
) -> MultiscaleMixture:
    """A small model; its classes are called a, b, …, and one class is unlabelled."""
    rng = np.random.default_rng(seed)
    base = _base(rng, n_classes, per_class)
    levels = tuple(
        tuple(_details(rng, phase, n_classes, per_class, shared) for phase in PHASES)
        for _ in range(n_levels(image_size))
    )
    return MultiscaleMixture(
        base,
        levels,
        class_names=tuple("abcdefgh"[:n_classes]) if n_classes > 1 else (),
        info={"note": "made for tests"},
        strengths=strengths or Strengths(),
        templates=_templates(rng, base, levels, templates) if templates else None,
    )


def _weights(rng: np.random.Generator, K: int) -> np.ndarray:
    weights = rng.dirichlet(np.full(K, 5.0))
    return weights / weights.sum()


def _base(rng: np.random.Generator, n_classes: int, per_class: int) -> Mixture:
    K = n_classes * per_class
    ranks = rng.integers(0, 4, K)
    return Mixture(
        weights=_weights(rng, K),
        means=rng.uniform(60, 190, (K, 64)).astype(np.float32),
        variances=rng.uniform(1, 9, (K, 64)).astype(np.float32),
        factors=(8 * rng.normal(size=(ranks.sum(), 64))).astype(np.float16).astype(np.float32),
        factor_offsets=np.array([0, *accumulate(ranks)], np.int32),
        groups=rng.permutation(K).astype(np.int32),
        classes=np.repeat(np.arange(n_classes), per_class).astype(np.int32),
    )


def _details(
    rng: np.random.Generator, phase: str, n_classes: int, per_class: int, shared: bool
) -> ConditionalMixture:
    K, D = n_classes * per_class, N_CONTEXT[phase] + N_DETAILS
    roots = np.tril(0.5 * rng.normal(size=(K, D, D)), -1)
    roots += np.eye(D) * rng.uniform(3, 9, (K, 1, D))
    return ConditionalMixture(
        weights=_weights(rng, K),
        means=(4 * rng.normal(size=(K, D))).astype(np.float32),
        roots=roots[:, *np.tril_indices(D)].astype(np.float16),
        classes=np.full(K, EVERY_CLASS, np.int32)
        if shared
        else np.repeat(np.arange(n_classes), per_class).astype(np.int32),
    )


def _templates(
    rng: np.random.Generator, base: Mixture, levels: tuple[tuple[ConditionalMixture, ...], ...], n: int
) -> PhotoTemplates:
    """Templates of all components of the base in turn, their details of components of their class."""
    base_components = np.arange(n, dtype=np.int32) % base.n_components
    labels = base.classes[base_components]
    steps = steps_of(8 << len(levels))
    mixtures = [mixture for phases in levels for mixture in phases]
    components = np.zeros((n, steps[-1].end), np.uint8)
    for step, mixture in zip(steps, mixtures, strict=True):
        for row, label in enumerate(labels):
            own = np.flatnonzero((mixture.classes == label) | (mixture.classes == EVERY_CLASS))
            components[row, step.begin : step.end] = rng.choice(own, step.count)
    return PhotoTemplates(
        base=rng.uniform(60, 190, (n, 64)).astype(np.float16),
        base_components=base_components,
        components=components,
        innovations=rng.integers(0, N_CODES, components.shape).astype(np.uint8),
    )
