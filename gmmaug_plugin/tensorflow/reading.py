"""A pool's images as parts of a dataset's elements."""

from typing import Any

import tensorflow as tf

from gmmaug_plugin.layout import pool_images
from gmmaug_plugin.pool import Label, Pool, Seed
from gmmaug_plugin.tensorflow.structure import Structure


class PoolReader:
    """Reads images of a pool by their positions in the order of a seed.

    The images are resized once, and lie in memory once as uint8. They are made outside of the graphs of
    ``tf.data`` and captured by these, so that no graph has a copy that TensorFlow would optimise at every
    start of an iterator; and on the CPU, where ``tf.data`` runs.

    Args:
        pool: The pool.
        structure: What the elements look like.
        seed: Gives the order.
        label: Read this class only.
    """

    def __init__(self, pool: Pool, structure: Structure, seed: Seed, label: Label | None = None) -> None:
        rows, mirrored = pool.order(seed, label)
        self.period = len(rows)
        self._structure = structure
        layout = structure.images
        # Gray images get a channel axis as they are read, which saves memory.
        channels = layout.channels if pool.channels == 3 else None
        with tf.init_scope(), tf.device("CPU:0"):
            self._images = tf.constant(pool_images(pool, layout.size, channels))
            self._rows = tf.constant(rows)
            self._mirrored = tf.constant(mirrored) if mirrored.any() else None
            self._labels = None if structure.labels is None else tf.constant(pool.labels)

    def read(self, positions: Any) -> list[Any]:
        """The parts of a batch: images, and labels and sample weights if the structure has them.

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
        numbers = None if self._labels is None else tf.gather(self._labels, rows)
        return self._structure.encode(pixels, numbers)
