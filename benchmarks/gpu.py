"""Synthesis, variation and the heaviest step of fitting on a GPU, beside the same on the CPU.

    python -m benchmarks.gpu [PHOTOS] [--device GPU:0] [--quick] [--json FILE]

Where TensorFlow sees no GPU this says so and measures nothing; ``--device CPU:0`` runs the same on the CPU.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.common import WHOLE_IMAGES, Setting, add_setting, best_seconds, rate_row, timed
from benchmarks.machine import facts, machine
from benchmarks.models import multiscale_alone, random_model
from benchmarks.products import Task, operands
from benchmarks.rows import Beside, Row, print_rows
from gmmaug_plugin import fit
from gmmaug_plugin.fitting.pca import fit_pca
from gmmaug_plugin.models import ImageModel
from gmmaug_plugin.tensorflow.engine import Tensor, TensorFlowEngine

CPU = "CPU:0"
STRENGTH = 0.5


class PlacedEngine(TensorFlowEngine):
    """The TensorFlow engine with the model's parameters on one device.

    The adapters' own engine pins them to the CPU, where ``tf.data`` runs.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device
        self._placed: dict[int, tuple[np.ndarray, Tensor]] = {}

    def constant(self, array: np.ndarray) -> Tensor:
        """Bring a parameter of the model onto the device, once."""
        # The array is kept too: as long as it lives, no other array has its id.
        known = self._placed.get(id(array))
        if known is None:
            with tf.init_scope(), tf.device(self._device):
                known = self._placed[id(array)] = (array, tf.identity(tf.convert_to_tensor(array)))
        return known[1]


def finished(task: Callable[[], Tensor]) -> Task:
    """The task, waited for: a GPU is asked for one number of what it made."""

    def run() -> float:
        return float(tf.reshape(task(), [-1])[0].numpy())

    return run


def product_on(device: str, shape: tuple[int, int, int], dtype: str) -> Task:
    """A matrix product on a device, in any of TensorFlow's dtypes."""
    with tf.device(device):
        a, b = (tf.cast(tf.constant(matrix), dtype) for matrix in operands(*shape))

    @tf.function
    def product() -> Tensor:
        with tf.device(device):
            return tf.matmul(a, b)

    return finished(product)


