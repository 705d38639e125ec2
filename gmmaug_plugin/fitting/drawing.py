"""Drawing the images of a class in blocks: in threads or on a Dask cluster, with the same result."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.fitting.resume import Block, Unfinished
from gmmaug_plugin.mixtures import Mixture
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import limited_threads

BLOCK = 8  # images drawn by one task: less than a second of work, which an interruption may lose
MAX_DRAWS = 12  # draws of one image; if all are copies, the least similar one is kept
_PATIENCE = 60  # seconds to wait for the first worker of a cluster


@dataclass(frozen=True)
class ClassDrawing:
    """Everything that determines the images of one class.

    Attributes:
        name: Name under which blocks are stored for ``resume``, unique within a fit.
        mixture: Draws one image.
        detector: Finds copies of the class's photos; None keeps every draw.
        seed: Seed of the fit and number of the class.
        image_size: Height and width of the images in pixels.
    """

    name: str
    mixture: Mixture
    detector: CopyDetector | None
    seed: tuple[int, int]
    image_size: int

    def block(self, begin: int, end: int) -> Block:
        """Draw images ``begin`` to ``end - 1``. Image i depends on the class and i only."""
        with limited_threads():
            images = np.stack([self._draw(index, 0) for index in range(begin, end)])
            n_redrawn = n_copies = 0
            if self.detector is not None:
                ratios = self.detector.ratios(images)
                for attempt in range(1, MAX_DRAWS):
                    copies = np.flatnonzero(ratios < 1)
                    if not len(copies):
                        break
                    n_redrawn += len(copies)
                    drawn = np.stack([self._draw(begin + int(row), attempt) for row in copies])
                    found = self.detector.ratios(drawn)
                    better = found > ratios[copies]
                    images[copies[better]], ratios[copies[better]] = drawn[better], found[better]
                n_copies = int((ratios < 1).sum())
            return Block(resize_images(images, self.image_size), n_redrawn, n_copies)

    def _draw(self, index: int, attempt: int) -> NDArray[np.uint8]:
        return self.mixture.draw((*self.seed, index, attempt))


Draw = Callable[[ClassDrawing, int, Callable[[int], object]], Block]
"""Draws images 0 to n - 1 of a class, and calls a function with the number of images after each block."""


@contextmanager
def drawer(workers: int, client: Any, unfinished: Unfinished) -> Iterator[Draw]:
    """Yield a function that draws in threads or on a Dask cluster, see :data:`Draw`.

    Args:
        workers: Number of threads, at least 1.
        client: A ``distributed.Client``; None draws in threads.
        unfinished: Stores blocks, and returns blocks of an earlier fit.

    Raises:
        ValueError: The client is not connected, or its cluster has no worker.
        OSError: Workers of the cluster died.
    """
    if client is None:
        with ThreadPoolExecutor(workers) as threads:
            yield partial(_draw, threads, lambda drawing: drawing, unfinished)
        return
    if getattr(client, "status", None) != "running":
        raise ValueError(f"client must be a connected distributed.Client. Received: {client!r}")
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise ValueError(
            f"The cluster has no worker: start one with dask worker. Received: none within {_PATIENCE} s"
        ) from error
    from distributed import KilledWorker

    # Every worker holds the photos, so they survive the death of any of them.
    share = partial(client.scatter, broadcast=True)
    try:
        with client.get_executor(pure=False) as cluster:
            yield partial(_draw, cluster, share, unfinished)
    except (KilledWorker, CancelledError) as error:
        raise OSError(
            "Workers of the cluster died: they need memory for the photos of a class. With resume, the same "
            f"fit goes on from the images drawn. Received: {type(error).__name__}: {error}"
        ) from error


def _draw(
    executor: Executor,
    share: Callable[[ClassDrawing], Any],
    unfinished: Unfinished,
    drawing: ClassDrawing,
    n: int,
    advance: Callable[[int], object],
) -> Block:
    """Draw the blocks that are missing in ``unfinished``, in any order, and join all blocks."""
    blocks = {begin: unfinished.block(f"{drawing.name}-{begin}") for begin in range(0, n, BLOCK)}
    ends = {begin: min(begin + BLOCK, n) for begin, block in blocks.items() if block is None}
    advance(n - sum(end - begin for begin, end in ends.items()))
    shared = share(drawing)
    tasks = {executor.submit(ClassDrawing.block, shared, *place): place[0] for place in ends.items()}
    try:
        for task in as_completed(tasks):
            begin, block = tasks[task], task.result()
            blocks[begin] = block
            unfinished.keep(f"{drawing.name}-{begin}", block)
            advance(len(block.images))
    finally:
        for task in tasks:
            task.cancel()
    found = [block for block in blocks.values() if block is not None]
    return Block(
        np.concatenate([block.images for block in found]),
        sum(block.n_redrawn for block in found),
        sum(block.n_copies for block in found),
    )
