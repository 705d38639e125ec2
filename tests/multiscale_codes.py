"""Codes of multi-scale mixtures: drawn, and found again in images."""

import numpy as np

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.multiscale.contexts import Grids
from gmmaug_plugin.models.multiscale.multiscale_mixture import Codes, vectors_at
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.multiscale.tones import to_tones

ENGINE = NumpyEngine()


def noise_of(model: MultiscaleMixture, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((n, model.uniform_width)), rng.standard_normal((n, model.noise_width), np.float32)


def innovations_of(
    model: MultiscaleMixture, grey: np.ndarray, components: tuple[np.ndarray, ...]
) -> list[np.ndarray]:
    """Innovations (3, N) of all steps of images whose components are known."""
    coarse, pyramid = to_tones(ENGINE, grey), []
    for _ in model.levels:
        coarse, details = split(coarse)
        pyramid.append((Grids(coarse), details))
    phases = {"first": 0, "second": 1, "third": 2}
    return [
        model.levels[step.level][phases[step.phase]].innovations(
            ENGINE, vectors_at(ENGINE, *pyramid[-1 - step.level], step.phase), drawn
        )
        for step, drawn in zip(model.steps, components, strict=True)
    ]


def drawn_codes(model: MultiscaleMixture, n: int, seed: int) -> Codes:
    """Fixed component maps, the same for all images, and a fresh base and innovations for each."""
    rng = np.random.default_rng(seed)
    base_components = np.full(n, 1, np.int32)
    _, normal = noise_of(model, n, seed)
    base = model.base.means[1].astype(float) + model.base.deviations(
        ENGINE, base_components, normal[:, : model.base.noise_width]
    )
    components = []
    for step in model.steps:
        mixture = model.levels[step.level][0]
        one_image = rng.integers(0, mixture.n_components, (1, step.end))
        components.append(step.columns(ENGINE, np.repeat(one_image, n, axis=0)).astype(np.int32))
    innovations = tuple(rng.standard_normal((3, len(one))) for one in components)
    return Codes(base, base_components, tuple(components), innovations)
