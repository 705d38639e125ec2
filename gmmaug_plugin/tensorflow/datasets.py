"""Synthesised images as a ``tf.data.Dataset``."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from gmmaug_plugin.artifact import as_model
from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.mixing import Strength, strengths_of
from gmmaug_plugin.models.image_model import ImageModel, Label
from gmmaug_plugin.models.noise import Seed
from gmmaug_plugin.tensorflow.drawing import Drawing
from gmmaug_plugin.tensorflow.mapping import parallel_map
from gmmaug_plugin.tensorflow.noise import PlacedNoise
from gmmaug_plugin.tensorflow.structure import Structure

_BLOCK = 64
"""Single images synthesised at a time, at most: enough for the matrix product, few enough for the cache."""


def gmm_dataset(
    model: ImageModel | str | Path,
    n: int,
    *,
    like: Any = None,
    label: Label | None = None,
    strength: Strength = None,
    seed: Seed = 0,
    rerandomize_each_iteration: bool = False,
) -> Any:
    """Make a dataset of ``n`` synthesised images.

    The dataset is made of native operations: its cardinality and shapes are known, and it can be
    checkpointed, saved, serialised and sent to a ``tf.data`` service. The same seed gives the same
    images at every iteration.

    With ``like`` the images come as that dataset's do: its structure, image size, channels, dtype, value
    range, label encoding and batching. Its first batch (or first 16 images) is read to tell the value
    range of floats, 0..1 or 0..255, so a long shuffle or a slow source shows here. Shuffle what
    ``concatenate`` gives before it is batched: otherwise all-real batches are followed by all-synthetic
    ones; or use :func:`~gmmaug_plugin.tensorflow.mix`.

    When ``tf.distribute`` shards a dataset by ``DATA``, every worker makes all images and keeps its
    share. Better give each worker ``n // n_workers`` images and a seed of its own. The workers of a
    ``tf.data`` service with dynamic sharding share out the work; see docs/scale.md.

    Args:
        model: A model, or the path of its file.
        n: Number of images, 0 or more.
        like: A ``tf.data.Dataset`` of images, (images, labels), (images, labels, sample_weights) or a
            dict with the keys image and label, images and labels, or x and y. Images are
            (h, w), (h, w, 1) or (h, w, 3); uint8 in 0..255, or float in 0..1 or 0..255; single or
            batched. Labels are class numbers, one-hot vectors, or for two classes float zeros and ones.
            Without labels only images are made. None makes single images (image_size, image_size, 1),
            uint8, with int32 labels if the model has classes.
        label: Make only this class, by name or number; None makes classes as often as the photos had them.
        strength: Of a model with templates: how far to move from them, in [0, 1], or a range to draw from;
            None takes what was measured for the model.
        seed: A non-negative int or several; None takes another at every call.
        rerandomize_each_iteration: Make fresh images at every iteration; the seed tells those of the first
            one, the second one and so on. To ``repeat`` the dataset, do so before ``prefetch``: a checkpoint
            may lose the count of iterations otherwise, as it does that of ``shuffle``. An iteration that
            is left early is followed by fresh images as well; they are those of a second one only where
            ``n`` is a multiple of 64 (of 16 for a multi-scale model), or ``like`` has batches.

    Returns:
        A ``tf.data.Dataset`` with the ``element_spec`` of ``like``: of ``n`` images, or of batches of
        ``like``'s batch size, the last one shorter if ``n`` does not divide evenly.

    Raises:
        ArtifactError: The file is no model.
        TypeError: ``like`` has another structure or dtype than described.
        ValueError: ``n``, ``label`` or ``strength`` is not as described, or ``n`` does not fill the batches
            of a ``like`` whose batch size is static; ``like`` is empty, of unknown image size, ambiguous in
            its batching, has values out of range, or labels that are not the model's classes.

    Example:
        >>> train = tf.keras.utils.image_dataset_from_directory("photos")  # doctest: +SKIP
        >>> train = train.concatenate(gmm_dataset("flowers.safetensors", 500, like=train))  # doctest: +SKIP
    """
    loaded = as_model(model)
    n = whole_number("n", n, 0)
    structure = Structure.plain(loaded) if like is None else Structure.of(like, loaded)
    drawing = Drawing(loaded, PlacedNoise(seed), strengths_of(loaded, "synthesize", strength), label)
    noise = drawing.noise
    places = noise.fresh_places if rerandomize_each_iteration else noise.places
    if structure.batch_size is None:
        made = _single_images(drawing, structure, places, n)
    else:
        made = _batches(drawing, structure, places, n)
    if rerandomize_each_iteration:
        made = noise.keep(made)
    _check_spec(made.element_spec, structure.spec)
    return made


def _single_images(drawing: Drawing, structure: Structure, places: Any, n: int) -> Any:
    """Blocks of images, taken apart.

    What is left over is a smaller block of its own: to cut a last full block with ``take`` would give
    too many images where a service shares out the blocks, and ``assert_cardinality`` fails there.
    """
    size = min(_BLOCK, drawing.model.chunk)
    full, left = divmod(n, size)

    def blocks(start: int, stop: int, count: int) -> Any:
        def block(*place: Any) -> Any:
            return structure.put_together(structure.parts_from(*drawing.draw(place, count)))

        return parallel_map(places(start, stop), block).unbatch()

    if not left:
        return blocks(0, full, size)
    last = blocks(full, full + 1, left)
    return blocks(0, full, size).concatenate(last) if full else last


def _batches(drawing: Drawing, structure: Structure, places: Any, n: int) -> Any:
    size = structure.batch_size or 1
    static = structure.static_batch_size is not None
    if static and n % size:
        raise ValueError(
            f"The batches of like have {size} images each, so n must be a multiple of {size} "
            f"(or batch like with drop_remainder=False). Received: n={n!r}"
        )

    def batch(*place: Any) -> Any:
        count = size if static else tf.minimum(n - place[0] * size, size)
        return structure.put_together(structure.parts_from(*drawing.draw(place, count, most=size)))

    return parallel_map(places(0, -(-n // size)), batch)


def _check_spec(made: Any, wanted: Any) -> None:
    """Raise unless ``concatenate`` keeps the spec: it relaxes unequal shapes without a word."""
    pairs = zip(tf.nest.flatten(made), tf.nest.flatten(wanted), strict=True)
    if any(one.shape.as_list() != other.shape.as_list() or one.dtype != other.dtype for one, other in pairs):
        raise ValueError(
            f"Synthesised elements cannot be made like the dataset's: they would be {made}. "
            f"Received: element_spec={wanted}"
        )
