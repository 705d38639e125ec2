"""Drawn flowers: pictures like photos of flowers, for demonstrations, benchmarks and tests."""

import numpy as np
from numpy.typing import NDArray

from .flowers import CLASS_NAMES, draw_flower

_PETALS = {
    "daisy": (255, 252, 240),
    "dandelion": (255, 225, 40),
    "rose": (235, 60, 90),
    "sunflower": (255, 190, 20),
    "tulip": (225, 80, 190),
}


def make_flowers(
    n_samples: int = 800,
    *,
    image_size: int = 128,
    n_classes: int = 5,
    random_state: int = 0,
    color: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], tuple[str, ...]]:
    """Draw pictures of flowers: petals, leaves, light and clutter that differ in every picture.

    Picture ``i`` depends on ``random_state``, ``i`` and its class alone: asking for more pictures keeps the
    earlier ones. Classes take turns (label ``i % n_classes``), so every stretch of the data is balanced. 800
    pictures of 128 x 128 take about ten seconds. On another processor a pixel may differ by a gray level.

    Args:
        n_samples: Number of pictures.
        image_size: Height and width in pixels, at least 16.
        n_classes: How many of daisy, dandelion, rose, sunflower, tulip, in this order; 1 to 5.
        random_state: Seed, 0 or larger.
        color: Color the same pictures: dark tones green, bright ones in a petal color of the class.

    Returns:
        Pictures (n_samples, image_size, image_size), or (n_samples, image_size, image_size, 3) with
        ``color``, uint8 0..255; labels (n_samples,) int32; and the class names in label order.

    Example:
        >>> images, labels, class_names = make_flowers(4, image_size=32, n_classes=2)
        >>> images.shape, labels.tolist(), class_names
        ((4, 32, 32), [0, 1, 0, 1], ('daisy', 'dandelion'))
    """
    names = CLASS_NAMES[:n_classes]
    labels = (np.arange(n_samples) % n_classes).astype(np.int32)
    shape = (n_samples, image_size, image_size)
    images = np.empty((*shape, 3) if color else shape, np.uint8)
    for i, label in enumerate(labels):
        picture = draw_flower(names[label], image_size, np.random.default_rng([random_state, i]))
        images[i] = _palette(names[label])[picture] if color else picture
    return images, labels, names


def _palette(class_name: str) -> NDArray[np.uint8]:
    """Colors of the 256 tones, uint8 (256, 3): nearly black, leaf green, petals."""
    colors = np.array([(8, 14, 6), (55, 90, 35), _PETALS[class_name]])
    palette = np.empty((256, 3), np.uint8)
    for channel, levels in enumerate(colors.T):
        palette[:, channel] = np.rint(np.interp(np.arange(256), (0, 75, 255), levels))
    return palette
