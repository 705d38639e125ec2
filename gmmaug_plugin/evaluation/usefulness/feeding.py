"""What every arm puts into its batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from gmmaug_plugin.evaluation.usefulness.arms import SMOOTHING, Arm
from gmmaug_plugin.evaluation.usefulness.classifier import BATCH_SIZE, Feed

_ENERGY_DRAWS = 2048
"""Enough to know the energy within two percent."""
_NOISE_PHOTOS = 512
_MOST_DEVIATION = 1000.0


class Feeder:
    """Makes the feeds of one seed's arms.

    Varied photos and noise go to the first places of a batch, whose order is random already.
    Images are made some steps ahead by the model's own ``vary`` and ``sample``, as a user's would be:
    photos are varied before the stack, as the model knows photos as they are. Noise comes after the stack,
    whose interpolation would take away most of it otherwise.

    Args:
        model: Fitted on these photos alone.
        images: Training photos, uint8 (n, s, s).
        labels: Int32 (n,).
        seed: Seed of all that is drawn.
    """

    def __init__(
        self, model: Any, images: NDArray[np.uint8], labels: NDArray[np.int32], seed: Sequence[int]
    ) -> None:
        self._model = model
        self._images = images
        self._labels = labels
        self._seed = tuple(seed)
        self._energies: dict[float, float] = {}
        self._deviations: dict[float, float] = {}

    def feed(self, arm: Arm, order: NDArray[np.int32], first: int) -> Feed:
        """What the arm is trained on in these steps.

        Args:
            arm: The arm.
            order: Photos of every step, int32 (steps, 32).
            first: Number of the first step.
        """
        n_touched = round(arm.ratio * BATCH_SIZE)
        made, made_labels = self._make(arm, order[:, :n_touched], first)
        noisy = arm.added == "noise"
        return Feed(
            self._images,
            self._labels,
            order,
            made,
            made_labels,
            stack=arm.stack,
            n_noisy=n_touched if noisy else 0,
            deviation=self._deviation(arm) if noisy else 0.0,
            smoothing=SMOOTHING if arm.added == "smoothing" else 0.0,
        )

    def energy(self, arm: Arm) -> float:
        """Mean squared change that the arm's variation makes to a training photo, in grey levels squared."""
        if arm.added not in ("variation", "noise"):
            return 0.0
        if arm.strength not in self._energies:
            chosen = np.arange(max(_ENERGY_DRAWS, len(self._images))) % len(self._images)
            photos = self._images[chosen]
            varied = self._model.vary(
                photos, strength=arm.strength, label=self._labels[chosen], seed=[*self._seed, 0]
            )
            self._energies[arm.strength] = mean_squared_change(photos, varied)
        return self._energies[arm.strength]

    def _deviation(self, arm: Arm) -> float:
        if arm.strength not in self._deviations:
            self._deviations[arm.strength] = noise_deviation(self._images, self.energy(arm))
        return self._deviations[arm.strength]

    def _make(
        self, arm: Arm, chosen: NDArray[np.int32], first: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        steps, n = chosen.shape
        places = {"seed": [*self._seed, 1], "start": first * n}
        if n and arm.added == "variation":
            labels = self._labels[chosen.ravel()]
            made = self._model.vary(
                self._images[chosen.ravel()], strength=arm.strength, label=labels, **places
            )
        elif n and arm.added == "synthesis":
            made, labels = self._model.sample(steps * n, **places)
        else:
            made, labels, n = self._images[:0], self._labels[:0], 0
        size = self._images.shape[1:]
        return made.reshape(steps, n, *size), labels.reshape(steps, n).astype(np.int32)


def mean_squared_change(images: NDArray[np.uint8], changed: NDArray[np.uint8]) -> float:
    """Mean over all pixels of the squared difference, grey levels squared."""
    return float(np.square(changed.astype(np.float64) - images).mean())


def noise_deviation(images: NDArray[np.uint8], energy: float) -> float:
    """Standard deviation of the white noise that changes images by this energy once it is clipped to 0..255.

    Args:
        images: Uint8 (n, s, s).
        energy: Mean squared change in grey levels squared.
    """
    pixels = images[:: -(-len(images) // _NOISE_PHOTOS)].astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32)

    def excess(deviation: float) -> float:
        return float(np.square(np.clip(pixels + deviation * noise, 0, 255) - pixels).mean()) - energy

    if energy <= 0.0:
        return 0.0
    return float(brentq(excess, 0.0, _MOST_DEVIATION, xtol=0.01))
