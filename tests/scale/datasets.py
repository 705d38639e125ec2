"""Datasets that the tests distribute, and counts of their images."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_pool

POOL = random_pool(800)
PHOTOS = np.random.default_rng(0).integers(0, 256, (117, 16, 16, 1)).astype(np.uint8)
LABELS = (np.arange(len(PHOTOS)) % 2).astype(np.int32)
BATCH, N_SYNTHETIC = 8, 2
OPTIONS = {"ratio": N_SYNTHETIC / BATCH, "batch_size": BATCH, "class_names": POOL.class_names}


def real(n: int = len(PHOTOS)) -> Any:
    """Photos, no two of them equal, and labels."""
    return tf.data.Dataset.from_tensor_slices((PHOTOS[:n], LABELS[:n]))


DATASETS: dict[str, Callable[[], Any]] = {
    "synthetic": lambda: gmm_dataset(POOL, 130).batch(12),
    "joined": lambda: (
        real().concatenate(gmm_dataset(POOL, 50, like=real(), class_names=POOL.class_names)).batch(BATCH)
    ),
    "mixed": lambda: mix(real(), POOL, **OPTIONS),
}


def mix_own_photos(n_processes: int, index: int) -> Any:
    """A process's part of the photos, mixed with the pool in a process's own order."""
    own = real().shard(n_processes, index)
    return mix(own, POOL, **{**OPTIONS, "batch_size": BATCH // n_processes}, seed=[0, index])


def count(images: Iterable[Any]) -> Counter[bytes]:
    """How often each image occurs."""
    return Counter(np.asarray(image).tobytes() for image in images)


def count_in(batches: Any) -> Counter[bytes]:
    """How often each image occurs in a dataset of batches."""
    return count(image for batch, *_ in batches for image in batch)


def synthetic_in(batch: Iterable[Any]) -> int:
    """How many images of a batch are none of the photos."""
    return sum(image not in _KNOWN for image in count(batch).elements())


_KNOWN = count(PHOTOS)
