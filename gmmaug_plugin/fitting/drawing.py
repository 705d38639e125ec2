"""Drawing the images of a class in blocks: in threads or on a Dask cluster, with the same result."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.mixtures.local import LocalMixture, LocalOptions
from gmmaug_plugin.photos import near_duplicates
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import limited_threads

Images = NDArray[np.uint8]

_TRIES = 3
"""Attempts to draw the blocks of a cluster whose workers die."""

_PATIENCE = 60.0
"""Seconds to wait for the first worker of a cluster."""

BLOCK = 16
"""Images drawn by one task: a second or so, what an interruption may lose."""

MAX_DRAWS = 12
"""Draws of one image before the least similar one is kept, copy or not."""


class Mixture(Protocol):
    """What draws images."""

    def draw(self, seed: Sequence[int]) -> Images:
        """One image, a pure function of the mixture and the seed: uint8 (size, size) or (size, size, 3)."""


def local_mixture(
    photos: NDArray[np.uint8], symmetry: str, options: LocalOptions | None = None
) -> LocalMixture:
    """The local mixture of a class's photos, whose near-duplicates count as one photo."""
    return LocalMixture(
        photos,
        mirror=symmetry == "flip",
        options=options,
        groups=near_duplicates(photos),
    )


@dataclass(frozen=True)
class ClassDrawing:
    """Everything that the images of one class follow from.

    Attributes:
        mixture: Draws one image.
        detector: Finds copies of the class's photos; None keeps every draw.
        seed: Seed of the fit and number of the class.
        image_size: Height and width of the result in pixels.
    """

    mixture: Mixture
    detector: CopyDetector | None
    seed: tuple[int, int]
    image_size: int

    def block(self, begin: int, end: int) -> "Block":
        """Draw the images from ``begin`` to ``end``; each follows from its own index alone."""
        with limited_threads():
            images = np.stack([self._draw(index, 0) for index in range(begin, end)])
            n_redrawn, copies = 0, np.zeros(len(images), np.bool_)
            if self.detector is not None:
                ratios = self.detector.ratios(images)
                for attempt in range(1, MAX_DRAWS):
                    again = np.flatnonzero(ratios < 1)
                    if not len(again):
                        break
                    n_redrawn += len(again)
                    drawn = np.stack([self._draw(begin + int(row), attempt) for row in again])
                    found = self.detector.ratios(drawn)
                    better = found > ratios[again]
                    images[again[better]], ratios[again[better]] = drawn[better], found[better]
                copies = ratios < 1
            return Block(resize_images(images, self.image_size), n_redrawn, int(copies.sum()))

    def _draw(self, index: int, attempt: int) -> Images:
        return self.mixture.draw((*self.seed, index, attempt))


@dataclass(frozen=True, eq=False)
class Block:
    """Images drawn by one task.

    Attributes:
        images: uint8 (n, size, size) or (n, size, size, 3).
        n_redrawn: Draws that were refused as copies.
        n_copies: Images that are copies all the same, after ``MAX_DRAWS`` draws.
    """

    images: Images
    n_redrawn: int
    n_copies: int


Draw = Callable[[ClassDrawing, Sequence[tuple[int, int]]], Iterator[tuple[tuple[int, int], Block]]]
"""Draws blocks of a class given by (begin, end), and yields them as they are finished."""


@contextmanager
def drawer(workers: int, client: Any = None) -> Iterator[Draw]:
    """Threads here, or the workers of a Dask cluster.

    Args:
        workers: Threads, at least 1.
        client: A ``distributed.Client``; None draws here.

    Yields:
        A function that draws blocks. When its body is left early, blocks not begun are dropped.
    """
    if client is not None:
        if getattr(client, "status", None) != "running":
            raise ValueError(f"client must be a connected distributed.Client. Received: {client!r}")
        yield lambda drawing, blocks: _on_cluster(client, drawing, blocks)
        return
    with ThreadPoolExecutor(workers) as threads:
        try:
            yield lambda drawing, blocks: _in_threads(threads, drawing, blocks)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _in_threads(
    threads: Executor, drawing: ClassDrawing, blocks: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Block]]:
    tasks = {threads.submit(drawing.block, *block): block for block in blocks}
    for task in as_completed(tasks):
        yield tasks[task], task.result()


def _on_cluster(
    client: Any, drawing: ClassDrawing, blocks: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Block]]:
    """Draw blocks on a cluster; blocks lost with a worker are drawn again."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    missing = list(blocks)
    for attempt in range(_TRIES):
        try:
            for place, block in _once_on_cluster(client, drawing, missing):
                missing.remove(place)
                yield place, block
            return
        except (OSError, KilledWorker, CancelledError, FutureCancelledError) as error:
            if attempt + 1 == _TRIES:
                raise OSError(
                    "The cluster's workers must stay alive, with memory for the photos of a class. "
                    f"Received: {type(error).__name__}: {error}"
                ) from error


def _once_on_cluster(
    client: Any, drawing: ClassDrawing, blocks: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Block]]:
    from distributed import as_completed as completed

    if not blocks:
        return
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise ValueError(f"The cluster must have a worker. Received: none within {_PATIENCE:g} s") from error
    # Photos go to all workers at once: one that dies must not take them along.
    shared = client.scatter(drawing, broadcast=True)
    begins, ends = zip(*blocks, strict=True)
    futures = client.map(ClassDrawing.block, [shared] * len(blocks), begins, ends, pure=False)
    tasks = dict(zip(futures, blocks, strict=True))
    try:
        for task, block in completed(futures, with_results=True, loop=client.loop):
            yield tasks[task], block
    finally:
        client.cancel(futures)
