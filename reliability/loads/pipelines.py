"""Loads through the albumentations transforms, in worker processes."""

import multiprocessing
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import albumentations as A
import numpy as np

from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary
from reliability.loads.setting import MODELS, EnoughError, Load, Tick, photos, raise_after

BATCH = 2


class Photos:
    """Augmented photos by number, as PyTorch wants them; the model's file is read in the worker."""

    def __init__(self, path: str | None, n: int) -> None:
        self._images, self._labels = photos(n)
        ours = [] if path is None else [GMMSynthesize(path, p=0.5), GMMVary(path, p=0.25)]
        self._pipeline = A.Compose([*ours, A.HorizontalFlip()], seed=0)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        made = self._pipeline(image=self._images[index], label=int(self._labels[index]))
        return made["image"], index


_photos: Photos | None = None
"""Those of a worker process."""


def _begin(given: Photos) -> None:
    # As Python's users do: a worker that Ctrl-C kills takes its work along, and may keep a lock.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _photos  # noqa: PLW0603 - a worker process has nowhere else to keep it
    _photos = given


def _batch(start: int) -> tuple[np.ndarray, list[int]]:
    assert _photos is not None
    images, numbers = zip(*(_photos[index] for index in range(start, start + BATCH)), strict=True)
    return np.stack(images), list(numbers)


class Pipelines(Load):
    """What all loaders of transforms have in common."""

    ways = ("break", "del", "exception")
    per_epoch = 2000
    method: ClassVar[str] = "fork"

    def __init__(self, plain: bool, per_epoch: int) -> None:
        super().__init__(plain, per_epoch)
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "model.safetensors"
        MODELS["pca"]().save(path)
        self.photos = Photos(None if plain else str(path), self.steps * BATCH)

    def epoch(self) -> Iterator[tuple[Any, Any]]:
        """Batches of images and their numbers."""
        raise NotImplementedError

    def train(self, epochs: int, tick: Tick) -> None:
        for _ in range(epochs):
            for images, _numbers in self.epoch():
                tick(images)

    def abandon(self, way: str, after: int) -> None:
        if way == "exception":
            try:
                self.train(1, raise_after(after))
            except EnoughError:
                return
        iterator = self.epoch()
        for _ in range(after):
            next(iterator)
        if way == "del":
            del iterator

    def fault(self) -> str | None:
        self.abandon("break", self.steps // 2)
        numbers = [int(number) for _, batch in self.epoch() for number in batch]
        return (
            None
            if numbers == list(range(len(self.photos)))
            else "an epoch after an abandoned one lacks images"
        )


class Executor(Pipelines):
    """Python's own executor of processes, new in every epoch.

    Not ``multiprocessing.Pool``: to leave that amid its work kills workers, and one that held the lock of
    the results leaves its trainer waiting for ever (CPython 3.11).
    """

    def epoch(self) -> Iterator[tuple[Any, Any]]:
        context = multiprocessing.get_context(self.method)
        with (
            ProcessPoolExecutor(2, context, _begin, (self.photos,)) as executor,
            # Closed before the executor, so that it waits for no batch that nobody wants.
            closing(executor.map(_batch, range(0, len(self.photos), BATCH))) as batches,
        ):
            yield from batches


class SpawnedExecutor(Executor):
    """The same with processes that begin from nothing."""

    method = "spawn"
    per_epoch = 5000


class DataLoader(Pipelines):
    """PyTorch's loader, workers new in every epoch."""

    persistent: ClassVar[bool] = False

    def __init__(self, plain: bool, per_epoch: int) -> None:
        from torch.utils.data import DataLoader as TorchLoader

        super().__init__(plain, per_epoch)
        self._loader = TorchLoader(
            self.photos,  # type: ignore[arg-type]
            batch_size=BATCH,
            num_workers=2,
            multiprocessing_context=self.method,
            persistent_workers=self.persistent,
        )
        self.stack.callback(self._forget)

    def _forget(self) -> None:
        del self._loader

    def epoch(self) -> Iterator[tuple[Any, Any]]:
        yield from self._loader


class PersistentDataLoader(DataLoader):
    """PyTorch's loader whose workers stay, two with two batches ahead each."""

    persistent = True
    held = 4


class SpawnedDataLoader(DataLoader):
    """PyTorch's loader, workers begin from nothing in every epoch."""

    method = "spawn"
    per_epoch = 5000


class PersistentSpawnedDataLoader(SpawnedDataLoader):
    """PyTorch's loader, workers begin from nothing and stay."""

    persistent = True
    held = 4
