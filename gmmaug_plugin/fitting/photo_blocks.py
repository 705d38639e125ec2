"""Photos a block at a time, so that a set may be larger than memory and may be worked on in many places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.pieces import Pieces
from gmmaug_plugin.fitting.workers import Workers, in_turn
from gmmaug_plugin.images.storage import Images, ImageSource, release

T = TypeVar("T")

BLOCK_SIZE = 8192
"""Photos in a block. A set of no more is worked on as a whole; sums over several blocks round differently."""


@dataclass(frozen=True, eq=False)
class PhotoBlock:
    """Photos ``begin`` to ``end`` of a source."""

    source: ImageSource
    begin: int
    end: int

    def load(self, rows: NDArray[np.intp] | None) -> Images:
        """Photos of the block, (m, size, size).

        Args:
            rows: Which, ascending, counted within the block; None for all.
        """
        images = self.source[self.begin : self.end]
        return images if rows is None else images[rows]

    def release(self) -> None:
        """Let go of the memory that the photos take where they are mapped from a file."""
        release(self.source)


class PhotoBlocks:
    """Photos in blocks.

    Functions given to it are called with a block's photos, uint8 (m, size, size), and what else is given.

    Attributes:
        n_photos: Number of photos.
        image_size: Height and width of a photo in pixels.
    """

    def __init__(
        self,
        pieces: Pieces[PhotoBlock],
        rows: Sequence[NDArray[np.intp] | None],
        sizes: Sequence[int],
        size: int,
    ) -> None:
        self._pieces, self._rows, self._sizes = pieces, rows, sizes
        self.n_photos, self.image_size = sum(sizes), size

    @classmethod
    def of(
        cls, source: ImageSource, workers: Workers = in_turn, *, block_size: int = BLOCK_SIZE
    ) -> "PhotoBlocks":
        """Photos of an array, (n, size, size), or of what stands for one.

        Args:
            source: The photos; not changed while blocks of them are in use.
            workers: Who works on the blocks.
            block_size: Photos in a block.
        """
        n, size, _ = source.shape
        begins = range(0, n, block_size)
        ends = [min(begin + block_size, n) for begin in begins]
        blocks = [PhotoBlock(source, begin, end) for begin, end in zip(begins, ends, strict=True)]
        sizes = [block.end - block.begin for block in blocks]
        return cls(workers.spread(blocks), [None] * len(blocks), sizes, size)

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self._sizes)

    @property
    def sizes(self) -> Sequence[int]:
        """Photos in every block."""
        return self._sizes

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Cut values, one for each photo, as the photos are cut."""
        return np.split(values, np.cumsum(self._sizes)[:-1])

    def where(self, chosen: NDArray[np.bool_]) -> "PhotoBlocks":
        """The photos that a mask, (n_photos,), says; blocks without one are left out."""
        kept, rows = [], []
        for index, (mask, own) in enumerate(zip(self.split(chosen), self._rows, strict=True)):
            if mask.any():
                kept.append(index)
                rows.append(own if mask.all() else np.flatnonzero(mask) if own is None else own[mask])
        sizes = [
            self._sizes[index] if own is None else len(own) for index, own in zip(kept, rows, strict=True)
        ]
        return PhotoBlocks(self._pieces.pick(kept), rows, sizes, self.image_size)

    def keep(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> Pieces[T]:
        """What a function makes of the blocks, kept where it was made."""
        return self._pieces.keep(_on_photos, function, *shared, each=self._own(each))

    def map(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> list[T]:
        """What a function makes of the blocks, in order."""
        return self._pieces.map(_on_photos, function, *shared, each=self._own(each))

    def sum(self, function: Callable[..., T], *shared: Any, each: Sequence[Any] | None = None) -> T:
        """What a function makes of the blocks, added up in order."""
        total: T = self._pieces.sum(_on_photos, function, *shared, each=self._own(each))
        return total

    def load(self) -> Images:
        """All photos, in memory here."""
        loaded: list[Images] = self.map(_themselves)
        return loaded[0] if len(loaded) == 1 else np.concatenate(loaded)

    def _own(self, each: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        if each is None:
            return [(rows,) for rows in self._rows]
        return [(rows, own) for rows, own in zip(self._rows, each, strict=True)]


def _on_photos(block: PhotoBlock, own: tuple[Any, ...], function: Callable[..., T], *shared: Any) -> T:
    rows, *others = own
    images = block.load(rows)
    try:
        result: T = function(images, *others, *shared)
        return result
    finally:
        block.release()


def _themselves(images: Images) -> Images:
    return images
