"""Training one arm: which photos, which network, which batches. All arms of a seed are pairs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.features import predict
from gmmaug_plugin.evaluation.usefulness.runs import Arm, Point, Run, measure
from gmmaug_plugin.extras import require
from gmmaug_plugin.photos import near_duplicates
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.resizing import resize_images

BATCH_SIZE = 32
N_POINTS = 16
"""Points of a learning curve."""

MOST_VALIDATION, MOST_TEST = 100, 200
"""Photos a class: enough for the differences sought, few enough that measuring costs less than training."""

FEWEST_TRAINING, FEWEST_HELD_BACK = 4, 3

_LEARNING_RATE = 2e-3
_CHANNELS = (16, 32, 64)

Images = NDArray[np.uint8]
DrawPool = Callable[[Images, NDArray[np.int32], int], Pool]
"""Draws a pool from photos, uint8 (n, s, s[, 3]), and labels, int32 (n,), with a seed."""


@dataclass(frozen=True)
class Split:
    """Indices of photos, disjoint: to train on, to stop early and scale by, to report on."""

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split_photos(
    labels: NDArray[np.int32], groups: NDArray[np.int32], photos_per_class: int, seed: tuple[int, ...]
) -> Split:
    """Draw photos of every class at random; near-duplicates of training photos are not held back.

    Args:
        labels: Int32 (n,).
        groups: Int32 (n,), the same number for near-duplicates.
        photos_per_class: Training photos of every class. A third of the rest, at most 100 a class,
            validates; at most 200 of the others test.
        seed: The same seed gives the same split.

    Raises:
        ValueError: Fewer than three photos of a class are left to hold back.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    seen = groups[np.concatenate([order[:photos_per_class] for order in orders])]
    training, validation, test = [], [], []
    for order in orders:
        rest = order[photos_per_class:]
        rest = rest[~np.isin(groups[rest], seen)]
        if len(rest) < FEWEST_HELD_BACK:
            raise ValueError(
                f"Every class must have {FEWEST_HELD_BACK} photos to hold back that are no near-duplicates "
                f"of training photos. Received: a class with {len(rest)} of them"
            )
        n_validation = min(MOST_VALIDATION, len(rest) // 3)
        training.append(order[:photos_per_class])
        validation.append(rest[:n_validation])
        test.append(rest[n_validation : n_validation + MOST_TEST])
    return Split(np.concatenate(training), np.concatenate(validation), np.concatenate(test))


def choose_photos_per_class(
    labels: NDArray[np.int32], class_names: tuple[str, ...], photos_per_class: int | None
) -> int:
    """The number of training photos a class; None takes two thirds of the smallest class.

    Raises:
        ValueError: The smallest class has not that many and three more, or there are fewer than four.
    """
    counts = np.bincount(labels, minlength=len(class_names))
    fewest, name = int(counts.min()), class_names[int(np.argmin(counts))]
    chosen = photos_per_class
    if chosen is None:
        chosen = min(2 * fewest // 3, fewest - FEWEST_HELD_BACK)
    if chosen < FEWEST_TRAINING or fewest - chosen < FEWEST_HELD_BACK:
        raise ValueError(
            f"Too few photos: every class must have at least {FEWEST_TRAINING} to train on and "
            f"{FEWEST_HELD_BACK} more to hold back. Received: photos_per_class={photos_per_class}, and "
            f"{fewest} photos of class {name!r}"
        )
    return chosen


class Trainer:
    """Trains one arm at a time.

    All arms of a seed share photos, pool, initial weights, order of photos and the draws of the stack.

    Args:
        images: All photos, uint8 (n, s, s) or (n, s, s, 3).
        labels: Int32 (n,).
        draw_pool: Draws the pool of a seed from its training photos alone.
        photos_per_class: Training photos a class.
        random_state: Seed of the study.

    Attributes:
        measuring: Seconds that the learning curve of the last training took, however long the training.
    """

    measuring = 0.0

    def __init__(
        self,
        images: Images,
        labels: NDArray[np.int32],
        draw_pool: DrawPool,
        photos_per_class: int,
        random_state: int,
    ) -> None:
        self._keras = require("keras", extra="tensorflow")
        self._images, self._labels = images, labels
        self._draw_pool = draw_pool
        self._groups = near_duplicates(images)
        self._photos_per_class = photos_per_class
        self._random_state = random_state
        self._model = build_classifier(self._keras, images.shape[1:], int(labels.max()) + 1)
        self._seed: int | None = None
        self._split: Split
        self._pool: Pool

    def prepare(self, seed: int) -> None:
        """Split the photos and draw the pool of a seed, unless that was the last one prepared."""
        if seed == self._seed:
            return
        self._split = split_photos(
            self._labels, self._groups, self._photos_per_class, (self._random_state, seed, 0)
        )
        training = self._split.training
        pool = self._draw_pool(self._images[training], self._labels[training], seed)
        if pool.labels is None or pool.images.ndim != self._images.ndim:
            raise ValueError(f"draw_pool must return a pool like the photos, with classes. Received: {pool}")
        self._pool, self._seed = pool, seed

    def train(self, arm: Arm, seed: int, steps: int, *, advance: Callable[[], object] = lambda: None) -> Run:
        """Train an arm with a seed; ``advance`` is called after each of 16 parts of the steps."""
        began = time.monotonic()
        self.prepare(seed)
        _restart(self._model, np.random.default_rng([self._random_state, seed, 1]))
        split = self._split
        photos, labels = self._images[split.training], self._labels[split.training]
        feed = Feed(photos, labels, self._pool, arm.ratio, steps, (self._random_state, seed))
        points: list[Point] = []
        self.measuring = 0.0

        def measure_part(stop: int) -> None:
            paused = time.monotonic()
            points.append(measure(stop, self._logits(split.validation), self._logits(split.test)))
            self.measuring += time.monotonic() - paused
            advance()

        _fit(self._keras, self._model, feed, steps // N_POINTS, measure_part)
        return Run(arm.name, seed, tuple(points), time.monotonic() - began)

    def _logits(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        (logits,) = predict(self._keras, self._model, self._images[rows], as_input)
        return logits, self._labels[rows]


class Feed:
    """The batches of an arm: which photos and pool images at which step, a pure function of the step.

    Images of the pool take the first places of a batch. Photos come in random order, each once before any
    comes again, and every arm has the same photo in the same place.

    Args:
        photos: Training photos, uint8 (n, s, s) or (n, s, s, 3).
        labels: Int32 (n,).
        pool: With the same classes; resized to the photos' size.
        ratio: Share of a batch from the pool, 0..1.
        steps: Number of batches.
        seed: Of the order of photos and pool.
    """

    def __init__(
        self,
        photos: Images,
        labels: NDArray[np.int32],
        pool: Pool,
        ratio: float,
        steps: int,
        seed: tuple[int, int],
    ) -> None:
        rng = np.random.default_rng([*seed, 2])
        n_epochs = -(-steps * BATCH_SIZE // len(photos))
        order = np.concatenate([rng.permutation(len(photos)) for _ in range(n_epochs)])
        self._order = order[: steps * BATCH_SIZE].reshape(steps, BATCH_SIZE)
        self._photos, self._labels, self._pool = photos, labels, pool
        self._n_drawn = round(ratio * BATCH_SIZE)
        self._rows, self._mirrored = pool.order(seed)

    def batch(self, step: int) -> tuple[Images, NDArray[np.int32]]:
        """Images and labels of a step, 32 each."""
        photos = self._order[step, self._n_drawn :]
        images, labels = self._photos[photos], self._labels[photos]
        if self._n_drawn:
            positions = np.arange(step * self._n_drawn, (step + 1) * self._n_drawn) % len(self._rows)
            drawn, drawn_labels = self._pool.take(self._rows[positions], self._mirrored[positions])
            images = np.concatenate([resize_images(drawn, int(images.shape[1])), images])
            labels = np.concatenate([np.asarray(drawn_labels), labels])
        return images, labels


def build_classifier(keras: Any, shape: tuple[int, ...], n_classes: int) -> Any:
    """A small classifier that begins with the standard stack: three convolutions and the mean over places.

    It trains with Adam at a constant rate: no moment of a learning curve depends on the number of steps.

    Args:
        keras: The module.
        shape: Of an image: (s, s) or (s, s, 3).
        n_classes: Number of classes.
    """
    layers = keras.layers
    inside = {"fill_mode": "reflect"}
    stack = [
        layers.RandomFlip("horizontal", seed=1),
        layers.RandomTranslation(0.1, 0.1, **inside, seed=2),
        layers.RandomRotation(20 / 360, **inside, seed=3),
        layers.RandomZoom(0.15, **inside, seed=4),
        layers.RandomContrast(0.2, value_range=(0, 255), seed=5),
        layers.RandomBrightness(0.2, value_range=(0, 255), seed=6),
    ]
    network = []
    for place, channels in enumerate(_CHANNELS):
        # The first layer also strides: at full resolution it would take most of the time.
        network += [
            layers.Conv2D(channels, 3, 2 if place == 0 else 1, "same", activation="relu"),
            layers.MaxPooling2D(2, padding="same"),
        ]
    model = keras.Sequential(
        [
            keras.Input((*shape[:2], shape[2] if len(shape) == 3 else 1)),
            *stack,
            layers.Rescaling(1 / 64, -127.5 / 64),
            *network,
            layers.GlobalAveragePooling2D(),
            layers.Dense(n_classes),
        ]
    )
    model.compile(
        keras.optimizers.Adam(_LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def as_input(images: Images) -> NDArray[np.float32]:
    """Images as the network takes them: float32 (n, s, s, 1) or (n, s, s, 3), 0..255."""
    return (images[..., None] if images.ndim == 3 else images).astype(np.float32)


def _restart(model: Any, rng: np.random.Generator) -> None:
    """Begin anew with weights of this generator (K. He et al., ICCV 2015, equation 10), Adam at rest.

    One compiled model serves all trainings: building one anew takes seconds.
    """
    for variable in model.variables:
        shape = tuple(variable.shape)
        if "seed" in variable.name:
            variable.assign(rng.integers(2**31, size=shape).astype(np.uint32))
        else:
            deviation = np.sqrt(2.0 / np.prod(shape[:-1])) if len(shape) > 1 else 0.0
            variable.assign(rng.normal(0.0, deviation, shape).astype(np.float32))
    for variable in model.optimizer.variables:
        if "learning_rate" not in variable.path:
            variable.assign(np.zeros(tuple(variable.shape), variable.dtype))


def _fit(keras: Any, model: Any, feed: Feed, part: int, measure_part: Callable[[int], None]) -> None:
    """Train in parts of ``part`` steps, Keras' epochs, and measure after each."""

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        first = 0

        def __len__(self) -> int:
            return part

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
            images, labels = feed.batch(self.first + index)
            return as_input(images), labels

    class Curve(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            batches.first = epoch * part

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            measure_part((epoch + 1) * part)

    batches = Batches()
    model.fit(batches, epochs=N_POINTS, shuffle=False, verbose=0, callbacks=[Curve()])
