"""What the tests and the processes that they start have in common."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.extent import ALL
from tests.factories import random_model
from tests.multiscale_models import random_multiscale

MODELS: dict[str, Callable[[], Any]] = {"pca": random_model}
if ALL:
    MODELS["multiscale"] = random_multiscale
N_REAL = 117
BATCH = 8
RATIO = 0.25


def photos(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images of a model's size, no two alike, and labels."""
    shape = (N_REAL, model.image_size, model.image_size, 1)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return images, (np.arange(N_REAL) % 2).astype(np.int32)


def real(model: Any) -> Any:
    """They as a dataset."""
    return tf.data.Dataset.from_tensor_slices(photos(model))


def _joined(model: Any) -> Any:
    return real(model).concatenate(gmm_dataset(model, 50, like=real(model))).batch(BATCH)


DATASETS: dict[str, Callable[[Any], Any]] = {
    "synthesised": lambda model: gmm_dataset(model, 130).batch(12),
    "fresh": lambda model: gmm_dataset(model, 130, rerandomize_each_iteration=True).batch(12),
    "joined": _joined,
    "mixed": lambda model: mix(real(model), model, ratio=RATIO, batch_size=BATCH),
    "varied": lambda model: mix(real(model), model, ratio=RATIO, batch_size=BATCH, mode="vary"),
}


def tally(images: Iterable[np.ndarray]) -> Counter[bytes]:
    """How often each image is there."""
    return Counter(np.asarray(image).tobytes() for image in images)


def tally_of(batches: Any) -> Counter[bytes]:
    """The same of a dataset of batches."""
    return tally(image for batch in batches for image in batch[0].numpy())


CASES = [*(("pca", name) for name in DATASETS), *((kind, "mixed") for kind in MODELS if kind != "pca")]
"""Kinds of model and datasets that go through every strategy."""


def shard_mixed(model: Any, n_shards: int, index: int) -> Any:
    """A mixture of a share of the photos, with synthetic images of its own."""
    own = real(model).shard(n_shards, index)
    return mix(own, model, ratio=RATIO, batch_size=BATCH // n_shards, seed=[0, index])
