"""Batches of real images with synthesised or varied ones among them."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.artifact import as_model
from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.mixing import (
    MixMode,
    Strength,
    check_mode,
    check_share,
    split_batch,
    strengths_of,
    synthetic_beside,
)
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.noise import Seed
from gmmaug_plugin.tensorflow.drawing import Drawing
from gmmaug_plugin.tensorflow.mapping import parallel_map
from gmmaug_plugin.tensorflow.noise import Place, PlacedNoise
from gmmaug_plugin.tensorflow.structure import Structure

_BLOCK = 64
"""Images synthesised at a time, at least, or as many as the model makes at a time: a few rows would use the
matrix product badly."""


def mix(
    dataset: Any,
    model: ImageModel | str | Path,
    *,
    ratio: float,
    batch_size: int | None = None,
    mode: MixMode = "synthesize",
    strength: Strength = None,
    seed: Seed = 0,
    static_shape: bool = True,
) -> Any:
    """Batch a dataset with synthetic images among the real ones, a fixed share of every batch.

    In mode "synthesize" a batch of B has round(ratio x B) new images beside real ones; every real image is
    used once an epoch, in the dataset's order, and the synthetic ones stand at random places between them.
    If the real images do not come out even, the last batch is shorter, with its share of synthetic ones.

    In mode "vary" all images are real, and round(ratio x B) of a batch of B, at random places, are moved
    within the law of their class's components, see :meth:`~gmmaug_plugin.models.ImageModel.vary`; of any
    components if there are no labels, or the model has no classes.

    Structure, image size, channels, dtype, value range and labels stay as the dataset's; synthetic images
    have sample weight 1. Each epoch is fresh, reproducible from run to run, and can be checkpointed midway
    (to ``repeat`` the mixture, do so before ``prefetch``: a checkpoint may lose the count of epochs
    otherwise, as it does that of ``shuffle``). The dataset may be repeated without end. Its first batch
    (or first 16 images) is read here, as by :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.

    The number of batches is known if the number of the dataset's images is: if it has a cardinality, and a
    static batch size where it is batched. Where all batches are full the batch size is static.

    In a ``tf.data`` service with dynamic sharding every worker has a last batch of its own: give
    ``static_shape=False``, or its real images are dropped. There, ``repeat`` the dataset, not the mixture:
    TensorFlow's workers leave an epoch of several sources at different moments, and would skip real images
    and repeat synthetic ones.

    Args:
        dataset: A ``tf.data.Dataset`` as :func:`~gmmaug_plugin.tensorflow.gmm_dataset` takes for
            ``like``. Shuffle it before. A batched one is batched anew, unless its batches have as many
            real images as are needed: these stay as they are, so that their number stays known.
        model: A model, or the path of its file.
        ratio: Share of synthetic or varied images in a batch, in [0, 1); varying also takes 1.0.
        batch_size: Images in a batch, synthetic ones included; None takes the dataset's own.
        mode: "synthesize" or "vary".
        strength: How far "vary" moves images, and "synthesize" the templates of a model that has some, in
            [0, 1]: 0 not at all, 1 to a fresh draw of the component; two numbers are a range drawn from
            uniformly for each image. None takes what was measured for the model, ``model.strengths``.
        seed: A non-negative int or several; None takes another at every call. Processes that each take a
            share of one mixture's batches need the same seed; those that mix a share of the real images
            each need seeds of their own.
        static_shape: Make the batch size static where all batches are full. Such batches drop a remainder
            where there is one after all, in a dataset that was sharded behind this function's back.

    Returns:
        A ``tf.data.Dataset`` of batches.

    Raises:
        ArtifactError: The file is no model.
        TypeError: The dataset has another structure or dtype than described.
        ValueError: ``ratio``, ``batch_size``, ``mode`` or ``strength`` is not as described, or the dataset
            is not, as for :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.

    Example:
        >>> train = mix(train, "flowers.safetensors", ratio=0.25, batch_size=32)  # doctest: +SKIP
        >>> classifier.fit(train, epochs=10)  # doctest: +SKIP
    """
    check_mode(mode)
    check_share(ratio, mode)
    loaded = as_model(model)
    strengths = strengths_of(loaded, mode, strength)
    structure = Structure.of(dataset, loaded, labels_needed=mode == "synthesize")
    size = _check_batch_size(structure.batch_size if batch_size is None else batch_size)
    drawing = Drawing(loaded, PlacedNoise(seed), strengths)
    if mode == "vary":
        return _vary(_rebatch(dataset, structure, size, static_shape), structure, drawing, size, ratio)
    n_real, n_synthetic = split_batch(size, ratio)
    real = _rebatch(dataset, structure, n_real, static_shape)
    return _synthesize(real, structure, drawing, (n_real, n_synthetic), ratio) if n_synthetic else real


def _synthesize(
    real: Any, structure: Structure, drawing: Drawing, split: tuple[int, int], ratio: float
) -> Any:
    n_real, n_synthetic = split
    # Of a short batch as many as of the dataset's last one: never more than of a full batch.
    beside = [synthetic_beside(n, ratio) for n in range(n_real)] + [n_synthetic]

    def insert(place: Place, synthetic: tuple[Any, Any], element: Any) -> Any:
        parts = structure.take_apart(element)
        n = parts[0].shape[0]
        count = n_synthetic if n else tf.gather(beside, _checked_size(parts[0], n_real))
        made = structure.parts_from(*(part[:count] for part in synthetic))
        order = tf.argsort(drawing.noise.uniform("position", place, [(n or tf.shape(parts[0])[0]) + count]))
        places = [tf.sort(order[count:]), tf.sort(order[:count])]
        mixed = [tf.dynamic_stitch(places, both) for both in zip(parts, made, strict=True)]
        for part in mixed:
            part.set_shape([n_real + n_synthetic if n else None, *part.shape[1:]])
        return structure.put_together(mixed)

    sources = (drawing.noise.endless_fresh_places(), _synthetic_batches(drawing, n_synthetic), real)
    return drawing.noise.keep(parallel_map(tf.data.Dataset.zip(sources), insert))


def _synthetic_batches(drawing: Drawing, size: int) -> Any:
    """Endless batches of grey images and their classes, synthesised several batches at a time."""
    n_batches = -(-min(_BLOCK, drawing.model.chunk) // size)

    def block(*place: Any) -> Any:
        parts = drawing.draw(place, n_batches * size)
        return tuple(tf.reshape(part, (n_batches, size, *part.shape[1:])) for part in parts)

    return parallel_map(drawing.noise.endless_fresh_places(), block).unbatch()


def _vary(real: Any, structure: Structure, drawing: Drawing, size: int, ratio: float) -> Any:
    most = round(ratio * size)
    if most == 0:
        return real

    def vary(place: Place, element: Any) -> Any:
        parts = structure.take_apart(element)
        n = parts[0].shape[0] or _checked_size(parts[0], size)
        count = round(ratio * n) if isinstance(n, int) else _round(ratio, n)
        # One at least goes through the model, though a short batch may stay as it is: it takes no empty one.
        order = tf.argsort(drawing.noise.uniform("position", place, [n]))
        chosen = order[: count if isinstance(count, int) else tf.maximum(count, 1)]
        images = tf.gather(parts[0], chosen)
        numbers = None if structure.labels is None else structure.labels.decode(tf.gather(parts[1], chosen))
        grey = structure.images.to_grey(images, drawing.model.image_size)
        difference = drawing.move(place, grey, numbers, most=most) - grey
        varied = structure.images.add_grey(images, difference)
        parts[0] = tf.tensor_scatter_nd_update(parts[0], chosen[:count, None], varied[:count])
        return structure.put_together(parts)

    sources = (drawing.noise.endless_fresh_places(), real)
    return drawing.noise.keep(parallel_map(tf.data.Dataset.zip(sources), vary))


def _rebatch(dataset: Any, structure: Structure, size: int, static_shape: bool) -> Any:
    """The dataset's images in batches of ``size``, static if wanted, and every batch is sure to be full."""
    if structure.batch_size == size:
        return dataset
    images = dataset if structure.batch_size is None else dataset.unbatch()
    n, together = int(images.cardinality()), structure.static_batch_size
    endless = n == tf.data.INFINITE_CARDINALITY
    even = endless or (n >= 0 and n % size == 0) or bool(together and together % size == 0)
    return images.batch(size, drop_remainder=static_shape and even)


def _checked_size(images: Any, most: int) -> Any:
    """Number of images in a batch that is kept as the dataset made it.

    Evaluating it raises ``tf.errors.InvalidArgumentError`` if that is more than in its first batch.
    """
    n = tf.shape(images)[0]
    message = f"The dataset's batches must all be of one size, {most}, but a shorter last one: unbatch it."
    with tf.control_dependencies([tf.debugging.assert_less_equal(n, most, message=message)]):
        return tf.identity(n)


def _round(ratio: float, n: Any) -> Any:
    """Python's ``round(ratio * n)`` for a scalar tensor: both round halves to even."""
    return tf.cast(tf.round(np.float64(ratio) * tf.cast(n, tf.float64)), tf.int32)


def _check_batch_size(batch_size: int | None) -> int:
    if batch_size is None:
        raise ValueError("batch_size must be given for a dataset of single images. Received: batch_size=None")
    return whole_number("batch_size", batch_size, 1)
