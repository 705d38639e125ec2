"""The first elements of a dataset, read for what its ``element_spec`` does not show."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmaug_plugin.image_layout import ImageLayout, ValueRange, guess_range, warn_of_range

_EXAMPLES = 16  # single images that are read at a time
_MOST_IMAGES, _MOST_BATCHES = 1000, 64  # read while their values do not show the value range


def parts_by_key(element: Any) -> dict[Hashable, Any]:
    """Return the parts of an element by key or position, in the order of ``tf.nest.flatten``."""
    if isinstance(element, Mapping):
        return {key: element[key] for key in sorted(element)}
    return dict(enumerate(element if isinstance(element, tuple) else (element,)))


def read_first(
    dataset: Any, images: Hashable, image: Any, *, batched: bool, sized: bool, value_range: ValueRange
) -> tuple[dict[Hashable, NDArray[Any]], ImageLayout]:
    """Read a batch, or 16 images, and more while these do not show the value range of floats.

    Of batches of unknown size two are read, since one may be the short last one, moved by a shuffle.

    Args:
        dataset: The dataset.
        images: Which part are the images.
        image: ``tf.TensorSpec`` of a single image.
        batched: Whether elements are batches.
        sized: Whether the size of batches is known.
        value_range: Black and white; None takes them from the values.

    Returns:
        The parts of the first 16 images or of the larger batch, each with a leading axis; the layout of all
        images read.

    Raises:
        TypeError: As for :meth:`ImageLayout.of`.
        ValueError: As for :meth:`ImageLayout.of`; or the dataset is empty.
    """
    guess = value_range is None and image.dtype != tf.uint8
    beginning = dataset.take(_MOST_BATCHES) if batched else dataset.take(_MOST_IMAGES).batch(_EXAMPLES)
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # which reads more than is asked for
    first: dict[Hashable, NDArray[Any]] = {}
    n_images, n_batches, values = 0, 0, np.empty(0)
    for element in beginning.with_options(options).as_numpy_iterator():
        parts = parts_by_key(element)
        array = parts[images]
        if not len(array):
            continue
        if not first or (batched and len(array) > len(first[images])):
            first = parts
        n_images, n_batches = n_images + len(array), n_batches + 1
        fractional = array[array != np.rint(array)][:1]
        values = np.concatenate([values, np.array([array.min(), array.max(), *fractional], np.float64)])
        if (not guess or guess_range(values)) and (n_batches > 1 or sized or not batched):
            break
    if not first:
        raise ValueError("The dataset must have an element to look at. Received: an empty dataset")
    # A stack with the extremes of all images read, none of which is held.
    stack = values.astype(image.dtype.as_numpy_dtype).reshape(-1, *[1] * image.shape.rank)
    stack = np.broadcast_to(stack, (len(values), *image.shape))
    where = f"the first {n_images} image(s) of the dataset"
    layout = ImageLayout.of(stack, value_range=value_range, where=where)
    warn_of_range(stack, value_range)
    return first, layout
