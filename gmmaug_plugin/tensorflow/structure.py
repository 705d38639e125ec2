"""The structure of a dataset's elements, in which synthetic elements are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.image_layout import ImageLayout
from gmmaug_plugin.label_encoding import LabelEncoding
from gmmaug_plugin.pool import Pool

_KEYS = (("image", "label"), ("images", "labels"), ("x", "y"))
_ALLOWED = (
    "Elements must be images, (images, labels), (images, labels, sample_weights) or a dict with the keys "
    + " or ".join(f"{list(keys)}" for keys in _KEYS)
    + " (the second one may be missing), all of them dense tensors"
)
_EXAMPLES = 16  # single images that are read for the value range: one alone may be black


@dataclass(frozen=True, eq=False)
class Structure:
    """The structure of a dataset's elements.

    The parts of an element are its images, labels (if any) and sample weights (if any), in this order, which
    is also that of ``tf.nest.flatten``.

    Attributes:
        spec: The dataset's ``element_spec``.
        batch_size: Images per element; None if elements are single images.
        static_batch_size: Images per element if ``spec`` has their number, otherwise None.
        images: Layout of the images.
        labels: Encoding of the labels; None without labels.
        weights: Dtype of the sample weights; None without weights.
    """

    spec: Any
    batch_size: int | None
    static_batch_size: int | None
    images: ImageLayout
    labels: LabelEncoding | None
    weights: Any = None

    @classmethod
    def plain(cls, pool: Pool) -> "Structure":
        """Single uint8 images (h, w, channels) with int32 labels; without labels if the pool has none."""
        images = ImageLayout((pool.image_size,) * 2, pool.channels, np.dtype(np.uint8), 255.0)
        image_spec = tf.TensorSpec((*images.size, pool.channels), tf.uint8)
        if pool.labels is None:
            return cls(image_spec, None, None, images, None)
        labels = LabelEncoding.of(pool.labels, pool.class_names)
        return cls((image_spec, tf.TensorSpec((), tf.int32)), None, None, images, labels)

    @classmethod
    def of(cls, dataset: Any, pool: Pool, value_range: float | None = None) -> "Structure":
        """Read the structure of a dataset from its ``element_spec`` and its first images.

        Elements are single images or batches. Scalar labels and weights belong to single images; labels of
        rank 2 and weights of rank 1 to batches. Without these, images of rank 2 are single, of rank 4
        batches, and of rank 3 single if the last axis has 1 or 3 entries.

        Args:
            dataset: A ``tf.data.Dataset``.
            pool: The pool whose classes the labels must be.
            value_range: White of float images, 1.0 or 255.0; None guesses it from the first images.

        Raises:
            TypeError: Elements have another structure or dtype than allowed.
            ValueError: Shapes are unknown or ambiguous, values out of range, the labels do not fit the
                pool, or the dataset is empty.
        """
        if not isinstance(dataset, tf.data.Dataset):
            raise TypeError(f"The dataset must be a tf.data.Dataset. Received: {type(dataset)}")
        specs = _parts(dataset.element_spec)
        batched = _is_batched(specs)
        _check_shapes([spec.shape[1:] if batched else spec.shape for spec in specs[:2]])
        examples = _first_examples(dataset, batched)
        images = ImageLayout.of(examples[0], value_range=value_range)
        labels = None
        if len(specs) > 1:
            labels = LabelEncoding.of(examples[1], pool.class_names)
            named = getattr(dataset, "class_names", None)  # set by Keras
            if named and list(named) != list(pool.class_names):
                raise ValueError(
                    "The dataset and the pool must have the same classes in the same order. The pool's are "
                    f"{list(pool.class_names)}. Received: dataset.class_names={list(named)}"
                )
        return cls(
            dataset.element_spec,
            len(examples[0]) if batched else None,
            specs[0].shape[0] if batched else None,
            images,
            labels,
            specs[2].dtype if len(specs) > 2 else None,
        )


def _parts(spec: Any) -> list[Any]:
    """Return the specs of images, labels and weights: ``tf.nest`` sorts dicts by key, into this order."""
    if isinstance(spec, dict):
        known = any(set(spec) in ({image}, {image, label}) for image, label in _KEYS)
        direct = list(spec.values())
    else:
        direct = list(spec) if isinstance(spec, tuple) else [spec]
        known = 1 <= len(direct) <= 3
    if not known or not all(isinstance(part, tf.TensorSpec) for part in direct):
        raise TypeError(f"{_ALLOWED}. Received: element_spec={spec}")
    parts = list(tf.nest.flatten(spec))
    if any(part.shape.rank is None for part in parts):
        raise ValueError(f"Images, labels and weights must have a known rank. Received: element_spec={spec}")
    return parts


def _is_batched(specs: Sequence[Any]) -> bool:
    """Return whether elements are batches, by the rule of :meth:`Structure.of`."""
    by_rank = (
        {2: {False}, 3: {False, True}, 4: {True}},
        {0: {False}, 1: {False, True}, 2: {True}},
        {0: {False}, 1: {True}},
    )
    answers = {False, True}
    for spec, allowed in zip(specs, by_rank, strict=False):
        answers &= allowed.get(spec.shape.rank, set())
    if len(answers) == 2:
        answers = _batched_by_image_shape(specs[0].shape.as_list(), labelled=len(specs) > 1)
    shown = ", ".join(str(spec.shape) for spec in specs)
    if len(answers) != 1:
        raise ValueError(
            "Images must be (h, w), (h, w, 1) or (h, w, 3), or batches of these; labels scalars or vectors, "
            "weights scalars, with one more axis in batches. Where (h, w, channels) and (batch, h, w) are "
            f"ambiguous, images need a last axis of length 1 or 3. Received: shapes {shown}"
        )
    (batched,) = answers
    if batched and len({spec.shape.as_list()[0] for spec in specs}) > 1:
        raise ValueError(f"The parts of a batch must have the same first axis. Received: shapes {shown}")
    return batched


def _batched_by_image_shape(shape: list[int | None], *, labelled: bool) -> set[bool]:
    first, last = shape[0], shape[-1]
    if last in (1, 3):
        return {False}
    # Without labels (h, w, 4) may be an image with transparency and (3, h, w) one with channels first.
    doubtful = last is None or (not labelled and (last <= 4 or first in (1, 3)))
    return set() if doubtful else {True}


def _check_shapes(shapes: Sequence[Any]) -> None:
    """Raise :class:`ValueError` unless single images, and labels if any, have shapes that can be made."""
    image = shapes[0].as_list()
    if None in image or 0 in image:
        raise ValueError(
            "Images must have a known height, width and number of channels: resize them, or use "
            f"tf.ensure_shape in a map, before. Received: image shape {shapes[0]}"
        )
    if len(image) == 3 and image[2] not in (1, 3):
        raise ValueError(f"Images must have 1 or 3 channels. Received: image shape {shapes[0]}")
    if not all(shape.is_fully_defined() for shape in shapes):
        raise ValueError(f"Labels must have a known shape. Received: label shape {shapes[1]}")


def _first_examples(dataset: Any, batched: bool) -> list[np.ndarray]:
    """Return the parts of the dataset's first images, each with a leading axis."""
    beginning = dataset.take(1) if batched else dataset.take(_EXAMPLES).batch(_EXAMPLES)
    for element in beginning.as_numpy_iterator():
        parts = [np.asarray(part) for part in tf.nest.flatten(element)]
        if len(parts[0]):
            return parts
    raise ValueError("The dataset must have an element to look at. Received: an empty dataset")
