"""Batches a second that a small network really trains on, with and without this package in the pipeline.

python -m benchmarks.adapters [PHOTOS] [--quick]
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import albumentations as A
import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import WHOLE_IMAGES, Setting, run_alone
from benchmarks.models import multiscale_alone
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit
from gmmaug_plugin.albumentations import GMMVary
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.models import ImageModel
from gmmaug_plugin.tensorflow import gmm_dataset, mix

BATCH = 32
CLASS_NAMES = ("one", "other")
N_CLASSES = len(CLASS_NAMES)
BATCHES, QUICK_BATCHES = 40, 12
"""Batches of real photos an epoch, some photos several times: what is read ahead at its end weighs little."""

EPOCHS = 3
"""The first one builds graphs and fills caches and does not count; of the others the fastest does."""


class EpochTimes(keras.callbacks.Callback):
    """Batches and seconds of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []
        self._batches, self._began = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches, self._began = 0, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rates.append(self._batches / (time.perf_counter() - self._began))


def classifier(image_size: int) -> keras.Model:
    """A small convolutional network for grey images in 0..255."""
    network = keras.Sequential(
        [
            keras.Input((image_size, image_size, 1)),
            keras.layers.Rescaling(1 / 255),
            *(keras.layers.Conv2D(width, 3, strides=2, activation="relu") for width in (16, 32, 64)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(N_CLASSES),
        ]
    )
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return network


def training_rate(data: Any, image_size: int) -> float:
    """Batches a second of the fastest epoch."""
    times = EpochTimes()
    classifier(image_size).fit(data, epochs=EPOCHS, verbose=0, callbacks=[times])
    return max(times.rates[1:])


class Transformed(keras.utils.PyDataset):
    """Batches of photos, which go through an albumentations pipeline one by one if there is one."""

    def __init__(self, x: np.ndarray, y: np.ndarray, pipeline: A.Compose | None = None) -> None:
        super().__init__()
        self._x, self._y, self._pipeline = x, y, pipeline

    def __len__(self) -> int:
        return len(self._x) // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(BATCH * index, BATCH * index + BATCH)
        if self._pipeline is None:
            return self._x[rows], self._y[rows]
        pairs = zip(self._x[rows], self._y[rows], strict=True)
        images = [self._pipeline(image=image, label=int(label))["image"] for image, label in pairs]
        return np.stack(images), self._y[rows]


Pipelines = dict[str, tuple[Callable[[], Any], Callable[[ImageModel, Path], Any]]]


def pipelines(x: np.ndarray, y: np.ndarray) -> Pipelines:
    """By name: what makes the data without the package, and with a model and its file."""
    photos = tf.data.Dataset.from_tensor_slices((x, y)).cache()

    def batched(data: Any) -> Any:
        return data.shuffle(len(x), seed=0).batch(BATCH).prefetch(2)

    def mixed(mode: str, ratio: float) -> Callable[[ImageModel, Path], Any]:
        shuffled = photos.shuffle(len(x), seed=0)
        return lambda model, _: mix(shuffled, model, ratio=ratio, batch_size=BATCH, mode=mode).prefetch(2)

    def appended(model: ImageModel, _: Path) -> Any:
        return batched(photos.concatenate(gmm_dataset(model, len(x) // 3, like=photos)))

    def sequence(mode: str, ratio: float) -> Callable[..., Any]:
        return lambda model, _: GMMSequence(x, y, model=model, ratio=ratio, batch_size=BATCH, mode=mode)

    def plain_batches() -> Any:
        return Transformed(x, y, A.Compose([A.HorizontalFlip()], seed=0))

    def varied(_: ImageModel, file: Path) -> Any:
        return Transformed(x, y, A.Compose([GMMVary(str(file), p=0.5), A.HorizontalFlip()], seed=0))

    def streamed(data: Transformed) -> Any:
        def batches() -> Any:
            return (data[index] for index in range(len(data)))

        spec = (tf.TensorSpec((None, *x.shape[1:]), tf.uint8), tf.TensorSpec((None,), tf.int32))
        return tf.data.Dataset.from_generator(batches, output_signature=spec).prefetch(2)

    plain_sequence = Transformed(x, y)
    return {
        "tf.data, a quarter appended by gmm_dataset": (lambda: batched(photos), appended),
        "tf.data, mix(ratio=0.25)": (lambda: batched(photos), mixed("synthesize", 0.25)),
        'tf.data, mix(ratio=0.5, mode="vary")': (lambda: batched(photos), mixed("vary", 0.5)),
        "GMMSequence(ratio=0.25)": (lambda: plain_sequence, sequence("synthesize", 0.25)),
        'GMMSequence(ratio=0.5, mode="vary")': (lambda: plain_sequence, sequence("vary", 0.5)),
        "PyDataset, GMMVary(p=0.5)": (plain_batches, varied),
        "from_generator, GMMVary(p=0.5)": (
            lambda: streamed(plain_batches()),
            lambda model, file: streamed(varied(model, file)),
        ),
    }


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    n = BATCH * (QUICK_BATCHES if setting.quick else BATCHES)
    # What labels say makes no difference to speed, and not every folder of photos has two classes.
    labels = (np.arange(len(photos)) % N_CLASSES).astype(np.int32)
    rows, plain = [], {}
    fits = {"pca": partial(fit, **WHOLE_IMAGES), "multiscale": multiscale_alone}
    x, y = np.resize(photos[..., None], (n, *photos.shape[1:], 1)), np.resize(labels, n)
    with tempfile.TemporaryDirectory(prefix="adapters-") as folder:
        for kind in ("pca", "multiscale"):
            model = replace(
                fits[kind](photos, labels=labels, **setting.few_components), class_names=CLASS_NAMES
            )
            file = Path(folder) / f"{kind}.safetensors"
            model.save(file)
            for name, (without, given) in list(pipelines(x, y).items())[:: 2 if setting.quick else 1]:
                if name not in plain:
                    plain[name] = training_rate(without(), photos.shape[1])
                rate = training_rate(given(model, file), photos.shape[1])
                beside = (Beside("the same training without it", plain[name]),)
                rows.append(Row(f"{kind}: {name}", rate, "batches/s", beside, f"batches of {BATCH}"))
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
