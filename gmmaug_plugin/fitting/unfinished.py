"""Blocks of an unfinished fit, kept in the cache folder so that ``resume`` goes on from them."""

import hashlib
import io
import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from platformdirs import user_cache_path

from gmmaug_plugin.files import write_whole
from gmmaug_plugin.fitting.drawing import Block

FOLDER_VARIABLE = "GMMAUG_CACHE"
"""Environment variable that names the cache folder."""

_OLD_SECONDS = 30 * 24 * 3600.0


class Unfinished:
    """Blocks of images that an unfinished fit has drawn.

    Args:
        identity: JSON values that everything drawn follows from; another identity has a folder of its own.
        resume: Keep the blocks of an earlier fit of this identity; otherwise remove them.
    """

    def __init__(self, identity: Mapping[str, Any], *, resume: bool) -> None:
        text = json.dumps(identity, sort_keys=True, default=str)
        self._folder = cache_folder() / "unfinished" / hashlib.sha256(text.encode()).hexdigest()[:32]
        self._writable = True
        _remove_old(self._folder.parent)
        if not resume:
            self.remove()

    def block(self, number: int, place: tuple[int, int], shape: tuple[int, ...]) -> Block | None:
        """A block of a class drawn before, images of the shape; None if there is none."""
        try:
            contents = io.BytesIO(self._path(number, place).read_bytes())
            with np.load(contents, allow_pickle=False) as found:
                block = Block(found["images"], int(found["n_redrawn"]), int(found["n_copies"]))
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):
            return None
        if block.images.shape != (place[1] - place[0], *shape) or block.images.dtype != np.uint8:
            return None
        return block

    def keep(self, number: int, place: tuple[int, int], block: Block) -> None:
        """Write a block; without a writable cache folder, warn once and go on."""
        contents = io.BytesIO()
        np.savez(contents, images=block.images, n_redrawn=block.n_redrawn, n_copies=block.n_copies)
        self._write(self._path(number, place), contents.getvalue())

    def choices(self) -> dict[str, Any] | None:
        """Options chosen by measurement before, or None."""
        try:
            found = json.loads((self._folder / "choices.json").read_text())
        except (OSError, ValueError):
            return None
        chosen = found.get("local", {}).get("chosen") if isinstance(found, dict) else None
        return found if isinstance(chosen, dict) else None

    def keep_choices(self, choices: Mapping[str, Any]) -> None:
        """Write options chosen by measurement."""
        self._write(self._folder / "choices.json", json.dumps(choices, sort_keys=True).encode())

    def remove(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, number: int, place: tuple[int, int]) -> Path:
        return self._folder / f"{number}-{place[0]}-{place[1]}.npz"

    def _write(self, path: Path, contents: bytes) -> None:
        if not self._writable:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, contents)
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"An interrupted fit cannot be resumed: {error.strerror or error}. "
                f"Received: cache folder {cache_folder()}",
                stacklevel=4,
            )


def cache_folder() -> Path:
    """The cache folder; it may not exist yet."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_cache_path("gmmaug")


def _remove_old(folder: Path) -> None:
    """Remove fits that nobody has resumed for a month."""
    with suppress(OSError):
        for fit in folder.iterdir():
            if time.time() - fit.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(fit, ignore_errors=True)
