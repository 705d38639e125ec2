"""Datasets of the tests and of the processes that they start."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_pool

ALL = os.environ.get("GMMAUG_ALL_TESTS") == "1"
POOL = random_pool(800)
N_REAL = 117
BATCH = 8
RATIO = 0.25


def photos() -> tuple[np.ndarray, np.ndarray]:
    """Images of the pool's size, no two alike, and labels."""
    images = np.random.default_rng(0).integers(0, 256, (N_REAL, 16, 16, 1)).astype(np.uint8)
    return images, (np.arange(N_REAL) % 2).astype(np.int32)


def real() -> Any:
    """The same as a dataset."""
    return tf.data.Dataset.from_tensor_slices(photos())


DATASETS: dict[str, Callable[[], Any]] = {
    "synthetic": lambda: gmm_dataset(POOL, 130).batch(12),
    "fresh": lambda: gmm_dataset(POOL, 130, rerandomize_each_iteration=True).batch(12),
    "joined": lambda: real().concatenate(gmm_dataset(POOL, 50, like=real())).batch(BATCH),
    "mixed": lambda: mix(real(), POOL, ratio=RATIO, batch_size=BATCH),
}


def tally(images: Iterable[np.ndarray]) -> Counter[bytes]:
    """How often each image is there."""
    return Counter(np.asarray(image).tobytes() for image in images)


def tally_of(batches: Any) -> Counter[bytes]:
    """The same of a dataset of batches."""
    return tally(image for batch in batches for image in batch[0].numpy())


def shard_mixed(n_shards: int, index: int) -> Any:
    """A mixture of a share of the photos, with a pool's order of its own."""
    own = real().shard(n_shards, index)
    return mix(own, POOL, ratio=RATIO, batch_size=BATCH // n_shards, seed=[0, index])
