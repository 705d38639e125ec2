"""Blocks of images of an unfinished fit, stored in the cache folder for ``resume``."""

import hashlib
import io
import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from gmmaug_plugin.files import write_whole
from gmmaug_plugin.photos import PhotoSet

_MAX_AGE = 30 * 24 * 3600.0  # seconds after which an unfinished fit is removed


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive images of a class.

    Attributes:
        images: uint8 (n, size, size) or (n, size, size, 3).
        n_redrawn: Number of draws that were refused as copies.
        n_copies: Number of images that are copies, since all their draws were.
    """

    images: NDArray[np.uint8]
    n_redrawn: int
    n_copies: int


class Unfinished:
    """A folder with the blocks that an unfinished fit has drawn.

    Args:
        settings: JSON values that determine the images, apart from the photos.
        photo_set: The photos; the folder's name is a hash of photos and settings.
        resume: Keep the blocks of an earlier fit; otherwise remove them.
    """

    def __init__(self, settings: Mapping[str, Any], photo_set: PhotoSet, *, resume: bool) -> None:
        shape, labels = photo_set.images.shape, photo_set.labels
        digest = hashlib.sha256(json.dumps([settings, shape], sort_keys=True).encode())
        digest.update(photo_set.images.tobytes())
        digest.update(b"" if labels is None else labels.tobytes())
        cache = os.environ.get("GMMAUG_CACHE") or user_cache_path("gmmaug")
        self._folder = Path(cache).expanduser() / "unfinished" / digest.hexdigest()[:32]
        self._writable = True
        _remove_old(self._folder.parent)
        if not resume:
            self.remove()

    def block(self, name: str) -> Block | None:
        """A block that was stored under a name; None if there is none, or its file is damaged."""
        try:
            contents = io.BytesIO((self._folder / f"{name}.npz").read_bytes())
            with np.load(contents, allow_pickle=False) as found:
                return Block(found["images"], int(found["n_redrawn"]), int(found["n_copies"]))
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):
            return None

    def keep(self, name: str, block: Block) -> None:
        """Store a block. Warns once, and then does nothing, if the cache folder cannot be written to."""
        if not self._writable:
            return
        contents = io.BytesIO()
        np.savez(contents, images=block.images, n_redrawn=block.n_redrawn, n_copies=block.n_copies)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._folder / f"{name}.npz", contents.getvalue())
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"An interrupted fit cannot be resumed: {error.strerror or error}. Set GMMAUG_CACHE to a "
                f"folder that can be written to. Received: {self._folder}",
                stacklevel=2,
            )

    def remove(self) -> None:
        """Remove all blocks."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_old(folder: Path) -> None:
    with suppress(OSError):
        for fit in folder.iterdir():
            if time.time() - fit.stat().st_mtime > _MAX_AGE:
                shutil.rmtree(fit, ignore_errors=True)
