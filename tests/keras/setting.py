"""Batches that the adapter did not make, and how batches are compared."""

from typing import Any

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Another dataset: what it gives is read-only, and it counts its epochs."""

    def __init__(self, *batches: Any, endless: bool = False) -> None:
        super().__init__()
        self.batches = batches
        self.endless = endless
        self.begun = self.ended = 0

    @property
    def num_batches(self) -> int | None:
        return None if self.endless else len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index % len(self.batches)]

    def on_epoch_begin(self) -> None:
        self.begun += 1

    def on_epoch_end(self) -> None:
        self.ended += 1


def same(batch: Any, other: Any) -> None:
    assert len(batch) == len(other)
    for part, twin in zip(batch, other, strict=True):
        assert part.dtype == twin.dtype
        np.testing.assert_array_equal(part, twin)
