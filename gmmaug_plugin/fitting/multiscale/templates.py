"""Choosing the photos that a multi-scale mixture keeps, and encoding them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.multiscale.positions import CoarserPhotos
from gmmaug_plugin.fitting.templates import choose_photos
from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.layout import Step
from gmmaug_plugin.models.multiscale.multiscale_mixture import Codes, MultiscaleMixture
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.multiscale.templates import PhotoTemplates, round_innovations

_NUMPY = NumpyEngine()


def choose_photo_templates(
    model: MultiscaleMixture,
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    n_templates: int,
    *,
    random_state: int = 0,
) -> PhotoTemplates:
    """Encode the photos that cover the photo set best, compared by their bases.

    Args:
        model: A model of these photos.
        images: The photos, uint8 (n, size, size).
        labels: Class of each, int32 (n,).
        n_templates: How many to keep; all photos when that is more than there are.
        random_state: Seed of k-means and of the drawn components.

    Returns:
        The templates, class by class.
    """
    with workers():
        chosen = choose_photos(_bases(images), labels, n_templates, random_state)
        return encode_photos(model, images[chosen], labels[chosen], random_state)


def encode_photos(
    model: MultiscaleMixture, images: NDArray[np.uint8], labels: NDArray[np.int32], seed: int
) -> PhotoTemplates:
    """Encode photos, their innovations rounded.

    Args:
        model: The model.
        images: The photos, uint8 (n, size, size).
        labels: Class of each, int32 (n,).
        seed: Of the components, which are drawn from their posterior probabilities.

    Returns:
        The templates, in the order of the photos.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for begin in range(0, len(images), model.chunk):
        part = slice(begin, begin + model.chunk)
        grey = images[part].astype(np.float32)
        uniform = rng.random((len(grey), model.uniform_width))
        parts.append(_as_templates(model, model.encode(_NUMPY, grey, labels[part], uniform)))
    return PhotoTemplates(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _bases(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Bases of photos, (n, 64)."""
    coarsest = CoarserPhotos(images).at(0, np.arange(len(images)))
    return np.asarray(split(coarsest)[0].reshape(len(images), -1), np.float64)


def _as_templates(model: MultiscaleMixture, codes: Codes) -> tuple[NDArray[Any], ...]:
    """The arrays of templates, position by position in the order of all steps."""
    rounded = map(round_innovations, codes.innovations)
    return (
        codes.base.astype(np.float16),
        codes.base_components.astype(np.int32),
        _in_rows(model.steps, codes.components).astype(np.uint8),
        _in_rows(model.steps, rounded),
    )


def _in_rows(steps: Sequence[Step], columns: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([step.rows(_NUMPY, one) for step, one in zip(steps, columns, strict=True)], axis=1)
