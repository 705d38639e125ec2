"""Features of images: what a small network has learned to look at that tells the user's classes apart.

Fréchet distance, precision and recall need a space in which likeness means something. A network trained on
the user's own classes gives one without downloads; how many unseen photos it tells right says what the space
is worth. Needs TensorFlow and at least two classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import check_stack
from gmmaug_plugin.extras import require
from gmmaug_plugin.resizing import resize_images

SIZE = 64
"""Height and width that images are looked at, in pixels."""

N_FEATURES = 64

_KERNELS = ((5, 1, 24, 2), (3, 24, 48, 2), (3, 48, 64, 2), (3, 64, N_FEATURES, 1))
"""Width, inputs, outputs and stride of every convolution."""

_BATCH = 64
_EPOCHS = 15
_FEWEST_STEPS, _MOST_STEPS = 300, 700
_PEAK_RATE = 3e-3
_DECAYS = 0.9, 0.99
_SMOOTHING = 0.1
_EPSILON = 1e-3

Weights = list[tuple[Any, ...]]
"""TensorFlow variables: kernel, scale and offset per convolution; kernel and offset of the last layer."""


class FeatureExtractor:
    """A small convolutional network, trained when made and fixed from then on.

    Four convolutions with batch normalisation, the mean over all places (the 64 features), and a linear
    layer; trained on mirrored and plain photos with Adam (D. P. Kingma and J. Ba, ICLR 2015, algorithm 1).
    All randomness comes from ``random_state``; TensorFlow's own seeds are neither used nor changed.

    Args:
        images: Photos, uint8 (n, h, w), at least 2.
        labels: Class of each, 0 to C - 1, of at least two classes.
        unseen: Photos that the network is only tested on, uint8 (m, h', w').
        unseen_labels: Class of each.
        n_steps: Steps of training, 64 photos each; by default 15 passes over the photos, but at least 300
            and at most 700 steps.
        random_state: Seed of first weights, order and mirroring.

    Attributes:
        accuracy: Share of the unseen photos whose class it tells right.
        chance: Share of the unseen photos' most frequent class: what guessing it would get.
        n_unseen: Number of unseen photos.

    Raises:
        ImportError: TensorFlow is not installed.
        ValueError: Shapes do not match, or there are fewer than two classes.

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> flowers, labels, _ = make_flowers(60, image_size=32, n_classes=2)  # doctest: +SKIP
        >>> seen = FeatureExtractor(flowers[:40], labels[:40], flowers[40:], labels[40:])  # doctest: +SKIP
        >>> seen(flowers[40:]).shape  # doctest: +SKIP
        (20, 64)
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        unseen: NDArray[np.uint8],
        unseen_labels: NDArray[np.integer],
        *,
        n_steps: int | None = None,
        random_state: int = 0,
    ) -> None:
        labels, unseen_labels = np.asarray(labels), np.asarray(unseen_labels)
        if labels.shape != (len(check_stack("images", images)),):
            raise ValueError(f"labels must be one per image ({len(images)}). Received: shape {labels.shape}")
        if unseen_labels.shape != (len(check_stack("unseen", unseen, 1)),):
            raise ValueError(
                f"unseen_labels must be one per image ({len(unseen)}). Received: shape {unseen_labels.shape}"
            )
        if len(np.unique(labels)) < 2:
            raise ValueError(f"Features need at least 2 classes. Received: labels {np.unique(labels)}")
        self._tf = require("tensorflow", extra="tensorflow")
        rng = np.random.default_rng([whole_number("random_state", random_state, 0), 4])
        steps = int(np.clip(_EPOCHS * len(images) // _BATCH, _FEWEST_STEPS, _MOST_STEPS))
        steps = steps if n_steps is None else whole_number("n_steps", n_steps, 1)
        self._weights = _first_weights(self._tf, int(labels.max()) + 1, rng)
        pixels = _pixels(images)
        _train(self._tf, self._weights, pixels, labels.astype(np.int64), steps, rng)
        seen = rng.permutation(len(pixels))[:512]
        # Batch statistics of training photos, once and for all: no image's features depend on its company.
        self._moments = _forward(self._tf, self._weights, pixels[seen], None)[1]
        any_number = self._tf.TensorSpec([None, SIZE, SIZE, 1], self._tf.float32)
        self._look = self._tf.function(self._logits_and_features, input_signature=[any_number])
        guesses = self._in_chunks(unseen)[0].argmax(axis=1)
        self.accuracy = float((guesses == unseen_labels).mean())
        self.chance = float(np.unique(unseen_labels, return_counts=True)[1].max() / len(unseen))
        self.n_unseen = len(unseen)

    @property
    def trusted(self) -> bool:
        """Whether it beats guessing by more than two standard errors: else its features mean little."""
        error = np.sqrt(self.chance * (1 - self.chance) / self.n_unseen)
        return bool(self.accuracy > self.chance + 2 * error)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Features of images, uint8 (n, h, w) of any size: float64 (n, 64)."""
        return self._in_chunks(check_stack("images", images, 1))[1]

    def _logits_and_features(self, pixels: Any) -> tuple[Any, Any]:
        features, _ = _forward(self._tf, self._weights, pixels, self._moments)
        kernel, offset = self._weights[-1]
        return features @ kernel + offset, features

    def _in_chunks(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        chunks = [self._look(_pixels(images[begin : begin + 256])) for begin in range(0, len(images), 256)]
        logits, features = zip(*chunks, strict=True)
        return np.concatenate(logits).astype(np.float64), np.concatenate(features).astype(np.float64)


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images as the network takes them: float32 (n, 64, 64, 1) in [-1, 1]."""
    return (resize_images(images, (SIZE, SIZE)).astype(np.float32) / 127.5 - 1.0)[..., None]


def _first_weights(tf: Any, n_classes: int, rng: np.random.Generator) -> Weights:
    weights: Weights = []
    for width, inputs, outputs, _ in _KERNELS:
        # K. He et al., ICCV 2015, equation 10: keeps the variance through rectified layers.
        spread = np.sqrt(2.0 / (width * width * inputs))
        kernel = spread * rng.normal(size=(width, width, inputs, outputs))
        weights.append((kernel, np.ones(outputs), np.zeros(outputs)))
    weights.append((rng.normal(size=(N_FEATURES, n_classes)) / np.sqrt(N_FEATURES), np.zeros(n_classes)))
    return [tuple(tf.Variable(array, dtype=tf.float32) for array in layer) for layer in weights]


def _forward(tf: Any, weights: Weights, pixels: Any, moments: list[Any] | None) -> tuple[Any, list[Any]]:
    """Features (n, 64), and mean and variance per convolution: the batch's own where none are given."""
    current, used = pixels, []
    for layer, (kernel, scale, offset) in enumerate(weights[:-1]):
        current = tf.nn.conv2d(current, kernel, _KERNELS[layer][3], "SAME")
        mean, variance = tf.nn.moments(current, [0, 1, 2]) if moments is None else moments[layer]
        used.append((mean, variance))
        current = tf.nn.relu(tf.nn.batch_normalization(current, mean, variance, offset, scale, _EPSILON))
    return tf.reduce_mean(current, [1, 2]), used


def _train(
    tf: Any,
    weights: Weights,
    pixels: NDArray[np.float32],
    labels: NDArray[np.int64],
    n_steps: int,
    rng: np.random.Generator,
) -> None:
    batch = min(_BATCH, len(pixels))
    passes = -(-n_steps * batch // len(pixels))
    order = np.concatenate([rng.permutation(len(pixels)) for _ in range(passes)])
    order = order[: n_steps * batch].reshape(n_steps, batch)
    mirrored = rng.random((n_steps, batch)) < 0.5
    n_classes = int(weights[-1][1].shape[0])
    targets = (1 - _SMOOTHING) * np.eye(n_classes, dtype=np.float32)[labels] + _SMOOTHING / n_classes

    def loss(index: Any, mirror: Any) -> Any:
        images = tf.gather(photos, index)
        images = tf.where(mirror[:, None, None, None], images[:, :, ::-1], images)
        kernel, offset = weights[-1]
        logits = _forward(tf, weights, images, None)[0] @ kernel + offset
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.gather(wanted, index), logits))

    photos, wanted = tf.constant(pixels), tf.constant(targets)
    variables = [variable for layer in weights for variable in layer]
    _minimise(tf, loss, variables, order, mirrored)


def _minimise(
    tf: Any,
    loss: Callable[[Any, Any], Any],
    variables: list[Any],
    order: NDArray[np.int64],
    mirrored: NDArray[np.bool_],
) -> None:
    """Adam with a rate that rises over a tenth of the steps and falls to zero along a cosine."""
    n_steps = len(order)
    progress = (np.arange(n_steps) + 1.0) / n_steps
    rates = _PEAK_RATE * np.minimum(progress / 0.1, 0.5 * (1 + np.cos(np.pi * progress)))
    moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]
    first, second = _DECAYS

    @tf.function  # type: ignore[untyped-decorator]
    def run(order: Any, mirrored: Any, rates: Any) -> None:
        for step in tf.range(n_steps):
            with tf.GradientTape() as tape:
                value = loss(order[step], mirrored[step])
            time = tf.cast(step + 1, tf.float32)
            correction = tf.sqrt(1 - second**time) / (1 - first**time)
            gradients = tape.gradient(value, variables)
            for variable, gradient, (mean, square) in zip(variables, gradients, moments, strict=True):
                mean.assign(first * mean + (1 - first) * gradient)
                square.assign(second * square + (1 - second) * gradient**2)
                variable.assign_sub(rates[step] * correction * mean / (tf.sqrt(square) + 1e-8))

    run(tf.constant(order), tf.constant(mirrored), tf.constant(rates, tf.float32))
