"""What every load feeds on: small photos, a small model, and what a loader must be able to do."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

import numpy as np

from tests.factories import random_model
from tests.multiscale_models import random_multiscale

SIZE = 32
BATCH = 8
RATIO = 0.25

MODELS: dict[str, Callable[[], Any]] = {
    "pca": lambda: random_model(image_size=SIZE),
    "multiscale": lambda: random_multiscale(image_size=SIZE),
}

Tick = Callable[[Any], None]
"""Called after every batch with its images; may raise."""


def photos(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 1), no two alike, and labels of two classes."""
    images = np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 1)).astype(np.uint8)
    return images, (np.arange(n) % 2).astype(np.int32)


def digest(images: Any) -> bytes:
    """What tells images apart."""
    return hashlib.blake2b(np.ascontiguousarray(images).tobytes(), digest_size=8).digest()


class Load(ABC):
    """Batches by one adapter and one loader.

    Args:
        plain: Whether to do the same without gmmaug.
        per_epoch: Batches in an epoch.
    """

    ways: ClassVar[tuple[str, ...]]
    """Ways to abandon an epoch."""

    held: ClassVar[int] = 0
    """Batches ready when an epoch is left, which the loader holds in shared memory until the next one."""

    per_epoch: ClassVar[int] = 500
    """Batches in an epoch, unless told otherwise."""

    def __init__(self, plain: bool, per_epoch: int) -> None:
        self.plain = plain
        self.steps = per_epoch
        self.stack = ExitStack()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    @abstractmethod
    def train(self, epochs: int, tick: Tick) -> None:
        """Go through epochs."""

    @abstractmethod
    def abandon(self, way: str, after: int) -> None:
        """Leave an epoch after some batches."""

    @abstractmethod
    def fault(self) -> str | None:
        """Abandon an epoch, go through another, and tell what is wrong with it; None if all is well."""


class EnoughError(Exception):
    """Raised in the middle of an epoch."""


def raise_after(n: int) -> Tick:
    """A training step that fails."""
    seen = 0

    def tick(batch: Any) -> None:
        nonlocal seen
        seen += 1
        if seen >= n:
            raise EnoughError

    return tick
