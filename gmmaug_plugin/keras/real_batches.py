"""Real batches, out of arrays or out of another ``PyDataset``."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Batch = tuple[NDArray[Any], ...]
"""Images, and if there are any their labels and then their sample weights."""

_ORDER = 1
"""Last word of the seed of an epoch's order, so that it shares no random numbers with a batch's."""


class ArrayBatches:
    """Batches out of arrays: every image once an epoch, in the order given if ``seed`` is None."""

    def __init__(self, arrays: Batch, batch_size: int, seed: int | None) -> None:
        self._arrays = arrays
        self._batch_size = batch_size
        self._seed = seed
        self._order: tuple[int, NDArray[np.intp]] | None = None
        self.num_batches: int | None = -(-len(arrays[0]) // batch_size)

    def read(self, epoch: int, index: int) -> Batch:
        """Copies of the images of a batch, and of what goes with them."""
        rows = self._order_of(epoch)[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def _order_of(self, epoch: int) -> NDArray[np.intp]:
        # Threads that come here at once work out the same order: no harm done, and no lock to pickle.
        known = self._order
        if known is None or known[0] != epoch:
            order = np.arange(len(self._arrays[0]))
            if self._seed is not None:
                np.random.default_rng([self._seed, epoch, 0, _ORDER]).shuffle(order)
            known = self._order = (epoch, order)
        return known[1]

    def on_epoch_begin(self) -> None:
        """Arrays need no notice."""

    def on_epoch_end(self) -> None:
        """Arrays need no notice."""


class DatasetBatches:
    """Batches out of another ``PyDataset``."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.num_batches: int | None = dataset.num_batches
        if self.num_batches == 0:
            raise ValueError("The dataset given must have a batch. Received: num_batches=0")

    def read(self, epoch: int, index: int) -> Batch:
        """A batch as arrays; a dataset counts its epochs itself."""
        return _as_batch(self._dataset[index])

    def on_epoch_begin(self) -> None:
        """Notify the dataset."""
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Notify the dataset."""
        self._dataset.on_epoch_end()


def as_arrays(x: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None) -> Batch:
    """Images, labels and sample weights as arrays of one length.

    Raises:
        ValueError: There is no image, weights come without labels, or lengths differ.
    """
    if y is None and sample_weight is not None:
        raise ValueError("sample_weight needs labels. Received: sample_weight without y")
    rest = (np.asarray(part) for part in (y, sample_weight) if part is not None)
    arrays = (np.asarray(x), *rest)
    if arrays[0].ndim == 0 or len(arrays[0]) == 0:
        raise ValueError(
            "x must be images (n, h, w) or (n, h, w, channels), at least one, or a keras.utils.PyDataset. "
            f"Received: {type(x).__name__} of shape {arrays[0].shape}"
        )
    return _same_length(arrays)


def _as_batch(batch: Any) -> Batch:
    parts = list(batch) if isinstance(batch, tuple | list) else [batch]
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    if not 1 <= len(parts) <= 3 or any(part is None or isinstance(part, dict) for part in parts):
        raise ValueError(
            "The dataset given must give x, (x, y) or (x, y, sample_weight). "
            f"Received: {type(batch).__name__} of {[type(part).__name__ for part in parts]}"
        )
    return _same_length(tuple(np.asarray(part) for part in parts))


def _same_length(arrays: Batch) -> Batch:
    lengths = [array.shape[:1] for array in arrays]
    if lengths.count(lengths[0]) != len(lengths):
        raise ValueError(
            "Images, labels and sample weights must be as many. "
            f"Received: shapes {[array.shape for array in arrays]}"
        )
    return arrays
