"""A small convolutional network and its training, many steps at a time."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.usefulness.augmentation import add_noise, standard_stack

BATCH_SIZE = 32
LEARNING_RATE = 2e-3

_CHANNELS = (16, 32, 64)
_KERNEL = 3
_MEASURED_TOGETHER = 256


@dataclass(frozen=True)
class Feed:
    """What a classifier is trained on for some steps.

    Attributes:
        images: All training photos, uint8 (n, s, s).
        labels: Int32 (n,).
        order: Photos of every step, int32 (steps, 32).
        made: Images that stand in the place of the first of every batch, uint8 (steps, n_made, s, s).
        made_labels: Int32 (steps, n_made).
        stack: Whether all images go through the standard stack.
        n_noisy: How many of every batch get white noise after that.
        deviation: Its standard deviation in grey levels.
        smoothing: Share of the target spread over all classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    order: NDArray[np.int32]
    made: NDArray[np.uint8]
    made_labels: NDArray[np.int32]
    stack: bool = False
    n_noisy: int = 0
    deviation: float = 0.0
    smoothing: float = 0.0


class Classifier:
    """A small network for grey images: three convolutions, each with pooling, and the mean over places.

    The same seed gives the same weights at every :meth:`reset`, and the same draws of the stack and of noise
    at every step whatever else is fed, so that runs can be compared in pairs. It trains with Adam
    (D. P. Kingma and J. Ba, ICLR 2015, algorithm 1) at a constant rate: no moment of a learning curve
    depends on how long the training goes on.

    Args:
        image_size: Height and width of the images.
        n_classes: Number of classes.
    """

    def __init__(self, image_size: int, n_classes: int) -> None:
        self._image_size = image_size
        self._n_classes = n_classes
        channels = (1, *_CHANNELS)
        shapes: list[tuple[int, ...]] = []
        for fan_in, width in pairwise(channels):
            shapes += [(_KERNEL, _KERNEL, fan_in, width), (width,)]
        shapes += [(channels[-1], n_classes), (n_classes,)]
        self._weights = [tf.Variable(tf.zeros(shape)) for shape in shapes]
        self._means = [tf.Variable(tf.zeros(shape)) for shape in shapes]
        self._squares = [tf.Variable(tf.zeros(shape)) for shape in shapes]
        self._step = 0
        self._key = 0
        # One trace for every combination of stack and noise serves all arms and seeds.
        self._train = tf.function(self._train_steps, reduce_retracing=True)
        self._measure = tf.function(self._network, reduce_retracing=True)

    def reset(self, seed: tuple[int, ...]) -> None:
        """Begin anew with the weights of this seed (K. He et al., ICCV 2015, equation 10)."""
        random = np.random.default_rng(seed)
        self._step = 0
        self._key = int(random.integers(2**31))
        for weights, mean, square in zip(self._weights, self._means, self._squares, strict=True):
            shape = weights.shape.as_list()
            deviation = np.sqrt(2.0 / np.prod(shape[:-1])) if len(shape) > 1 else 0.0
            weights.assign(random.normal(0.0, deviation, shape).astype(np.float32))
            mean.assign(tf.zeros(shape))
            square.assign(tf.zeros(shape))

    def train(self, feed: Feed) -> None:
        """Train for as many steps as the feed has."""
        self._train(
            tf.constant(feed.images),
            tf.constant(feed.labels),
            tf.constant(feed.order),
            tf.constant(feed.made),
            tf.constant(feed.made_labels),
            tf.constant(self._key, tf.int64),
            tf.constant(self._step, tf.int64),
            tf.constant(feed.n_noisy),
            tf.constant(feed.deviation, tf.float32),
            tf.constant(feed.smoothing, tf.float32),
            stack=feed.stack,
            noise=feed.n_noisy > 0,
        )
        self._step += len(feed.order)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Logits of images, uint8 (n, s, s), as float64 (n, n_classes)."""
        parts = [
            self._measure(tf.constant(images[begin : begin + _MEASURED_TOGETHER], tf.float32)).numpy()
            for begin in range(0, len(images), _MEASURED_TOGETHER)
        ]
        return np.concatenate(parts).astype(np.float64)

    def _train_steps(
        self,
        images: Any,
        labels: Any,
        order: Any,
        made: Any,
        made_labels: Any,
        key: Any,
        first: Any,
        n_noisy: Any,
        deviation: Any,
        smoothing: Any,
        *,
        stack: bool,
        noise: bool,
    ) -> None:
        n_made = tf.shape(made)[1]
        for index in tf.range(tf.shape(order)[0]):
            step = first + tf.cast(index, tf.int64)
            chosen = order[index][n_made:]
            batch = tf.cast(tf.concat([made[index], tf.gather(images, chosen)], axis=0), tf.float32)
            batch = tf.ensure_shape(batch, (BATCH_SIZE, self._image_size, self._image_size))
            if stack:
                batch = standard_stack(batch, tf.stack([key, 2 * step]))
            if noise:
                batch = add_noise(batch, n_noisy, deviation, tf.stack([key, 2 * step + 1]))
            classes = tf.concat([made_labels[index], tf.gather(labels, chosen)], axis=0)
            targets = tf.one_hot(classes, self._n_classes) * (1.0 - smoothing) + smoothing / self._n_classes
            with tf.GradientTape() as tape:
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, self._network(batch))
                loss = tf.reduce_mean(losses)
            self._adam(tape.gradient(loss, self._weights), tf.cast(step + 1, tf.float32))

    def _adam(self, gradients: list[Any], step: Any) -> None:
        rate = LEARNING_RATE * tf.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
        for weights, mean, square, gradient in zip(
            self._weights, self._means, self._squares, gradients, strict=True
        ):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * tf.square(gradient))
            weights.assign_sub(rate * mean / (tf.sqrt(square) + 1e-7))

    def _network(self, images: Any) -> Any:
        features = (images[..., None] - 127.5) / 64.0
        for layer in range(len(_CHANNELS)):
            kernel, offset = self._weights[2 * layer : 2 * layer + 2]
            # The first strides too: most of the cost would lie in its many places otherwise.
            features = tf.nn.conv2d(features, kernel, 2 if layer == 0 else 1, "SAME")
            features = tf.nn.max_pool2d(tf.nn.relu(features + offset), 2, 2, "SAME")
        return tf.reduce_mean(features, axis=(1, 2)) @ self._weights[-2] + self._weights[-1]


def prepare_devices() -> None:
    """Let TensorFlow take memory of a GPU as it needs it, where that can still be said."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            return
