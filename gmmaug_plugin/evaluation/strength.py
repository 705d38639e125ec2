"""The strength of synthesis, by measurement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates
from gmmaug_plugin.evaluation.subject import N_JUDGED, VariedPhotos, as_compared, with_templates
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.progress import progress_bar

STEP = 0.05
"""Strengths are found to this."""


@dataclass(frozen=True)
class MeasuredStrength:
    """A strength of synthesis and how it was found.

    Attributes:
        strength: The smallest that was found to copy no more than real photos resemble each other; 1 where
            none does.
        within: Whether it does not.
        tried: Copy rates at every strength tried, ascending.
    """

    strength: float
    within: bool
    tried: tuple[tuple[float, CopyRates], ...]

    def as_json(self) -> dict[str, Any]:
        """The measurement as plain JSON values."""
        return {
            "strength": self.strength,
            "within": self.within,
            "tried": [{"strength": strength, **rates.as_json()} for strength, rates in self.tried],
        }


def measure_synthesis_strength(
    model: ImageModel,
    detector: CopyDetector,
    *,
    n_samples: int = N_JUDGED,
    random_state: int = 0,
    quiet: bool = True,
) -> MeasuredStrength:
    """Find the smallest strength at which synthesis from templates is no copying.

    That is one whose copy rate is at most the real-against-real rate in all three spaces. Copies grow rarer
    with strength, so strengths in steps of 0.05 are searched by bisection; all are tried with the same
    templates and noise.

    Args:
        model: A model with templates. One without only knows fresh draws: its strength is 1.
        detector: Knows the photos the model was fitted on.
        n_samples: Images to judge each strength by.
        random_state: Seed of these images.
        quiet: Show no progress.

    Returns:
        The strength, in [0, 1], and what was tried.

    Example:
        >>> measure_synthesis_strength(model, CopyDetector(photos, None, None)).strength  # doctest: +SKIP
        0.7
    """
    detector = with_templates(detector, model, n_samples=n_samples, random_state=random_state)

    def copying(strength: float) -> CopyRates:
        images, labels = model.sample(n_samples, strength=strength, seed=random_state)
        return detector.rates(images, labels)

    ladder = _ladder() if model.n_templates else [1.0]
    with progress_bar("Measuring strengths", _n_tries(ladder), quiet=quiet) as advance:
        return _bisect(ladder, copying, advance)


def measure_variation_strength(
    model: ImageModel,
    photos: PhotoSet,
    detector: CopyDetector,
    *,
    n_samples: int = N_JUDGED,
    random_state: int = 0,
    quiet: bool = True,
) -> MeasuredStrength:
    """Find the smallest strength at which photos that a model varies are no copies of themselves.

    As :func:`measure_synthesis_strength`, of photos at random, all strengths of the same photos and noise.

    Args:
        model: Any model.
        photos: The photos it was fitted on, of its size.
        detector: Knows these.
        n_samples: Varied photos to judge each strength by.
        random_state: Seed of photos and noise.
        quiet: Show no progress.

    Returns:
        The strength, in [0, 1], and what was tried.
    """

    def copying(strength: float) -> CopyRates:
        varied = as_compared(VariedPhotos(model, photos, strength), detector)
        images, labels = varied.sample(n_samples, seed=random_state)
        return detector.rates(images, labels)

    ladder = _ladder()
    with progress_bar("Measuring strengths", _n_tries(ladder), quiet=quiet) as advance:
        return _bisect(ladder, copying, advance)


def _n_tries(ladder: list[float]) -> int:
    return int(np.ceil(np.log2(len(ladder) + 1)))


def _ladder() -> list[float]:
    return [round(float(strength), 10) for strength in np.linspace(0.0, 1.0, round(1 / STEP) + 1)]


def _bisect(
    ladder: list[float], copying: Callable[[float], CopyRates], advance: Callable[[], None]
) -> MeasuredStrength:
    """The first of ``ladder`` that is within, given that all after it are."""
    tried: dict[float, CopyRates] = {}
    low, high = 0, len(ladder)
    while low < high:
        middle = (low + high) // 2
        tried[ladder[middle]] = copying(ladder[middle])
        low, high = (low, middle) if tried[ladder[middle]].within else (middle + 1, high)
        advance()
    found = ladder[min(low, len(ladder) - 1)]
    if found not in tried:
        tried[found] = copying(found)
    return MeasuredStrength(found, tried[found].within, tuple(sorted(tried.items())))
