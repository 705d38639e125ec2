"""Features of images: the mean activations of a small network trained to distinguish the user's classes.

Fréchet distance, precision and recall need a space in which likeness means something. A network trained on
the user's own classes gives one without downloads; its accuracy on unseen photos shows how far to trust it.
Needs Keras and at least two classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import as_gray
from gmmaug_plugin.extras import require
from gmmaug_plugin.resizing import resize_images

SIZE = 64
"""Height and width at which the network sees images, in pixels."""

N_FEATURES = 64

_CONVOLUTIONS = ((5, 24, 2), (3, 48, 2), (3, 64, 2), (3, N_FEATURES, 1))
"""Width of kernels, channels and stride of every convolution."""

_BATCH = 64
_EPOCHS = 15
_FEWEST_STEPS, _MOST_STEPS = 300, 700
_PEAK_RATE = 3e-3
_SMOOTHING = 0.1


class FeatureExtractor:
    """A small convolutional network, trained when made and fixed from then on.

    Four convolutions with batch normalisation, the mean over all places (the 64 features), and a linear
    layer; trained on mirrored and plain photos with Adam (D. P. Kingma and J. Ba, ICLR 2015): 15 passes in
    steps of 64 photos, but at least 300 and at most 700 steps. The learning rate rises over the first tenth
    of the steps and falls to zero along a cosine.

    Args:
        images: Photos, uint8 (n, h, w) or (n, h, w, 3), at least 2; the network sees their luma.
        labels: Class of each, 0 to C - 1, of at least two classes.
        unseen: Photos that the network is only tested on, the same of m.
        unseen_labels: Class of each.
        random_state: Seed of first weights, order and mirroring. Keras' own seeds are neither used nor
            changed.

    Attributes:
        accuracy: Share of the unseen photos whose class it gets right.
        chance: Share of the unseen photos' most frequent class: what guessing it would get.
        n_unseen: Number of unseen photos.

    Raises:
        ImportError: Keras or its backend is not installed.
        ValueError: Shapes do not match, or there are fewer than two classes.

    Example:
        >>> network = FeatureExtractor(flowers[:40], labels[:40], flowers[40:], labels[40:])  # doctest: +SKIP
        >>> network(flowers[40:]).shape  # doctest: +SKIP
        (20, 64)
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        unseen: NDArray[np.uint8],
        unseen_labels: NDArray[np.integer],
        *,
        random_state: int = 0,
    ) -> None:
        labels, unseen_labels = np.asarray(labels), np.asarray(unseen_labels)
        if labels.shape != (len(as_gray("images", images, 2)),):
            raise ValueError(f"labels must be one per image ({len(images)}). Received: shape {labels.shape}")
        if unseen_labels.shape != (len(as_gray("unseen", unseen)),):
            raise ValueError(
                f"unseen_labels must be one per image ({len(unseen)}). Received: shape {unseen_labels.shape}"
            )
        if len(np.unique(labels)) < 2:
            raise ValueError(f"Features need at least 2 classes. Received: labels {np.unique(labels)}")
        keras = require("keras", extra="tensorflow")
        self._keras = keras
        rng = np.random.default_rng([whole_number("random_state", random_state, 0), 4])
        steps = int(np.clip(_EPOCHS * len(images) // _BATCH, _FEWEST_STEPS, _MOST_STEPS))
        pixels = _pixels(images)
        classifier, self._both = _build(keras, int(labels.max()) + 1, rng)
        _train(keras, classifier, pixels, labels, steps, rng)
        # Batch statistics of training photos, once and for all: no image's features depend on its company.
        _set_moments(keras, classifier, pixels[rng.permutation(len(pixels))[:512]])
        guesses = self._predict(unseen)[0].argmax(axis=1)
        self.accuracy = float((guesses == unseen_labels).mean())
        self.chance = float(np.unique(unseen_labels, return_counts=True)[1].max() / len(unseen))
        self.n_unseen = len(unseen)

    @property
    def trusted(self) -> bool:
        """Whether it beats guessing by more than two standard errors: else its features mean little."""
        error = np.sqrt(self.chance * (1 - self.chance) / self.n_unseen)
        return bool(self.accuracy > self.chance + 2 * error)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Features of images, uint8 (n, h, w) or (n, h, w, 3) of any size: float64 (n, 64)."""
        return self._predict(images)[1]

    def _predict(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits and features."""
        logits, features = predict(self._keras, self._both, images, _pixels)
        return logits, features


def predict(
    keras: Any,
    network: Any,
    images: NDArray[np.uint8],
    as_input: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
) -> list[NDArray[np.float64]]:
    """Outputs of a network for images, 256 images at a time.

    Args:
        keras: The module.
        network: A model of one or several outputs.
        images: uint8 (n, ...), n at least 1.
        as_input: Converts images to the network's input.

    Returns:
        The outputs, float64 (n, ...) each.
    """
    # Called directly: ``predict`` would compile a function for every number of images.
    found = [network(as_input(images[i : i + 256]), training=False) for i in range(0, len(images), 256)]
    parts = [one if isinstance(one, list) else [one] for one in found]
    return [
        np.concatenate([np.asarray(keras.ops.convert_to_numpy(one), np.float64) for one in outputs])
        for outputs in zip(*parts, strict=True)
    ]


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images as the network takes them: float32 (n, 64, 64, 1) in [-1, 1]."""
    gray = resize_images(as_gray("images", images), SIZE)
    return (gray.astype(np.float32) / 127.5 - 1.0)[..., None]


def _build(keras: Any, n_classes: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """The classifier, and the same network with its features as a second output."""
    layers, initializers = keras.layers, keras.initializers

    def seed() -> int:
        return int(rng.integers(2**31))

    inputs = current = keras.Input((SIZE, SIZE, 1))
    for width, channels, stride in _CONVOLUTIONS:
        # K. He et al., ICCV 2015, equation 10: keeps the variance through rectified layers.
        start = initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=seed())
        current = layers.Conv2D(channels, width, stride, "same", use_bias=False, kernel_initializer=start)(
            current
        )
        current = layers.ReLU()(layers.BatchNormalization()(current))
    features = layers.GlobalAveragePooling2D()(current)
    last = initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed=seed())
    logits = layers.Dense(n_classes, kernel_initializer=last)(features)
    return keras.Model(inputs, logits), keras.Model(inputs, [logits, features])


def _train(
    keras: Any,
    classifier: Any,
    pixels: NDArray[np.float32],
    labels: NDArray[np.integer],
    n_steps: int,
    rng: np.random.Generator,
) -> None:
    batch = min(_BATCH, len(pixels))
    passes = -(-n_steps * batch // len(pixels))
    order = np.concatenate([rng.permutation(len(pixels)) for _ in range(passes)])
    order = order[: n_steps * batch].reshape(n_steps, batch)
    mirrored = rng.random((n_steps, batch)) < 0.5
    targets = np.eye(classifier.output_shape[-1], dtype=np.float32)[labels]

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return n_steps

        def __getitem__(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            images = pixels[order[step]]
            images[mirrored[step]] = images[mirrored[step], :, ::-1]
            return images, targets[order[step]]

    warm_up = max(1, n_steps // 10)
    rates = keras.optimizers.schedules.CosineDecay(
        0.0, n_steps - warm_up, warmup_target=_PEAK_RATE, warmup_steps=warm_up
    )
    classifier.compile(
        keras.optimizers.Adam(rates, beta_2=0.99),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_SMOOTHING),
        jit_compile=False,  # compiling would take longer than the training gains
    )
    classifier.fit(Batches(), shuffle=False, verbose=0)


def _set_moments(keras: Any, classifier: Any, pixels: NDArray[np.float32]) -> None:
    """Set the moving moments of batch normalisation to those of these images, layer by layer."""
    current: Any = pixels
    for layer in classifier.layers[1:]:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = keras.ops.convert_to_numpy(current)
            layer.moving_mean.assign(values.mean(axis=(0, 1, 2)))
            layer.moving_variance.assign(values.var(axis=(0, 1, 2)))
        current = layer(current)
