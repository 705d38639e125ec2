"""Batches of real images, from arrays or from a ``PyDataset``."""

from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import ArrayLike, NDArray

Arrays = tuple[NDArray[Any], ...]  # images, labels if any, sample weights if any
_ORDER = 1  # last word of the seed of an epoch's order; differs from that of a batch's order


class ArrayBatches(PyDataset):
    """Batches of arrays: each image once an epoch.

    Args:
        arrays: Images, labels and sample weights of one length.
        batch_size: Images in a full batch.
        seed: Seed of the order, which is new in every epoch; None keeps the arrays' order.
    """

    def __init__(self, arrays: Arrays, batch_size: int, seed: int | None) -> None:
        super().__init__()
        self._arrays = arrays
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0
        self._order: tuple[int, NDArray[np.intp]] = (-1, np.arange(0))

    @property
    def num_batches(self) -> int:
        """Batches in an epoch; the last one may be shorter."""
        return -(-len(self._arrays[0]) // self._batch_size)

    def __getitem__(self, index: int) -> Any:
        epoch, order = self._order
        if epoch != self._epoch:
            # Threads that come here at once compute the same order; a lock could not be pickled.
            order = np.arange(len(self._arrays[0]))
            if self._seed is not None:
                np.random.default_rng([self._seed, self._epoch, 0, _ORDER]).shuffle(order)
            self._order = (self._epoch, order)
        rows = order[index * self._batch_size : (index + 1) * self._batch_size]
        parts = tuple(array[rows] for array in self._arrays)
        return parts if len(parts) > 1 else parts[0]

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self._epoch += 1


def as_arrays(x: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None) -> Arrays:
    """Return images, labels and sample weights as arrays.

    Raises:
        ValueError: There is no image, or weights come without labels.
    """
    if y is None and sample_weight is not None:
        raise ValueError("sample_weight needs labels. Received: sample_weight without y")
    try:
        images = np.asarray(x)
    except ValueError:  # a list of images of several sizes
        images = np.array(None)
    if images.ndim == 0 or len(images) == 0:
        raise ValueError(
            "x must be an array of images of one size, at least one, or a keras.utils.PyDataset. Of a tuple "
            "or dict pass the arrays, as GMMSequence(x['image'], x['label'], ...); for a tf.data.Dataset use "
            "gmmaug_plugin.tensorflow.mix. "
            f"Received: {type(x).__name__} of shape {images.shape}"
        )
    return tuple(np.asarray(part) for part in (images, y, sample_weight) if part is not None)
