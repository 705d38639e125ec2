"""The structure of a dataset's elements, in which synthetic elements are made."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmaug_plugin.elements import Parts, check_weights
from gmmaug_plugin.image_layout import ImageLayout, ValueRange, read_range
from gmmaug_plugin.label_encoding import LabelEncoding, agreed_names
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.tensorflow.batching import single_shapes
from gmmaug_plugin.tensorflow.first_elements import parts_by_key, read_first

UNEQUAL = (
    "pictures in the place of labels must equal the images, because a synthetic image has no mask. Drop them "
    "or make them after mixing, as in "
    "mix(dataset.map(lambda image, target: image), ...).map(lambda image: (image, target_of(image)))"
)


@dataclass(frozen=True, eq=False)
class Structure:
    """The structure of a dataset's elements.

    Attributes:
        spec: The dataset's ``element_spec``.
        parts: Where images, labels and the other parts are.
        singles: ``tf.TensorSpec`` of each part of a single image, in the order of ``tf.nest.flatten``.
        batch_size: Images per element; None if elements are single images.
        static_batch_size: Images per element if ``spec`` has their number, otherwise None.
        images: Layout of the images.
        labels: Encoding of the labels; None without labels.
    """

    spec: Any
    parts: Parts
    singles: Mapping[Hashable, Any]
    batch_size: int | None
    static_batch_size: int | None
    images: ImageLayout
    labels: LabelEncoding | None

    @classmethod
    def plain(cls, pool: Pool) -> "Structure":
        """Single uint8 images (h, w, channels) with int32 labels; without labels if the pool has none."""
        image = tf.zeros((pool.image_size, pool.image_size, pool.channels), tf.uint8)
        dataset = tf.data.Dataset.from_tensors(image if pool.labels is None else (image, 0))
        return cls.of(dataset, pool, class_names=pool.class_names, label_mode="int", batched=False)

    @classmethod
    def of(
        cls,
        dataset: Any,
        pool: Pool,
        value_range: ValueRange = None,
        class_names: Sequence[str] | None = None,
        label_mode: str | None = None,
        batched: bool | None = None,
        *,
        always_read: bool = False,
    ) -> "Structure":
        """Read the structure of a dataset from its ``element_spec`` and its first elements.

        Elements are not read if the arguments state all that they would show, except with ``always_read``.
        The other arguments and the errors are those of :func:`~gmmaug_plugin.tensorflow.mix`.
        """
        if not isinstance(dataset, tf.data.Dataset):
            raise TypeError(
                "The dataset must be a tf.data.Dataset; of several, as of subset='both', pass one. "
                f"Received: {type(dataset)}"
            )
        parts, specs = _parts_of(dataset.element_spec)
        is_batched, shapes = single_shapes(specs, parts.images, batched)
        parts = parts.without_pictures(shapes)
        singles = {key: tf.TensorSpec(shapes[key], spec.dtype) for key, spec in specs.items()}
        if parts.weights is not None:
            check_weights(singles[parts.weights].dtype.as_numpy_dtype, shapes[parts.weights])
        image, labels = singles[parts.images], singles.get(parts.labels)
        size = static = specs[parts.images].shape[0] if is_batched else None
        known = read_range(value_range) or ((0.0, 255.0) if image.dtype == tf.uint8 else None)
        unstated = (labels is not None and label_mode is None) or (is_batched and static is None)
        if always_read or unstated or known is None or parts.copy is not None:
            first, layout = read_first(
                dataset,
                parts.images,
                image,
                batched=is_batched,
                sized=static is not None,
                value_range=value_range,
            )
            size = len(first[parts.images]) if is_batched else None
            _check_copy(first[parts.images], first.get(parts.copy))
        else:
            first = {}
            black = np.full((1, *image.shape), known[0], image.dtype.as_numpy_dtype)
            layout = ImageLayout.of(black, value_range=value_range)
        encoding = None
        if labels is not None:
            # Keras gives its datasets the names of the folders.
            names = agreed_names(class_names, getattr(dataset, "class_names", None))
            unread = np.empty((0, *labels.shape), labels.dtype.as_numpy_dtype)
            encoding = LabelEncoding.of(
                first.get(parts.labels, unread), pool.class_names, class_names=names, label_mode=label_mode
            )
        return cls(dataset.element_spec, parts, singles, size, static, layout, encoding)


def _parts_of(spec: Any) -> tuple[Parts, dict[Hashable, Any]]:
    """Return where the parts of an element are, and their specifications in flat order."""
    hint = "Map other elements, as in dataset.map(lambda element: (element['image'], element['label']))"
    try:
        parts, specs = Parts.of(spec), parts_by_key(spec)
    except TypeError as error:
        raise TypeError(f"{hint}. {error}") from None
    other = {key: type(each).__name__ for key, each in specs.items() if not isinstance(each, tf.TensorSpec)}
    if other:
        raise TypeError(
            "Parts must be dense tensors: drop others in a map, or use tf.sparse.to_dense or to_tensor(). "
            f"Received: {other}"
        )
    return parts, specs


def _check_copy(images: NDArray[Any], copy: NDArray[Any] | None) -> None:
    if copy is not None and (images.dtype != copy.dtype or not np.array_equal(images, copy)):
        raise ValueError(f"First elements: {UNEQUAL}. Received: {images.dtype} and {copy.dtype}")
