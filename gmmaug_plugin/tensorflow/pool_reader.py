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
        self._structure, self._layout = structure, structure.images
        # Gray images get their channels as they are read, which saves memory.
        channels = self._layout.channels
        if not (channels == 4 or pool.channels == channels == 3):
            channels = None
        with tf.init_scope(), tf.device("CPU:0"):
            self._images = tf.constant(reshape_images(pool.images, self._layout.size, channels))
            self._rows = tf.constant(rows)
            self._mirrored = tf.constant(mirrored) if mirrored.any() else None
            self._labels = None
            if structure.labels is not None:
                self._labels, self._codes = tf.constant(pool.labels), tf.constant(structure.labels.codes)

    def read(self, positions: Any) -> list[Any]:
        """Return the parts of a batch in flat order. Keys without a role have 0, False or "".

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
        parts = self._structure.parts
        images = _encode(pixels, self._layout)
        made = {parts.images: images, parts.copy: images}
        if self._labels is not None:
            made[parts.labels] = tf.gather(self._codes, tf.gather(self._labels, rows))
        for key, spec in self._structure.singles.items():
            if key not in made:
                fill = tf.ones if key == parts.weights else tf.zeros
                made[key] = fill([tf.size(rows), *spec.shape], spec.dtype)
        return [made[key] for key in self._structure.singles]


def _encode(pixels: Any, layout: ImageLayout) -> Any:
    """Convert uint8 pixels (n, h, w) or (n, h, w, 3 or 4) to the layout, as ``ImageLayout.encode`` does."""
    black, white = layout.value_range
    if layout.dtype != np.uint8 and (black, white) != (0.0, 255.0):
        pixels = tf.cast(pixels, tf.float32) * np.float32((white - black) / 255.0)
        pixels = pixels + np.float32(black) if black else pixels
    pixels = tf.cast(pixels, tf.as_dtype(layout.dtype))
    if layout.channels is None:
        return pixels
    if pixels.shape.rank == 4:
        return tf.transpose(pixels, [0, 3, 1, 2]) if layout.channels_first else pixels
    axis = 1 if layout.channels_first else -1
    return tf.repeat(tf.expand_dims(pixels, axis), layout.channels, axis=axis)
