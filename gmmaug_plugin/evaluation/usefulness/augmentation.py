"""The standard stack, as operations of TensorFlow on whole batches."""

from typing import Any

import numpy as np
import tensorflow as tf

ROTATION = 20.0
"""Degrees, at most, to either side."""
SCALE = 0.15
SHIFT = 0.1
"""Of the image's side."""
CONTRAST = 0.2
BRIGHTNESS = 0.2
"""Of white."""


def standard_stack(images: Any, seed: Any) -> Any:
    """Flip, shift, scale and rotate, then change contrast and brightness, every image by itself.

    Half of the images are mirrored; everything else is drawn uniformly up to the constants above. What
    geometry brings in from outside is a reflection.

    Args:
        images: Float32 (n, h, w), 0..255, square.
        seed: Int64 (2,).

    Returns:
        The same shape, clipped to 0..255.
    """
    n, side = tf.shape(images)[0], int(images.shape[1])
    draws = tf.random.stateless_uniform([7, n], seed, -1.0, 1.0)
    flip = tf.where(draws[0] < 0.0, -1.0, 1.0)
    angle = draws[1] * np.float32(np.deg2rad(ROTATION))
    scale = 1.0 / (1.0 + draws[2] * SCALE)
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    x_of_x, x_of_y, y_of_x, y_of_y = cosine * flip, -sine * flip, sine, cosine
    # The matrices say where an output pixel comes from; the image turns about its centre.
    centre = (side - 1) / 2
    x_of_1 = centre * (1.0 - x_of_x - x_of_y) + draws[3] * SHIFT * side
    y_of_1 = centre * (1.0 - y_of_x - y_of_y) + draws[4] * SHIFT * side
    zero = tf.zeros_like(scale)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=tf.stack([x_of_x, x_of_y, x_of_1, y_of_x, y_of_y, y_of_1, zero, zero], axis=1),
        output_shape=[side, side],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )[..., 0]
    mean = tf.reduce_mean(moved, axis=(1, 2), keepdims=True)
    contrast = (1.0 + draws[5] * CONTRAST)[:, None, None]
    brightness = (draws[6] * BRIGHTNESS * 255.0)[:, None, None]
    return tf.clip_by_value((moved - mean) * contrast + mean + brightness, 0.0, 255.0)


def add_noise(images: Any, n_noisy: Any, deviation: Any, seed: Any) -> Any:
    """Add white noise to the first ``n_noisy`` images, clipped to 0..255."""
    noise = deviation * tf.random.stateless_normal(tf.shape(images[:n_noisy]), seed)
    return tf.concat([tf.clip_by_value(images[:n_noisy] + noise, 0.0, 255.0), images[n_noisy:]], axis=0)
