"""Many batches through every adapter: memory stays constant, and nothing is left over.

    python -m reliability.soak [--batches N] [--only LOAD ...] [--json FILE]

Each load runs in a process of its own, after one epoch of warm-up. Memory is the unshared memory of that
process and its children; its growth is from the second quarter of the batches to the last one.
"""

import argparse
import gc
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gmmaug_plugin.pool import Pool
from reliability.tally import Tally, add_json, finish

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

SIZE, BATCH, EPOCH = 32, 8, 200
ALLOWED_MB, ALLOWED_BYTES = 16.0, 50.0
"""Growth that allocators explain: in all, and for each batch."""

PATIENCE = 15.0
"""Seconds within which processes and threads end."""

Tick = Callable[[], None]
"""Called after every batch."""


def noise(n: int) -> tuple[Any, Any]:
    """Images of noise and their labels."""
    images = np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE), dtype=np.uint8)
    return images, (np.arange(n) % 2).astype(np.int32)


def pool() -> Pool:
    return Pool(*noise(100), ("0", "1"))


def tf_mix(n: int, tick: Tick) -> None:
    """Epochs of a mixed dataset."""
    import tensorflow as tf

    from gmmaug_plugin.tensorflow import mix

    images, labels = noise(EPOCH * BATCH * 3 // 4)
    real = tf.data.Dataset.from_tensor_slices((images[..., None], labels))
    mixed = mix(real, pool(), ratio=0.25, batch_size=BATCH)
    for _ in range(n // EPOCH):
        for _ in mixed:
            tick()


def tf_dataset(n: int, tick: Tick) -> None:
    """Epochs of pool images alone."""
    from gmmaug_plugin.tensorflow import gmm_dataset

    drawn = gmm_dataset(pool(), 10 * BATCH, rerandomize_each_iteration=True).batch(BATCH)
    for _ in range(n // EPOCH):
        for _ in drawn.repeat(EPOCH // 10):
            tick()


def keras_fit(n: int, tick: Tick, *, processes: bool) -> None:
    """Training of the smallest network, with worker threads or processes."""
    import keras

    from gmmaug_plugin.keras import GMMSequence

    images, labels = noise(EPOCH * BATCH * 3 // 4)
    options = {"workers": 2, "use_multiprocessing": processes}
    batches = GMMSequence(images[..., None], labels, model=pool(), ratio=0.25, batch_size=BATCH, **options)
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    network.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: tick())
    network.fit(batches, epochs=n // EPOCH, verbose=0, callbacks=[callback])
    keras.backend.clear_session()


_pipeline: Any = None


def _start_worker(path: str) -> None:
    import albumentations as A

    from gmmaug_plugin.albumentations import GMMSynthesize

    global _pipeline  # noqa: PLW0603 - one for each worker process
    _pipeline = A.Compose([GMMSynthesize(path, p=0.25), A.HorizontalFlip()])


def _transformed(_number: int) -> Any:
    pairs = zip(*noise(BATCH), strict=True)
    return np.stack([_pipeline(image=image, label=int(label))["image"] for image, label in pairs])


def transforms(n: int, tick: Tick) -> None:
    """Batches made by two worker processes, as in a data loader."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "pool.safetensors")
        pool().save(path)
        with ProcessPoolExecutor(2, spawn, initializer=_start_worker, initargs=(path,)) as executor:
            for begin in range(0, n, EPOCH):  # executor.map submits all calls at once
                for _ in executor.map(_transformed, range(begin, begin + EPOCH)):
                    tick()


LOADS: dict[str, Callable[[int, Tick], None]] = {
    "mix": tf_mix,
    "gmm_dataset": tf_dataset,
    "GMMSequence, threads": lambda n, tick: keras_fit(n, tick, processes=False),
    "GMMSequence, processes": lambda n, tick: keras_fit(n, tick, processes=True),
    "GMMSynthesize, processes": transforms,
}
"""By name: functions that make n batches, n a multiple of EPOCH."""


def megabytes() -> float:
    """Unshared memory of this process and its children."""
    total = 0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            total += process.memory_full_info().uss
        except psutil.Error:  # the child has ended
            continue
    return total / 1e6


def held() -> dict[str, int]:
    """Counts of everything that a load may leave over."""
    process, shared = psutil.Process(), Path("/dev/shm")
    return {
        "processes": len(process.children(recursive=True)),
        "threads": threading.active_count(),
        "open files": process.num_fds(),
        "temporary files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "shared memory": len(list(shared.iterdir())) if shared.exists() else 0,
    }


def soak(load: Callable[[int, Tick], None], n: int) -> dict[str, Any]:
    """Run a load; return the number of batches, the growth of memory, and what is left over."""
    load(EPOCH, lambda: None)
    before, amounts, n_done = held(), [], 0

    def tick() -> None:
        nonlocal n_done
        n_done += 1
        if n_done % max(1, n // 40) == 0:
            amounts.append(megabytes())

    load(n, tick)
    deadline = time.monotonic() + PATIENCE
    while True:
        gc.collect()
        left = {name: count - before[name] for name, count in held().items() if count > before[name]}
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    quarter = len(amounts) // 4
    growth = statistics.median(amounts[-quarter:]) - statistics.median(amounts[quarter : 2 * quarter])
    return {"batches": n_done, "MB": round(amounts[-1], 1), "growth, MB": round(growth, 1), "left": left}


def _soak_in(folder: str, name: str, n: int) -> dict[str, Any]:
    tempfile.tempdir = folder
    return soak(LOADS[name], n)


def check(name: str, n: int) -> Tally:
    """Run a load in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    # Unlike a multiprocessing.Pool, an executor lets its workers have children.
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, ProcessPoolExecutor(1, spawn) as executor:
        found = executor.submit(_soak_in, folder, name, -(-n // EPOCH) * EPOCH).result()
    tally = Tally(f"soak of {name}", "batches", facts=found)
    tally.outcomes["made"] = found["batches"]
    if found["growth, MB"] > ALLOWED_MB + ALLOWED_BYTES * n / 1e6:
        tally.failures.append(f"memory grew by {found['growth, MB']} MB")
    if found["left"]:
        tally.failures.append(f"left over: {found['left']}")
    return tally


def main() -> int:
    """Run the loads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batches", type=int, default=100_000, metavar="N", help="of each load")
    parser.add_argument("--only", nargs="+", choices=list(LOADS), default=list(LOADS), metavar="LOAD")
    add_json(parser)
    given = parser.parse_args()
    return finish([check(name, given.batches) for name in given.only], given.json)


if __name__ == "__main__":
    sys.exit(main())
