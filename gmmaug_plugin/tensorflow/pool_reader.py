"""Images of a pool as the parts of a dataset's elements."""

from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.image_layout import ImageLayout, reshape_images
from gmmaug_plugin.pool import Label, Pool, Seed
from gmmaug_plugin.tensorflow.structure import Structure


class PoolReader:
    """Reads images of a pool by their positions in the order of a seed.

    The images are resized once, and lie in memory once as uint8. They are tensors outside of the graphs of
    ``tf.data``, which capture them: TensorFlow would optimize a copy inside a graph at every start of an
    iterator. They are on the CPU, where ``tf.data`` runs.

    Args:
        pool: The pool.
        structure: The structure of the elements.
        seed: Seed of the order.
        label: Read this class only.
    """

    def __init__(self, pool: Pool, structure: Structure, seed: Seed, label: Label | None = None) -> None:
        rows, mirrored = pool.order(seed, label)
        self.period = len(rows)
        self._layout, self._weights = structure.images, structure.weights
        # Gray images get a channel axis as they are read, which saves memory.
        channels = self._layout.channels if pool.channels == 3 else None
        with tf.init_scope(), tf.device("CPU:0"):
            self._images = tf.constant(reshape_images(pool.images, self._layout.size, channels))
            self._rows = tf.constant(rows)
            self._mirrored = tf.constant(mirrored) if mirrored.any() else None
            self._labels = None
            if structure.labels is not None:
                self._labels, self._codes = tf.constant(pool.labels), tf.constant(structure.labels.codes)

    def read(self, positions: Any) -> list[Any]:
        """Return the parts of a batch: images, and labels and sample weights if the structure has them.

        Args:
            positions: int64 (n,), 0 or more.
        """
        places = positions % self.period
        rows = tf.gather(self._rows, places)
        pixels = tf.gather(self._images, rows)
        if self._mirrored is not None:
            flags = tf.reshape(tf.gather(self._mirrored, places), [-1] + [1] * (len(pixels.shape) - 1))
            # TensorFlow reverses rows of one long image twice as fast as those of a stack.
            together = tf.reshape(pixels, [-1, *pixels.shape[2:]])
            pixels = tf.where(flags, tf.reshape(tf.reverse(together, [1]), tf.shape(pixels)), pixels)
        parts = [_encode(pixels, self._layout)]
        if self._labels is not None:
            parts.append(tf.gather(self._codes, tf.gather(self._labels, rows)))
        if self._weights is not None:
            parts.append(tf.ones(tf.shape(rows), self._weights))
        return parts


def _encode(pixels: Any, layout: ImageLayout) -> Any:
    """Convert uint8 pixels (n, h, w), or in the layout's channels, to its dtype, value range and channels."""
    dtype = tf.as_dtype(layout.dtype)
    if dtype != tf.uint8 and layout.white != 255.0:
        pixels = tf.cast(pixels, tf.float32) * np.float32(layout.white / 255.0)
    pixels = tf.cast(pixels, dtype)
    if layout.channels is None or pixels.shape.rank == 4:
        return pixels
    return tf.repeat(pixels[..., None], layout.channels, axis=-1)
