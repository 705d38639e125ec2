"""Laws of multi-scale mixtures: what is drawn, and what variation leaves as it is."""

from functools import cache

import numpy as np
from scipy.special import softmax
from scipy.stats import multivariate_normal

from gmmaug_plugin.models.multiscale import ConditionalMixture, MultiscaleMixture
from gmmaug_plugin.models.multiscale.conditional import EVERY_CLASS
from gmmaug_plugin.models.multiscale.multiscale_mixture import PHASE_NUMBER, Codes
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.multiscale.tones import exact_tones
from gmmaug_plugin.models.noise import NoiseStream
from tests.exact_engines import Recording
from tests.factories import component_covariance
from tests.multiscale_codes import ENGINE, drawn_codes, innovations_of
from tests.multiscale_models import random_multiscale
from tests.statistics.alarms import PValues
from tests.statistics.p_values import of_counts, of_draws, of_gaussian

N = 700
"""More of each component of the base than it has numbers."""
MOVED = 80
MOVES = 50
AT_MOST = 20_000
"""Positions of a step whose probabilities are worked out."""

model_of = cache(random_multiscale)


def noise(model: MultiscaleMixture, seed: int | list[int], n: int) -> tuple[np.ndarray, np.ndarray]:
    """The noise that ``sample`` and ``vary`` take for a seed."""
    widths = {"width": model.noise_width, "uniforms": model.uniform_width, "block": model.noise_block}
    return NoiseStream(seed).draw(start=0, n=n, **widths)


def base_of(images: np.ndarray, levels: int) -> np.ndarray:
    """Bases (n, 64) of grey images."""
    coarse = exact_tones(ENGINE, images)
    for _ in range(levels):
        coarse, _ = split(coarse)
    return coarse.reshape(len(images), -1)


def sampling(model: MultiscaleMixture, truth: MultiscaleMixture, seed: int) -> PValues:
    """Base and details that ``model`` samples, by frequencies and laws of their components.

    Args:
        model: What is drawn of.
        truth: What it should be.
        seed: Seed of the images.
    """
    engine = Recording()
    rows = model.label_rows(None, N)
    images, labels = model.synthesize(engine, rows, np.ones(N), *noise(model, seed, N))
    found = of_base(truth, base_of(images, len(model.levels)), engine.drawn[0])
    base = truth.base
    found["components of the base"] = of_counts(
        np.bincount(engine.drawn[0], minlength=base.n_components), base.weights
    )
    found["classes"] = of_counts(
        np.bincount(labels, minlength=base.n_classes), np.bincount(base.classes, base.weights)
    )
    for step, (context, _, drawn) in zip(truth.steps, engine.steps, strict=True):
        mixture = truth.levels[step.level][PHASE_NUMBER[step.phase]]
        classes = step.repeat(ENGINE, labels.astype(float)).astype(int)
        some = slice(0, AT_MOST)
        expected = gates(mixture, context[:, some], classes[some])
        p = of_draws(drawn[some], expected)
        if p is not None:
            found[f"components of {step.phase} at {step.size}"] = p
    components = tuple(drawn for _, _, drawn in engine.steps)
    return found | of_innovations(truth, innovations_of(truth, images, components))


def gates(mixture: ConditionalMixture, context: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Probabilities (N, K) of components given contexts (c, N), by scipy."""
    c, roots = mixture.n_context, mixture.full_roots()
    with np.errstate(divide="ignore"):
        log_joint = np.log(mixture.weights) + np.stack(
            [
                multivariate_normal(mean[:c], (root @ root.T)[:c, :c]).logpdf(context.T)
                for mean, root in zip(mixture.means.astype(float), roots, strict=True)
            ],
            axis=1,
        )
    mine = (mixture.classes == EVERY_CLASS) | (mixture.classes == classes[:, None])
    return softmax(np.where(mine, log_joint, -np.inf), axis=1)


def of_base(truth: MultiscaleMixture, base: np.ndarray, components: np.ndarray) -> dict[str, float]:
    """Of bases, component by component."""
    found: dict[str, float] = {}
    for k in np.unique(components):
        mean, covariance = truth.base.means[k].astype(float), component_covariance(truth.base, k)
        found |= of_gaussian(f"base {k}", base[components == k], mean, covariance)
    return found


def of_innovations(truth: MultiscaleMixture, innovations: list[np.ndarray]) -> dict[str, float]:
    """Of the innovations of all steps, which are to be standard normal."""
    found: dict[str, float] = {}
    for step, numbers in zip(truth.steps, innovations, strict=True):
        found |= of_gaussian(f"innovations of {step.phase} at {step.size}", numbers.T, np.zeros(3), np.eye(3))
    return found


def variation(model: MultiscaleMixture, truth: MultiscaleMixture, strength: float, seed: int) -> PValues:
    """Base and innovations after 50 moves of draws of one map of components, which is kept throughout."""
    codes = drawn_codes(truth, MOVED, seed)
    strengths = np.full((MOVED, len(model.levels) + 1), strength)
    for move in range(MOVES):
        _, normal = noise(model, [seed, move, 1], MOVED)
        images = model._decode(ENGINE, codes, strengths, normal)
        innovations = innovations_of(truth, images, codes.components)
        base = base_of(images, len(model.levels))
        codes = Codes(base, codes.base_components, codes.components, tuple(innovations))
    return of_base(truth, base, codes.base_components) | of_innovations(truth, innovations)
