"""Features of images: the mean activations of a small network trained to distinguish the user's classes.

Fréchet distance, precision and recall need a space in which similar images are near each other. A network
trained on the user's own classes provides one without downloads; its accuracy on unseen photos shows how far
to trust it. Needs Keras and at least two classes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.extras import require
from gmmaug_plugin.photos import to_grayscale
from gmmaug_plugin.resizing import resize_images

Images = NDArray[np.uint8]
Labels = NDArray[np.int32]
Floats = NDArray[np.float32]

SIZE = 64  # height and width in pixels of the network's input
N_FEATURES = 64

_CONVOLUTIONS = ((5, 24, 2), (3, 48, 2), (3, 64, 2), (3, N_FEATURES, 1))  # kernel width, channels, stride
_BATCH = 64
_EPOCHS = 15
_FEWEST_STEPS, _MOST_STEPS = 300, 700
_PEAK_RATE = 3e-3
_SMOOTHING = 0.1


class FeatureExtractor:
    """A small convolutional network, trained when constructed and fixed from then on.

    The same photos give the same network. The seeds of Keras are neither used nor changed.

    Four convolutions with batch normalization, the mean over all places (the 64 features), and a linear
    layer; trained on mirrored and plain photos with Adam (D. P. Kingma and J. Ba, ICLR 2015): 15 epochs in
    steps of 64 photos, but at least 300 and at most 700 steps. The learning rate rises over the first tenth
    of the steps and falls to zero along a cosine.

    Args:
        images: Photos, uint8 (n, h, w) or (n, h, w, 3); the network sees their luma.
        labels: Their classes, int (n,), 0 to C - 1 with C at least 2.
        unseen: Photos that the network is only tested on, uint8 (m, h, w) or (m, h, w, 3).
        unseen_labels: Their classes, int (m,).

    Attributes:
        accuracy: Share of the unseen photos that are classified correctly.
        chance: Share of the most frequent class among the unseen photos: the accuracy of guessing it.
        trusted: Whether accuracy exceeds chance by more than two standard errors.

    Raises:
        ImportError: Keras or its backend is not installed.

    Example:
        >>> network = FeatureExtractor(flowers[:40], labels[:40], flowers[40:], labels[40:])  # doctest: +SKIP
        >>> network(flowers[40:]).shape  # doctest: +SKIP
        (20, 64)
    """

    def __init__(self, images: Images, labels: Labels, unseen: Images, unseen_labels: Labels) -> None:
        keras = require("keras", extra="tensorflow")
        rng = np.random.default_rng([0, 4])
        pixels = _pixels(images)
        classifier, self._features = _build(keras, int(labels.max()) + 1, rng)
        _train(keras, classifier, pixels, labels, rng)
        # With a momentum of 0 this call fixes the statistics of batch normalization.
        classifier(pixels[rng.permutation(len(pixels))[:512]], training=True)
        guesses = _predict(classifier, unseen).argmax(axis=1)
        self.accuracy = float((guesses == unseen_labels).mean())
        self.chance = float(np.bincount(unseen_labels).max() / len(unseen))
        error = np.sqrt(self.chance * (1 - self.chance) / len(unseen))
        self.trusted = bool(self.accuracy > self.chance + 2 * error)

    def __call__(self, images: Images) -> NDArray[np.float64]:
        """Features of images, uint8 (n, h, w) or (n, h, w, 3) of any size: float64 (n, 64)."""
        return _predict(self._features, images)


def _pixels(images: Images) -> Floats:
    """Input of the network: float32 (n, 64, 64, 1) in [-1, 1]."""
    gray = resize_images(to_grayscale(images), SIZE)
    return (gray.astype(np.float32) / 127.5 - 1.0)[..., None]


def _predict(network: Any, images: Images) -> NDArray[np.float64]:
    return np.asarray(network.predict(_pixels(images), batch_size=256, verbose=0), np.float64)


def _build(keras: Any, n_classes: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """The classifier, and the same network without its last layer."""
    layers = keras.layers

    def initial(scale: float) -> Any:
        # K. He et al., ICCV 2015, equation 10: a scale of 2 keeps the variance through rectified layers.
        seed = int(rng.integers(2**31))
        return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal", seed=seed)

    inputs = current = keras.Input((SIZE, SIZE, 1))
    for width, channels, stride in _CONVOLUTIONS:
        current = layers.Conv2D(
            channels, width, stride, "same", use_bias=False, kernel_initializer=initial(2.0)
        )(current)
        current = layers.ReLU()(layers.BatchNormalization(momentum=0.0)(current))
    features = layers.GlobalAveragePooling2D()(current)
    logits = layers.Dense(n_classes, kernel_initializer=initial(1.0))(features)
    return keras.Model(inputs, logits), keras.Model(inputs, features)


def _train(keras: Any, classifier: Any, pixels: Floats, labels: Labels, rng: np.random.Generator) -> None:
    n, batch = len(pixels), min(_BATCH, len(pixels))
    n_steps = int(np.clip(_EPOCHS * n // _BATCH, _FEWEST_STEPS, _MOST_STEPS))
    order = np.concatenate([rng.permutation(n) for _ in range(-(-n_steps * batch // n))])
    order = order[: n_steps * batch].reshape(n_steps, batch)
    mirrored = rng.random((n_steps, batch)) < 0.5
    targets = np.eye(classifier.output_shape[-1], dtype=np.float32)[labels]
    warm_up = max(1, n_steps // 10)
    rates = keras.optimizers.schedules.CosineDecay(
        0.0, n_steps - warm_up, warmup_target=_PEAK_RATE, warmup_steps=warm_up
    )
    classifier.compile(
        keras.optimizers.Adam(rates, beta_2=0.99),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_SMOOTHING),
        jit_compile=False,  # compiling would take longer than the training gains
    )

    def batches() -> Iterator[tuple[Floats, Floats]]:
        for rows, flipped in zip(order, mirrored, strict=True):
            images = pixels[rows]
            images[flipped] = images[flipped, :, ::-1]
            yield images, targets[rows]

    classifier.fit(batches(), steps_per_epoch=n_steps, shuffle=False, verbose=0)