def noise_of(model: ImageModel, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Uniform and normal numbers for n images, drawn where this is called."""
    uniform = tf.random.stateless_uniform((n, model.uniform_width), (seed, 0), dtype=tf.float64)
    return uniform, tf.random.stateless_normal((n, model.noise_width), (seed, 1))


def synthesis_on(device: str, model: ImageModel, n: int) -> Task:
    """Noise and images drawn on a device, nothing copied back but one pixel."""
    engine = PlacedEngine(device)
    with tf.device(device):
        rows, strength = tf.fill([n], model.n_classes), tf.ones([n], tf.float64)

    @tf.function
    def draw() -> Tensor:
        with tf.device(device):
            return model.synthesize(engine, rows, strength, *noise_of(model, n, 0))[0]

    return finished(draw)


def variation_on(device: str, model: ImageModel, photos: np.ndarray) -> Task:
    """Photos that lie on a device, varied there."""
    engine, n = PlacedEngine(device), len(photos)
    with tf.device(device):
        grey = tf.constant(photos.astype(np.float32))
        rows = tf.fill([n], model.n_classes)
        strength = tf.constant(model.variation_strengths(STRENGTH, n))

    @tf.function
    def move() -> Tensor:
        with tf.device(device):
            return model.move(engine, grey, strength, rows, *noise_of(model, n, 0))

    return finished(move)


def sampling(setting: Setting, device: str, image_size: int) -> list[Row]:
    """Synthesis by PCA mixtures beside products of the same shape on the device, and itself on the CPU."""
    rows = []
    for q in (64,) if setting.quick else (256, 1024):
        model = random_model(q, "flip", image_size)
        for n in (64,) if setting.quick else (64, 1024, 4096):
            shape = n, q, image_size**2
            tasks = {
                "ours": synthesis_on(device, model, n),
                f"float32 product, {device}": product_on(device, shape, "float32"),
                f"bfloat16 product, {device}": product_on(device, shape, "bfloat16"),
                "the same on the CPU": synthesis_on(CPU, model, n),
            }
            rows.append(rate_row(f"PCA mixture, synthesize {n}, {q} dimensions", tasks, n))
    return rows


def moving(setting: Setting, device: str, models: dict[str, ImageModel], photos: np.ndarray) -> list[Row]:
    """Variation and synthesis by fitted models of both kinds, beside the same on the CPU and numpy's."""
    rows = []
    for n in (16,) if setting.quick else (64, 256):
        batch = np.resize(photos, (n, *photos.shape[1:]))
        for kind, model in models.items():
            tasks = {
                "ours": variation_on(device, model, batch),
                "the same on the CPU": variation_on(CPU, model, batch),
                "model.vary, numpy": lambda model=model, batch=batch: model.vary(
                    batch, strength=STRENGTH, seed=0
                ),
            }
            rows.append(rate_row(f"{kind} mixture, vary {n}", tasks, n))
            tasks = {
                "ours": synthesis_on(device, model, n),
                "the same on the CPU": synthesis_on(CPU, model, n),
                "model.sample, numpy": lambda model=model, n=n: model.sample(n, seed=0),
            }
            rows.append(rate_row(f"{kind} mixture, synthesize {n}", tasks, n))
    return rows


def components_on(device: str, photos: np.ndarray) -> Task:
    """The Gram matrix of centred photos, its eigenvectors and the principal images, in float32."""
    flat = photos.reshape(len(photos), -1)

    def components() -> Tensor:
        with tf.device(device):
            samples = tf.cast(tf.constant(flat), tf.float32)
            samples -= tf.reduce_mean(samples, axis=0)
            _, vectors = tf.linalg.eigh(tf.matmul(samples, samples, transpose_b=True))
            return tf.matmul(vectors, samples, transpose_a=True)

    return finished(components)


def fitting(photos: np.ndarray, device: str, seconds: dict[str, float]) -> list[Row]:
    """Fits, which run in numpy, beside what principal components alone would take on the device."""
    tasks = {"numpy": lambda: fit_pca(photos), "device": components_on(device, photos)}
    found = best_seconds(tasks, rounds=3, budget=20.0)
    limit = Beside(f"principal components alone, float32, {device}", found["device"])
    rows = [Row(f"principal components of {len(photos)} photos, numpy", found["numpy"], "s", (limit,))]
    for kind, one in seconds.items():
        rows.append(Row(f"fit, {kind}, {len(photos)} photos, numpy", one, "s", (limit,), "fits use no GPU"))
    return rows


def measure(setting: Setting, device: str) -> list[Row]:
    photos = setting.photos()
    fits = {"PCA": partial(fit, **WHOLE_IMAGES), "multi-scale": multiscale_alone}
    models, seconds = {}, {}
    for kind, one in fits.items():
        models[kind], seconds[kind] = timed(partial(one, photos, **setting.few_components))
    return [
        *sampling(setting, device, photos.shape[1]),
        *moving(setting, device, models, photos),
        *fitting(photos, device, seconds),
    ]


def device_details(device: str) -> dict[str, Any]:
    """What TensorFlow knows of the device."""
    kind, _, index = device.partition(":")
    physical = tf.config.list_physical_devices(kind)[int(index or 0)]
    details = tf.config.experimental.get_device_details(physical)
    return {"device": device, **{key: str(value) for key, value in details.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_setting(parser)
    parser.add_argument("--device", help="as TensorFlow calls it; the first GPU without")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    arguments = parser.parse_args()
    kind = "GPU" if arguments.device is None else arguments.device.partition(":")[0]
    if not tf.config.list_physical_devices(kind):
        print(
            f"TensorFlow sees no {kind} here: nothing was measured. --device CPU:0 runs the same on the CPU."
        )
        return 0
    device = arguments.device or "GPU:0"
    rows = measure(Setting(arguments.photos, None, arguments.quick), device)
    found = device_details(device)
    print_rows({"gpu": rows}, title=f"{', '.join(found.values())}; TensorFlow {tf.__version__}; {machine()}")
    if arguments.json is not None:
        document = {**facts(), **found, "rows": [row.as_json() for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
