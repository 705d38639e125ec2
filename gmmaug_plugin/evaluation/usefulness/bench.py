"""Training arms with everything shared that makes them pairs."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.usefulness.arms import Arm
from gmmaug_plugin.evaluation.usefulness.classifier import BATCH_SIZE, Classifier, prepare_devices
from gmmaug_plugin.evaluation.usefulness.curves import Curve, Run, measure
from gmmaug_plugin.evaluation.usefulness.feeding import Feeder
from gmmaug_plugin.evaluation.usefulness.planning import FEWEST_STEPS, Speed
from gmmaug_plugin.evaluation.usefulness.splits import Split, order_of_batches, split_photos
from gmmaug_plugin.images.duplicates import near_duplicates
from gmmaug_plugin.progress import Advance

N_POINTS = 33
"""Points of a learning curve: one every three percent of the steps."""

FitModel = Callable[[NDArray[np.uint8], NDArray[np.int32]], Any]
"""Fits a model with classes on photos, uint8 (n, s, s), and labels, int32 (n,)."""


class OutOfTimeError(Exception):
    """The budget is used up."""


class Bench:
    """Trains one arm at a time; all arms of a seed share photos, model, weights and order of batches.

    Args:
        images: All photos, uint8 (n, s, s).
        labels: Int32 (n,).
        fit_model: Fits the model of a seed on its training photos alone.
        photos_per_class: Training photos a class.
        random_state: Seed of the study.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int32],
        fit_model: FitModel,
        photos_per_class: int,
        random_state: int,
    ) -> None:
        prepare_devices()
        self._images = images
        self._labels = labels
        self._groups = near_duplicates(images)
        self._fit_model = fit_model
        self._photos_per_class = photos_per_class
        self._random_state = random_state
        self._classifier = Classifier(images.shape[1], int(labels.max()) + 1)
        self._seed = -1
        self._split: Split
        self._feeder: Feeder

    def speed(self, arm: Arm, steps: int) -> Speed:
        """Time the fit and a tenth of an arm, after what TensorFlow builds at the first steps."""
        began = time.monotonic()
        self._begin(0)
        fitted = time.monotonic()
        self.train(arm, 0, FEWEST_STEPS)
        short = max(FEWEST_STEPS, steps // 10)
        built = time.monotonic()
        self.train(arm, 0, short, n_points=max(1, N_POINTS * short // steps))
        return Speed(fitted - began, (time.monotonic() - built) / short)

    def train(
        self,
        arm: Arm,
        seed: int,
        steps: int,
        *,
        n_points: int = N_POINTS,
        deadline: float | None = None,
        advance: Advance = lambda: None,
    ) -> Run:
        """Train one arm with one seed.

        Args:
            arm: The arm.
            seed: Number of the seed.
            steps: Training steps.
            n_points: Points of the learning curve.
            deadline: By ``time.monotonic``.
            advance: Called after every point.

        Raises:
            OutOfTimeError: The deadline is past; what was trained is lost.
        """
        began = time.monotonic()
        self._begin(seed)
        split, classifier, feeder = self._split, self._classifier, self._feeder
        classifier.reset((self._random_state, seed, 1))
        order = order_of_batches(len(split.training), steps, BATCH_SIZE, (self._random_state, seed, 2))
        ends = np.unique(np.linspace(0, steps, n_points + 1).round().astype(int))
        points = []
        for first, stop in pairwise(ends.tolist()):
            if deadline is not None and time.monotonic() > deadline:
                raise OutOfTimeError
            classifier.train(feeder.feed(arm, order[first:stop], first))
            points.append(measure(stop, self._logits(split.validation), self._logits(split.test)))
            advance()
        return Run(arm.name, seed, Curve(tuple(points)), feeder.energy(arm), time.monotonic() - began)

    def _begin(self, seed: int) -> None:
        if seed == self._seed:
            return
        self._split = split_photos(
            self._labels, self._groups, self._photos_per_class, (self._random_state, seed, 0)
        )
        training = self._split.training
        images, labels = self._images[training], self._labels[training]
        self._feeder = Feeder(self._fit_model(images, labels), images, labels, (self._random_state, seed, 3))
        self._seed = seed

    def _logits(self, chosen: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        return self._classifier.logits(self._images[chosen]), self._labels[chosen]
