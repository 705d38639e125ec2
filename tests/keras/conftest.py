"""Photos, pools and datasets that the tests of the Keras adapter share."""

from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.pool import Pool
from tests.factories import random_pool

keras = pytest.importorskip("keras")

SIZE = 32


@pytest.fixture(scope="session")
def photos() -> tuple[np.ndarray, np.ndarray]:
    """60 read-only images of 3 classes, none of them in the pool."""
    x = np.random.default_rng(1).integers(0, 256, (60, SIZE, SIZE), np.uint8)
    y = np.arange(60, dtype=np.int32) % 3
    for array in (x, y):
        array.setflags(write=False)
    return x, y


@pytest.fixture(scope="session")
def pool() -> Pool:
    return random_pool(300, image_size=SIZE, n_classes=3)


class Batches(keras.utils.PyDataset):
    """Another dataset, which counts its epochs and keeps the indices that are read."""

    def __init__(self, *batches: Any, endless: bool = False) -> None:
        super().__init__()
        self.batches = batches
        self.endless = endless
        self.begun = self.ended = 0
        self.read: list[int] = []

    @property
    def num_batches(self) -> int | None:
        return None if self.endless else len(self.batches)

    def __getitem__(self, index: int) -> Any:
        self.read.append(index)
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
