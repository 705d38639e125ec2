"""Small pools that tests of several rooms share."""

import numpy as np

from gmmaug_plugin.pool import Pool


def random_pool(
    n: int = 40,
    *,
    image_size: int = 16,
    n_classes: int = 2,
    channels: int = 1,
    seed: int = 0,
    mirror: bool = True,
) -> Pool:
    """A pool of noise, no two images alike, of classes "0", "1", … in turn; unlabelled with ``n_classes=0``.

    The mean of an image names its class: gray levels are around 255 (k + 1) / (n_classes + 1) in class k.
    """
    rng = np.random.default_rng(seed)
    shape = (n, image_size, image_size) if channels == 1 else (n, image_size, image_size, channels)
    numbers = np.arange(n) % max(1, n_classes)
    step = 255 / (max(1, n_classes) + 1)
    middles = (step * (numbers + 1)).reshape(n, *[1] * (len(shape) - 1))
    images = np.clip(middles + rng.uniform(-0.8 * step, 0.8 * step, shape), 0, 255).astype(np.uint8)
    if not n_classes:
        return Pool(images, mirror=mirror)
    return Pool(images, numbers.astype(np.int32), tuple(map(str, range(n_classes))), mirror)
