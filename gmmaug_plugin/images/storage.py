"""Stand-in until the real one lands."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


class ImageSource(Protocol):
    """Images that can be sliced: an array in memory, one in a file, or what stands for one elsewhere."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width)."""

    def __getitem__(self, rows: slice) -> Images: ...


@dataclass(frozen=True)
class SharedImages:
    """Images in a file that other processes open by its path."""

    path: Path
    shape: tuple[int, int, int]
    offset: int = 0

    @classmethod
    def of(cls, images: Images) -> "SharedImages | None":
        """What stands for images that fill a file of their own; None for others."""
        return None

    def __getitem__(self, rows: slice) -> Images:
        if not self.path.is_file():
            raise OSError(
                "All workers must see the cache folder: set GMMAUG_CACHE to a folder on shared storage. "
                f"Received: {self.path}"
            )
        mapped = np.memmap(self.path, np.uint8, "r", self.offset, self.shape)
        return np.array(mapped[rows])


def share_images(images: Images) -> SharedImages:
    """Write images to a file."""
    handle, name = tempfile.mkstemp(suffix=".u8")
    with os.fdopen(handle, "wb") as stream:
        for begin in range(0, len(images), 1024):
            stream.write(images[begin : begin + 1024].tobytes())
    return SharedImages(Path(name), images.shape)


def release(array: Any) -> None:
    """Nothing yet."""
