"""Batches of real images, from arrays or from a ``PyDataset``."""

from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import ArrayLike, NDArray

Batch = tuple[NDArray[Any], ...]  # images, labels if any, sample weights if any
_ORDER = 1  # last word of the seed of an epoch's order; differs from that of a batch's order


class ArrayBatches(PyDataset):
    """Batches of arrays: each image once an epoch.

    Args:
        arrays: Images, labels and sample weights of one length.
        batch_size: Images in a full batch.
        seed: Seed of the order, which is new in every epoch; None keeps the arrays' order.
    """

    def __init__(self, arrays: Batch, batch_size: int, seed: int | None) -> None:
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

    def __getitem__(self, index: int) -> Batch:
        epoch, order = self._order
        if epoch != self._epoch:
            # Threads that come here at once compute the same order; a lock could not be pickled.
            order = np.arange(len(self._arrays[0]))
            if self._seed is not None:
                np.random.default_rng([self._seed, self._epoch, 0, _ORDER]).shuffle(order)
            self._order = (self._epoch, order)
        rows = order[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self._epoch += 1


def as_arrays(x: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None) -> Batch:
    """Return images, labels and sample weights as arrays of one length.

    Raises:
        ValueError: There is no image, weights come without labels, or lengths differ.
    """
    if y is None and sample_weight is not None:
        raise ValueError("sample_weight needs labels. Received: sample_weight without y")
    images = np.asarray(x)
    if images.ndim == 0 or len(images) == 0:
        raise ValueError(
            "x must be images (n, h, w) or (n, h, w, channels), at least one, or a keras.utils.PyDataset. "
            f"Received: {type(x).__name__} of shape {images.shape}"
        )
    return as_batch((images, y, sample_weight))


def as_batch(batch: Any) -> Batch:
    """Return a batch of a ``PyDataset``, x, (x, y) or (x, y, sample_weight), as arrays.

    Raises:
        ValueError: The batch has another structure, or its parts have different lengths.
    """
    parts = list(batch) if isinstance(batch, tuple | list) else [batch]
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    if not 1 <= len(parts) <= 3 or any(part is None or isinstance(part, dict) for part in parts):
        raise ValueError(
            "Batches must be arrays x, (x, y) or (x, y, sample_weight). "
            f"Received: {type(batch).__name__} of {[type(part).__name__ for part in parts]}"
        )
    arrays = tuple(np.asarray(part) for part in parts)
    if len({array.shape[:1] for array in arrays}) > 1:
        raise ValueError(
            "Images, labels and sample weights must have the same length. "
            f"Received: shapes {[array.shape for array in arrays]}"
        )
    return arrays
