"""Adapters in training: a step with a quarter of each batch from a pool, and how fast a dataset starts.

    python -m benchmarks.adapters [PHOTOS] [--quick] [--json FILE]

A small network (three convolutions) trains on batches of 32, with the adapter and without it. Images are
noise, which costs as much to read as photos.
"""

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import Images, Row, row_parser, show_rows
from gmmaug_plugin.albumentations import GMMSynthesize
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.tensorflow import gmm_dataset, mix

BATCH, RATIO, N_CLASSES = 32, 0.25, 5
Batches = Iterator[tuple[Any, Any]]


def noise(n: int, size: int, seed: int) -> tuple[Images, Any]:
    """Images and labels."""
    images = np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)
    return images, (np.arange(n) % N_CLASSES).astype(np.int32)


def noise_pool(n: int, size: int) -> Pool:
    return Pool(*noise(n, size, 0), tuple("01234"))


def dataset_of(n: int, size: int) -> Any:
    """Photos in memory, shuffled, float32 in 0..1, with labels."""
    images, labels = noise(n, size, 1)
    dataset = tf.data.Dataset.from_tensor_slices((images[..., None], labels)).shuffle(n, seed=0)
    return dataset.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label), tf.data.AUTOTUNE)


class PlainBatches(keras.utils.PyDataset):
    """Batches without an adapter."""

    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self.x, self.y = x, y
        self.order = np.random.default_rng(0).permutation(len(x))

    def __len__(self) -> int:
        return len(self.x) // BATCH

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[rows], self.y[rows]


def step_pairs(size: int, n: int, folder: Path) -> dict[str, tuple[Batches, Batches]]:
    """Return batches without and with each adapter, by its name."""
    pool, real = noise_pool(1000, size), dataset_of(n, size).repeat()
    path = folder / f"{size}.safetensors"
    pool.save(path)
    images, labels = noise(n, size, 1)
    x = images[..., None].astype(np.float32) / 255
    sequences = PlainBatches(x, labels), GMMSequence(x, labels, model=pool, ratio=RATIO, batch_size=BATCH)
    transforms: list[Any] = [
        albumentations.HorizontalFlip(),
        albumentations.RandomBrightnessContrast(),
        albumentations.ToFloat(255),
    ]
    pipelines = [
        albumentations.Compose([*first, *transforms], seed=0)
        for first in ([], [GMMSynthesize(str(path), p=RATIO)])
    ]

    def through(pipeline: Any) -> Batches:
        for begin in itertools.count(0, BATCH):
            rows = np.arange(begin, begin + BATCH) % n
            each = [pipeline(image=images[row][..., None], label=int(labels[row]))["image"] for row in rows]
            yield np.stack(each), labels[rows]

    return {
        "mix, tf.data": (
            iter(real.batch(BATCH, drop_remainder=True).prefetch(2)),
            iter(mix(real, pool, ratio=RATIO, batch_size=BATCH).prefetch(2)),
        ),
        "GMMSequence, Keras": (endless(sequences[0]), endless(sequences[1])),
        "GMMSynthesize, albumentations": (through(pipelines[0]), through(pipelines[1])),
    }


def endless(batches: Any) -> Batches:
    while True:
        # Without the last batch: it is short, and the step would be compiled again.
        yield from (batches[index] for index in range(len(batches) - 1))
        batches.on_epoch_end()


def small_network(size: int) -> Callable[[Any, Any], Any]:
    """A compiled training step."""
    layers: list[Any] = []
    for width in (16, 32, 64):
        layers += [
            keras.layers.Conv2D(width, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(N_CLASSES)]
    network = keras.Sequential([keras.Input((size, size, 1)), *layers, *head])
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.build(network.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, network(images, training=True))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    return step


def step_rows(size: int, n: int, rounds: int, steps: int) -> list[Row]:
    """Milliseconds per step: the median over rounds in which both pipelines take turns."""
    step = small_network(size)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, pair in step_pairs(size, n, Path(folder)).items():
            for batches in pair:
                milliseconds(step, batches, 3)
            turns = [[milliseconds(step, batches, steps) for batches in pair] for _ in range(rounds)]
            plain, mixed = (statistics.median(column) for column in zip(*turns, strict=True))
            rows.append(Row(f"step, {size} x {size}: {name}", mixed, "ms", "without the adapter", plain))
    return rows


def milliseconds(step: Callable[[Any, Any], Any], batches: Batches, n: int) -> float:
    began = time.perf_counter()
    for _ in range(n):
        loss = step(*map(tf.convert_to_tensor, next(batches)))
    float(loss)
    return (time.perf_counter() - began) * 1000 / n


def start_rows(n_pool: int, size: int) -> list[Row]:
    """Seconds from an iterator's creation to its first element."""
    pool, real = noise_pool(n_pool, size), dataset_of(64, size)
    plain = real.batch(BATCH, drop_remainder=True)
    started = {
        "gmm_dataset": gmm_dataset(pool, 2 * BATCH, like=plain),
        "mix": mix(real, pool, ratio=RATIO, batch_size=BATCH),
        "plain": plain,
    }
    took = {name: statistics.median(first_element(one) for _ in range(5)) for name, one in started.items()}
    return [
        Row(
            f"{name} of {n_pool:,} images of {size} x {size}, iterator's start",
            took[name],
            "s",
            "photos alone",
            took["plain"],
        )
        for name in ("gmm_dataset", "mix")
    ]


def first_element(dataset: Any) -> float:
    began = time.perf_counter()
    next(iter(dataset))
    return time.perf_counter() - began


def main() -> None:
    """Print the rows."""
    arguments = row_parser(__doc__).parse_args()
    quick = arguments.quick
    rows = []
    for size in (32,) if quick else (64, 128):
        rows += step_rows(size, 200 if quick else 2000, 2 if quick else 7, 5 if quick else 20)
    for n_pool in (100,) if quick else (1000, 3500):
        rows += start_rows(n_pool, 32 if quick else 128)
    show_rows(f"Adapters, {RATIO:.0%} of batches of {BATCH}", rows, arguments.json)


if __name__ == "__main__":
    main()
