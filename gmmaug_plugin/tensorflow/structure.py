"""What the elements of a dataset look like, so that others can be made alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.tensorflow.labels import LabelFormat, check_class_names
from gmmaug_plugin.tensorflow.pixels import check_image_dtype, encode_pixels, white_of

_KEYS = (("image", "label"), ("images", "labels"), ("x", "y"))
_ALLOWED = (
    "Elements must be images, (images, labels), (images, labels, sample_weights) or a dict with the keys "
    + " or ".join(f"{list(keys)}" for keys in _KEYS)
    + " (the second one may be missing), all of them dense tensors"
)
_EXAMPLES = 16
"""Single images read for the value range: one alone may be black."""


@dataclass(frozen=True)
class Structure:
    """The elements of a dataset.

    The parts of an element are its images, labels (if any) and sample weights (if any), in this order.

    Attributes:
        spec: The dataset's ``element_spec``.
        batch_size: Images per element; None if elements are single images.
        images: What the images look like.
        labels: What the labels look like; None if there are none.
        weights: Dtype of the sample weights; None without.
    """

    spec: Any
    batch_size: int | None
    images: ImageLayout
    labels: LabelFormat | None
    weights: Any = None

    @classmethod
    def plain(cls, pool: Pool) -> "Structure":
        """Single uint8 images (h, w, channels) with int32 labels, without for a pool of unlabelled photos."""
        images = ImageLayout((pool.image_size,) * 2, pool.channels, np.dtype(np.uint8), 255.0)
        image_spec = tf.TensorSpec((*images.size, pool.channels), tf.uint8)
        if not pool.class_names:
            return cls(image_spec, None, images, None)
        labels = LabelFormat(len(pool.class_names), (), tf.int32, one_hot=False)
        return cls((image_spec, tf.TensorSpec((), tf.int32)), None, images, labels)

    @classmethod
    def of(cls, dataset: Any, pool: Pool, value_range: float | None = None) -> "Structure":
        """Read a dataset's structure off its ``element_spec`` and its first images.

        Elements are single images or batches of them. Labels decide where they can: scalars belong to
        single images, rank 2 to batches; so do sample weights, by ranks 0 and 1. Otherwise images of
        rank 2 are single, of rank 4 batches, and of rank 3 single if the last axis has 1 or 3 entries.

        Args:
            dataset: A ``tf.data.Dataset``.
            pool: The pool whose images are to be made alike.
            value_range: The white of float images, 1.0 or 255.0; None guesses it from the first images.

        Raises:
            TypeError: Elements have another structure or dtype than allowed.
            ValueError: Shapes are unknown or ambiguous, values out of range, the labels do not fit the
                pool, or the dataset is empty.
        """
        if not isinstance(dataset, tf.data.Dataset):
            raise TypeError(f"The dataset must be a tf.data.Dataset. Received: {type(dataset)}")
        specs = _parts(dataset.element_spec)
        batched = _is_batched(specs)
        singles = [tf.TensorSpec(spec.shape[1:], spec.dtype) for spec in specs] if batched else specs
        size, channels = _image_shape(singles[0])
        check_image_dtype(specs[0].dtype)
        examples = _first_examples(dataset, batched)
        dtype = np.dtype(specs[0].dtype.as_numpy_dtype)
        images = ImageLayout(size, channels, dtype, white_of(examples[0], value_range))
        labels = None
        if len(specs) > 1:
            labels = LabelFormat.of(singles[1], examples[1], pool.class_names)
            check_class_names(dataset, pool.class_names)
        weights = specs[2].dtype if len(specs) > 2 else None
        return cls(dataset.element_spec, len(examples[0]) if batched else None, images, labels, weights)

    @property
    def static_batch_size(self) -> int | None:
        """Images per element where the ``element_spec`` promises it."""
        return None if self.batch_size is None else _parts(self.spec)[0].shape[0]

    def take_apart(self, element: Any) -> list[Any]:
        """The parts of an element."""
        return list(tf.nest.flatten(element))

    def put_together(self, parts: Sequence[Any]) -> Any:
        """The element that has these parts."""
        return tf.nest.pack_sequence_as(self.spec, list(parts))

    def encode(self, pixels: Any, numbers: Any) -> list[Any]:
        """Write images as the parts of a batch.

        Args:
            pixels: uint8 (n, h, w), or (n, h, w, c) in the layout's channels; of the layout's size.
            numbers: Their classes, int32 (n,); not used without labels.
        """
        parts = [encode_pixels(pixels, self.images)]
        if self.labels is not None:
            parts.append(self.labels.encode(numbers))
        if self.weights is not None:
            parts.append(tf.ones([pixels.shape[0] or tf.shape(pixels)[0]], self.weights))
        return parts


def _parts(spec: Any) -> list[Any]:
    """Specs of images, labels and weights: ``tf.nest`` sorts dicts by key, which gives this order."""
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
    """Whether elements are batches; the rule stands in :meth:`Structure.of`."""
    ranks = [spec.shape.rank for spec in specs]
    answers = {2: {False}, 3: {False, True}, 4: {True}}.get(ranks[0], set())
    if len(specs) > 1:
        answers = answers & {0: {False}, 1: {False, True}, 2: {True}}.get(ranks[1], set())
    if len(specs) > 2:
        answers = answers & {0: {False}, 1: {True}}.get(ranks[2], set())
    if len(answers) == 2:
        answers = _batched_by_image_shape(specs[0].shape.as_list(), labelled=len(specs) > 1)
    shown = [str(spec.shape) for spec in specs]
    if len(answers) != 1:
        raise ValueError(
            "Images must be (h, w), (h, w, 1) or (h, w, 3), or batches of these; labels scalars or vectors, "
            "weights scalars, with one more axis in batches. Where (h, w, channels) and (batch, h, w) are "
            f"ambiguous, images need a last axis of length 1 or 3. Received: shapes {', '.join(shown)}"
        )
    (batched,) = answers
    if batched and len({spec.shape.as_list()[0] for spec in specs}) > 1:
        raise ValueError(
            f"The parts of a batch must have the same first axis. Received: shapes {', '.join(shown)}"
        )
    return batched


def _batched_by_image_shape(shape: list[int | None], *, labelled: bool) -> set[bool]:
    first, last = shape[0], shape[-1]
    if last in (1, 3):
        return {False}
    # Without labels (h, w, 4) may be a picture with transparency and (3, h, w) one with channels first.
    doubtful = last is None or (not labelled and (last <= 4 or first in (1, 3)))
    return set() if doubtful else {True}


def _image_shape(spec: Any) -> tuple[tuple[int, int], int | None]:
    shape = spec.shape.as_list()
    if None in shape or 0 in shape:
        raise ValueError(
            "Images must have a known height, width and number of channels: resize them, or use "
            f"tf.ensure_shape in a map, before. Received: image shape {spec.shape}"
        )
    if len(shape) == 3 and shape[2] not in (1, 3):
        raise ValueError(f"Images must have 1 or 3 channels. Received: image shape {spec.shape}")
    return (shape[0], shape[1]), shape[2] if len(shape) == 3 else None


def _first_examples(dataset: Any, batched: bool) -> list[np.ndarray]:
    """The parts of the dataset's first images, each with a leading axis."""
    beginning = dataset.take(1) if batched else dataset.take(_EXAMPLES).batch(_EXAMPLES)
    for element in beginning.as_numpy_iterator():
        parts = [np.asarray(part) for part in tf.nest.flatten(element)]
        if len(parts[0]):
            return parts
    raise ValueError("The dataset must have an element to look at. Received: an empty dataset")
