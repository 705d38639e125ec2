"""Loads through ``tf.data``: in one process, and through a service of worker processes."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from reliability.loads.setting import (
    BATCH,
    MODELS,
    RATIO,
    EnoughError,
    Load,
    Tick,
    digest,
    photos,
    raise_after,
)
from tests.scale.processes import programs

N_REAL = round(BATCH * (1 - RATIO))


class TfData(Load):
    """A dataset in this process, on threads of its own."""

    ways = ("break", "del", "exception")
    kind: ClassVar[str] = "pca"

    def __init__(self, plain: bool, per_epoch: int) -> None:
        super().__init__(plain, per_epoch)
        self.model = MODELS[self.kind]()
        self.real = photos(self.steps * N_REAL)
        self.dataset = self.made()

    def made(self) -> Any:
        """A dataset whose epochs nobody has begun."""
        options = tf.data.Options()
        options.threading.private_threadpool_size = 2
        return self.batches().with_options(options)

    def batches(self) -> Any:
        """What is looked at; the control has as many batches of real images alone."""
        images = tf.data.Dataset.from_tensor_slices(self.real)
        if self.plain:
            return images.batch(N_REAL).map(lambda x, y: (x, y), num_parallel_calls=tf.data.AUTOTUNE)
        return self.mixed(images)

    def mixed(self, images: Any) -> Any:
        """Synthetic images among real ones."""
        return mix(images, self.model, ratio=RATIO, batch_size=BATCH)

    def train(self, epochs: int, tick: Tick) -> None:
        for _ in range(epochs):
            for images, _labels in self.dataset:
                tick(images)

    def abandon(self, way: str, after: int) -> None:
        if way == "exception":
            try:
                self.train(1, raise_after(after))
            except EnoughError:
                return
        iterator = iter(self.dataset)
        for _ in range(after):
            next(iterator)
        if way == "del":
            del iterator

    def fault(self) -> str | None:
        whole, broken = self.made(), self.made()
        for _ in whole:
            pass
        for _ in broken.take(self.steps // 2):
            break
        expected, given = ([digest(images) for images, _ in each] for each in (whole, broken))
        return None if expected == given else "an epoch after an abandoned one has other batches"


class Synthesised(TfData):
    """``gmm_dataset``: synthetic images alone."""

    def mixed(self, images: Any) -> Any:
        return gmm_dataset(self.model, self.steps * BATCH, rerandomize_each_iteration=True).batch(BATCH)

    def fault(self) -> str | None:
        """Fresh images are promised, and those of a second iteration only where blocks fill the dataset."""
        dataset = self.made()
        seen = [digest(image) for images, _ in dataset.take(self.steps // 2) for image in images]
        made = [digest(image) for images, _ in dataset for image in images]
        fresh = len(set(seen + made)) == len(seen) + self.steps * BATCH == len(seen) + len(made)
        return None if fresh else "an epoch after an abandoned one repeats or lacks images"


class Varied(TfData):
    """``mix`` that varies real images."""

    def mixed(self, images: Any) -> Any:
        return mix(images, self.model, ratio=RATIO, batch_size=N_REAL, mode="vary")


class MixedMultiscale(TfData):
    """``mix`` with a multi-scale model."""

    kind = "multiscale"


class Service(TfData):
    """A mixture that two worker processes make."""

    per_epoch = 2000

    def made(self) -> Any:
        service = tf.data.experimental.service
        if not hasattr(self, "_target"):
            self._target = self._start(service)
        return self.batches().apply(service.distribute(service.ShardingPolicy.DYNAMIC, self._target))

    def mixed(self, images: Any) -> Any:
        return mix(images, self.model, ratio=RATIO, batch_size=BATCH, static_shape=False)

    def _start(self, service: Any) -> str:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        dispatcher = service.DispatchServer()
        self.stack.callback(dispatcher._stop)
        address = dispatcher.target.split("://")[1]
        logs: dict[Path, dict[str, str]] = {folder / f"{index}.txt": {} for index in range(2)}
        workers = programs(logs, "tests.scale.service_worker", address, "0")
        for worker in self.stack.enter_context(workers):
            worker.wait_for("registered")
        return str(dispatcher.target)

    def fault(self) -> str | None:
        for _ in self.dataset.take(self.steps // 2):
            break
        came = Counter(digest(image) for images, _ in self.dataset for image in images.numpy())
        times = {came[digest(image)] for image in self.real[0]}
        return None if times == {1} else f"after an abandoned epoch a real image came {times} times in one"
