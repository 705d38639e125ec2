"""The format of the batches of a data set: parts, layout of images and label encoding, asserted on each."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import NDArray

from gmmaug_plugin.elements import Parts, check_weights
from gmmaug_plugin.image_layout import DTYPES, ImageLayout, ValueRange, guess_range, warn_of_range
from gmmaug_plugin.label_encoding import LabelEncoding, label_error

Batch = dict[Hashable, NDArray[Any]]  # arrays by their positions or keys

_MOST_READ = 8  # batches read for the range of floats


class BatchFormat:
    """What all batches of a data set have in common, read from the first.

    Arguments after ``batch`` and errors are those of :class:`ImageLayout` and :class:`LabelEncoding`.

    Attributes:
        parts: Positions or keys of images, labels and sample weights.
        layout: The layout of the images; their size may differ between batches.
        labels: The label encoding; None without labels.
    """

    def __init__(
        self,
        parts: Parts,
        batch: Batch,
        pool_classes: Sequence[str],
        *,
        value_range: ValueRange,
        class_names: Sequence[str] | None,
        label_mode: str | None,
    ) -> None:
        images = batch[parts.images]
        if images.ndim == 3 and images.shape[2] in (1, 3):
            raise ValueError(f"Images must be stacked: (n, h, w, channels). Received: shape {images.shape}")
        if parts.weights is not None:
            weights = batch[parts.weights]
            check_weights(weights.dtype, weights.shape[1:])
        self.parts = parts
        self.layout = ImageLayout.of(images, value_range=value_range)
        warn_of_range(images, value_range)
        self.labels: LabelEncoding | None = None
        if parts.labels is not None:
            self.labels = LabelEncoding.of(
                batch[parts.labels], pool_classes, class_names=class_names, label_mode=label_mode
            )
        self._pool_classes = pool_classes

    def check(self, element: Any) -> tuple[Batch, ImageLayout]:
        """Return the arrays of a batch and their layout, which may differ in size.

        Raises:
            TypeError: The batch is not made of images, labels and sample weights.
            ValueError: It has another format.
        """
        parts, batch = read_batch(element)
        if parts != self.parts:
            raise ValueError(f"Batches must have the parts of the first, {self.parts}. Received: {parts}")
        images, first = batch[parts.images], self.layout
        value_range = None if images.dtype == np.uint8 else first.value_range
        layout = ImageLayout.of(images, value_range=value_range)
        if replace(layout, size=first.size) != first:
            raise ValueError(
                f"Images must have the layout of the first batch in all but size, {first}. Received: {layout}"
            )
        encoding = self.labels
        if encoding is not None:
            labels, dtype = batch[parts.labels], encoding.codes.dtype
            if labels.dtype != dtype or not encoding.fits(labels):
                error = label_error(labels, self._pool_classes, encoding.n_classes)
                kind = "one-hot vectors" if encoding.one_hot else "class numbers"
                raise ValueError(f"{error}; the first batch has {dtype} {kind}")
        return batch, layout

    def synthetic(self, real: Batch, images: NDArray[Any], classes: NDArray[np.int32] | None) -> Batch:
        """Return the parts of synthetic images, beside real ones.

        Args:
            real: The real images' parts.
            images: n synthetic images in the layout of the real ones.
            classes: Their classes in the pool, int32 (n,); None without classes.
        """
        parts = self.parts
        made = {key: _blank(rows, len(images)) for key, rows in real.items()}
        made[parts.images] = images
        if parts.copy is not None:
            made[parts.copy] = images
        if self.labels is not None and classes is not None:
            made[parts.labels] = self.labels.codes[classes]
        if parts.weights is not None:
            made[parts.weights][...] = 1
        return made


def read_batch(element: Any) -> tuple[Parts, Batch]:
    """Return the parts of a batch and their arrays, without the Nones at the end of a tuple.

    Raises:
        TypeError: The batch has another structure than :class:`Parts` describes.
        ValueError: Its parts have different lengths, or it has masks or other pictures.
    """
    found: Any
    if isinstance(element, Mapping):
        found = batch = {key: _array(part) for key, part in element.items()}
    else:
        found = tuple(map(_array, element if isinstance(element, tuple | list) else (element,)))
        while len(found) > 1 and found[-1] is None:
            found = found[:-1]
        batch = dict(enumerate(found))
    parts = Parts.of(found)
    shapes = {key: array.shape for key, array in batch.items()}
    if () in shapes.values() or len({shape[0] for shape in shapes.values()}) > 1:
        raise ValueError(
            f"Images, labels and other parts must have the same length. Received: shapes {shapes}"
        )
    parts = parts.without_pictures({key: shape[1:] for key, shape in shapes.items()})
    if parts.copy is not None and not np.array_equal(batch[parts.images], batch[parts.copy]):
        raise ValueError(
            "A synthetic image has no mask and no other target: images in the place of labels must equal the "
            "images. Mix images alone, and make targets of the mixed ones. "
            f"Received: other images in {parts.copy!r}"
        )
    return parts, batch


def pack_like(element: Any, batch: Batch) -> Any:
    """Return the arrays of a batch in the structure of ``element``, without the Nones at a tuple's end."""
    if isinstance(element, Mapping):
        return batch
    if isinstance(element, tuple | list):
        return (list if isinstance(element, list) else tuple)(batch.values())
    return batch[0]


@contextmanager
def in_batch(index: int) -> Iterator[None]:
    """Add the index of a batch to errors about it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        error.args = (f"{error}, in batch {index} (from 0)",)
        raise


def class_names_of(dataset: PyDataset) -> Sequence[str] | None:
    """Return the classes of a data set in the order of their numbers, if it has them, as Keras' flows do."""
    names, numbers = getattr(dataset, "class_names", None), getattr(dataset, "class_indices", None)
    if names is not None:
        return list(names)
    if isinstance(numbers, Mapping) and sorted(numbers.values()) == list(range(len(numbers))):
        return sorted(numbers, key=lambda name: numbers[name])
    return None


def range_shown(dataset: PyDataset, first: Any) -> ValueRange:
    """Return the value range of the first batch, of up to 8, whose values show it; None if none does."""
    n_batches = dataset.num_batches
    for index in range(_MOST_READ if n_batches is None else min(_MOST_READ, n_batches)):
        with in_batch(index):
            parts, batch = read_batch(dataset[index] if index else first)
        images = batch[parts.images]
        if images.dtype.name not in DTYPES[1:]:
            return None
        if shown := guess_range(images):
            return shown
    return None


def _array(part: Any) -> Any:
    """Return a part of a batch as an array; None and structures of arrays, which are refused, as they are."""
    nested = isinstance(part, tuple | list) and any(np.ndim(one) for one in part)
    return part if part is None or nested or isinstance(part, Mapping) else np.asarray(part)


def _blank(real: NDArray[Any], n: int) -> NDArray[Any]:
    """Return n rows of zeros, False or empty text, like the real ones."""
    rows = np.zeros((n, *real.shape[1:]), real.dtype)
    if real.dtype == object and isinstance(real.flat[0], str | bytes):
        rows.fill(type(real.flat[0])())
    return rows
