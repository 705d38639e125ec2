"""One training: split of the photos, batches, a small Keras classifier, and its learning curve."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gmmaug_plugin.evaluation.usefulness.result import Point
from gmmaug_plugin.extras import require
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.resizing import resize_images

BATCH_SIZE = 32
N_POINTS = 16
"""Points of a learning curve."""

MOST_VALIDATION, MOST_TEST = 100, 200
"""Photos per class: enough for the differences sought, and measuring costs less than training."""

FEWEST_HELD_BACK = 3

_LEARNING_RATE = 2e-3
_INVERSE = (0.02, 50.0)
"""Bounds of the inverse temperature."""

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]
Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Repetition:
    """Everything that the arms of one seed share.

    Attributes:
        training: Photos to train on.
        validation: Photos for early stopping and for the temperature of logits.
        test: Photos to report on.
        pool: Drawn from the training photos; its images are resized to theirs.
        seed: Seed of the weights, of the order of photos and pool, and of the standard stack.
    """

    training: PhotoSet
    validation: PhotoSet
    test: PhotoSet
    pool: Pool
    seed: tuple[int, int]


def split_photos(
    photos: PhotoSet, groups: NDArray[np.int32], photos_per_class: int, seed: tuple[int, ...]
) -> tuple[PhotoSet, PhotoSet, PhotoSet]:
    """Draw training photos of every class, and hold back photos that are no near-duplicates of these.

    Args:
        photos: n photos with classes.
        groups: int32 (n,), equal for near-duplicates.
        photos_per_class: Training photos of every class. A third of the rest, at most 100 per class, is for
            validation; at most 200 of the others are for the test.
        seed: Seed of the draw.

    Returns:
        Photos for training, validation and test.

    Raises:
        ValueError: Fewer than three photos of a class are left to hold back.
    """
    rng = np.random.default_rng(seed)
    orders = [
        rng.permutation(np.flatnonzero(photos.labels == label)) for label in range(len(photos.class_names))
    ]
    training = np.concatenate([order[:photos_per_class] for order in orders])
    validation, test = [], []
    for order, name in zip(orders, photos.class_names, strict=True):
        rest = order[photos_per_class:]
        rest = rest[~np.isin(groups[rest], groups[training])]
        if len(rest) < FEWEST_HELD_BACK:
            raise ValueError(
                f"Every class must have {FEWEST_HELD_BACK} photos to hold back that are no near-duplicates "
                f"of training photos. Received: class {name!r} with {len(rest)} of them"
            )
        n_validation = min(MOST_VALIDATION, len(rest) // 3)
        validation.append(rest[:n_validation])
        test.append(rest[n_validation : n_validation + MOST_TEST])
    return photos.take(training), photos.take(np.concatenate(validation)), photos.take(np.concatenate(test))


def batches(shared: Repetition, ratio: float, steps: int) -> Iterator[tuple[Images, Labels]]:
    """Yield batches of 32: images of the pool in the first places, photos in the others.

    Every photo and every image of the pool comes once before any comes again. A position with a
    photo has the same photo in every arm.

    Args:
        shared: The training photos, the pool and the seed.
        ratio: Share of a batch from the pool, 0..1.
        steps: Number of batches.

    Yields:
        Images uint8 (32, s, s) or (32, s, s, 3), and labels int32 (32,).
    """
    photos, photo_labels = shared.training.images, np.asarray(shared.training.labels)
    rng = np.random.default_rng([*shared.seed, 2])
    n_epochs = -(-steps * BATCH_SIZE // len(photos))
    order = np.concatenate([rng.permutation(len(photos)) for _ in range(n_epochs)])
    rows, mirrored = shared.pool.order(shared.seed)
    n_drawn = round(ratio * BATCH_SIZE)
    for step in range(steps):
        chosen = order[step * BATCH_SIZE + n_drawn : (step + 1) * BATCH_SIZE]
        places = np.arange(step * n_drawn, (step + 1) * n_drawn) % len(rows)
        drawn, labels = shared.pool.take(rows[places], mirrored[places])
        images = np.concatenate([resize_images(drawn, photos.shape[1]), photos[chosen]])
        yield images, np.concatenate([np.asarray(labels), photo_labels[chosen]])


def train(
    shared: Repetition,
    ratio: float,
    steps: int,
    *,
    deadline: float = math.inf,
    advance: Callable[[float], object] = lambda _: None,
) -> tuple[Point, ...] | None:
    """Train a classifier and measure it at 16 points.

    Args:
        shared: The photos, the pool and the seed.
        ratio: Share of a batch from the pool, 0..1.
        steps: Training steps, rounded down to a multiple of 16.
        deadline: Time of :func:`time.monotonic` at which to give up.
        advance: Called with 1/16 after each point.

    Returns:
        The learning curve; None if the deadline came first.

    Raises:
        ImportError: Keras or its backend is not installed.
    """
    keras = require("keras", extra="tensorflow")
    shape, n_classes = shared.training.images.shape[1:], len(shared.pool.class_names)
    model = build_classifier(keras, shape, n_classes, shared.seed)
    part, n = steps // N_POINTS, len(shared.validation.images)
    held_back = np.concatenate([shared.validation.images, shared.test.images])
    labels = np.concatenate([np.asarray(shared.validation.labels), np.asarray(shared.test.labels)])
    points: list[Point] = []

    def measure_part(epoch: int, _: Any) -> None:
        logits = model.predict(held_back, batch_size=256, verbose=0).astype(np.float64)
        validation, test = (logits[:n], labels[:n]), (logits[n:], labels[n:])
        points.append(measure((epoch + 1) * part, validation, test))
        advance(1 / N_POINTS)
        model.stop_training = time.monotonic() > deadline

    model.fit(
        batches(shared, ratio, part * N_POINTS),
        steps_per_epoch=part,
        epochs=N_POINTS,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=measure_part)],
    )
    return tuple(points) if len(points) == N_POINTS else None


def build_classifier(keras: Any, shape: tuple[int, ...], n_classes: int, seed: tuple[int, int]) -> Any:
    """Build a small classifier that begins with the standard stack of augmentations.

    Three convolutions and the mean over places, trained with Adam at a constant rate, so that no point of a
    learning curve depends on the number of steps. Weights start as in K. He et al., ICCV 2015.

    Args:
        keras: The module ``keras``.
        shape: Shape of an image, (s, s) or (s, s, 3).
        n_classes: Number of classes.
        seed: Seed of the initial weights and of the augmentations.
    """
    layers, rng = keras.layers, np.random.default_rng([*seed, 1])

    def draw() -> int:
        return int(rng.integers(2**31))

    def start() -> Any:
        return keras.initializers.HeNormal(seed=draw())

    model = keras.Sequential([keras.Input(shape), layers.Reshape((*shape[:2], -1))])
    model.add(layers.RandomFlip("horizontal", seed=draw()))
    model.add(layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", seed=draw()))
    model.add(layers.RandomRotation(20 / 360, fill_mode="reflect", seed=draw()))
    model.add(layers.RandomZoom(0.15, fill_mode="reflect", seed=draw()))
    model.add(layers.RandomContrast(0.2, value_range=(0, 255), seed=draw()))
    model.add(layers.RandomBrightness(0.2, value_range=(0, 255), seed=draw()))
    model.add(layers.Rescaling(1 / 64, -127.5 / 64))
    # The first layer strides too: at full resolution it would take most of the time.
    for channels, strides in ((16, 2), (32, 1), (64, 1)):
        model.add(layers.Conv2D(channels, 3, strides, "same", activation="relu", kernel_initializer=start()))
        model.add(layers.MaxPooling2D(2, padding="same"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(n_classes, kernel_initializer=start()))
    model.compile(
        keras.optimizers.Adam(_LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model


def measure(step: int, validation: tuple[Logits, Labels], test: tuple[Logits, Labels]) -> Point:
    """Measure a classifier by its logits, float64 (n, n_classes), on the validation and test photos."""
    temperature = fit_temperature(*validation)
    logits, labels = test
    return Point(
        step=step,
        accuracy=float((logits.argmax(axis=1) == labels).mean()),
        nll=negative_log_likelihood(logits, labels),
        nll_scaled=negative_log_likelihood(logits / temperature, labels),
        temperature=temperature,
        validation_nll=negative_log_likelihood(*validation),
    )


def negative_log_likelihood(logits: Logits, labels: Labels) -> float:
    """Mean negative log-probability of the true class, in nats; logits float64 (n, n_classes)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The divisor of logits, 0.02..50, that gives the lowest negative log-likelihood.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    section 4.2. It changes no decision.
    """
    # Convex in the inverse temperature, so there is a single minimum.
    found = minimize_scalar(
        lambda inverse: negative_log_likelihood(inverse * logits, labels), bounds=_INVERSE, method="bounded"
    )
    return float(1 / found.x)
