"""Checks of the real images and labels of every batch, as operations of its graph."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gmmaug_plugin.image_layout import CLIP_HINT, ImageLayout
from gmmaug_plugin.label_encoding import SUM_SLACK, LabelEncoding
from gmmaug_plugin.tensorflow.structure import UNEQUAL, Structure


def checked(real: Sequence[Any], step: Any, structure: Structure, most: int) -> list[Any]:
    """Return the parts of a batch of real images unchanged.

    Evaluating them raises ``tf.errors.InvalidArgumentError`` if they are not of the structure.

    Args:
        real: The parts in flat order.
        step: Number of the batch, for the error.
        structure: The structure.
        most: Number of images in a full batch.
    """
    parts, by_key = structure.parts, dict(zip(structure.singles, real, strict=True))
    images = by_key[parts.images]
    # Whether all is well, and the error otherwise, with {} in the place of each tensor that follows.
    checks: list[tuple[Any, ...]] = []
    if images.shape[0] is None:
        n = tf.shape(images)[0]
        text = f"batches before the last must have {most} images: unbatch them. Received: {{}}"
        checks.append((n <= most, text, n))
    if images.dtype != tf.uint8:
        checks.append(_check_of_values(images, structure.images))
    if parts.copy is not None:
        equal = tf.reduce_all(tf.equal(images, by_key[parts.copy]))
        checks.append((equal, f"{UNEQUAL}. Received: unequal pictures"))
    if structure.labels is not None:
        checks.append(_check_of_labels(by_key[parts.labels], structure.labels))
    asserts = []
    for well, text, *found in checks:
        message = tf.strings.format(f"Batch {{}} (the first is 0): {text}", (step, *found))
        asserts.append(tf.debugging.Assert(well, [message], name="real_images_and_labels"))
    # Operations that nothing depends on may be removed from a graph.
    with tf.control_dependencies(asserts):
        return [tf.identity(part) for part in real]


def _check_of_values(images: Any, layout: ImageLayout) -> tuple[Any, ...]:
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    (least, most), (black, white) = layout.limits(), layout.value_range
    within = (tf.cast(low, tf.float64) >= least) & (tf.cast(high, tf.float64) <= most)
    text = (
        f"real images must be finite and in the value range [{black:g}, {white:g}], which was stated or seen "
        f"first. {CLIP_HINT}. Received: values in [{{}}, {{}}]"
    )
    return within, text, tf.cast(low, tf.float32), tf.cast(high, tf.float32)


def _check_of_labels(labels: Any, encoding: LabelEncoding) -> tuple[Any, ...]:
    values, n = tf.cast(labels, tf.float64), encoding.n_classes
    if encoding.one_hot:
        sums = tf.reduce_sum(values, axis=1)
        fits = tf.reduce_all(values >= 0, axis=1) & (abs(sums - 1) <= SUM_SLACK)
        allowed = f"one-hot vectors of {n} values, none of them negative, that sum to 1"
    else:
        values = tf.reshape(values, [-1])
        fits = (values >= 0) & (values < n) & tf.equal(values, tf.round(values))
        allowed = f"class numbers from 0 to {n - 1}; if the dataset has more classes, pass class_names=[...]"
    first = tf.reshape(tf.boolean_mask(values, ~fits)[:1], [-1])
    return tf.reduce_all(fits), f"labels must be {allowed}. Received: {{}}", first
