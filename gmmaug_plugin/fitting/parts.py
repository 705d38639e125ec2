"""Finished parts of a long fit, kept until it ends, so that a fit that was stopped can go on."""

import hashlib
import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_info

from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.part_files import read_part, write_part
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.images.cache import drop_old_fits, fits, unfinished_fits

T = TypeVar("T")

KEPT_AFTER = 10.0
"""Seconds that a fit must have taken before it writes anything: what takes less is soon done again."""

_PARTS = 1
"""To be raised when a part of the same name comes to hold something else."""

_LARGEST = 2**28
"""Bytes of a part that is kept; greater ones are worked out again."""

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Parts:
    """The finished parts of one fit. Processes and threads may share it; it can be pickled.

    Attributes:
        folder: Where parts are; None keeps nothing.
        resume: Whether parts that are there are taken as they are.
        began: When the fit began, seconds since the epoch.
        scope: What names of parts begin with.
    """

    folder: Path | None = None
    resume: bool = False
    began: float = field(default_factory=time.time)
    scope: str = ""

    def under(self, name: str) -> "Parts":
        """The parts whose names begin with this one."""
        return replace(self, scope=f"{self.scope}{name}.")

    def do(self, name: str, task: Callable[[], T], *kinds: type) -> T:
        """What a task gives: as it was kept, or done now and kept.

        Args:
            name: What the part is called, letters, digits and hyphens.
            task: Works it out.
            kinds: The dataclasses that its result is made of.
        """
        if self.folder is None:
            return task()
        path = self.folder / f"{self.scope}{name}{_SUFFIX}"
        if self.resume:
            try:
                found: T = read_part(path, kinds)
                return found
            except (ArtifactError, OSError):
                pass  # not there, or damaged: worked out again, which overwrites it
        value = task()
        if time.time() - self.began >= KEPT_AFTER:
            self._keep(path, value)
        return value

    @property
    def n_kept(self) -> int:
        """How many parts are there."""
        return len(self._kept())

    def _kept(self) -> list[Path]:
        return [] if self.folder is None else list(self.folder.glob(f"*{_SUFFIX}"))

    def _keep(self, path: Path, value: object) -> None:
        size = _size(value)
        try:
            before = sum(kept.stat().st_size for kept in self._kept())
            if size <= _LARGEST and fits(before + size):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_part(path, value)
        except OSError as error:
            warnings.warn(
                f"Finished parts of the fit are not kept: {error.strerror or error}. The fit goes on. "
                f"Received: cache folder {path.parent.parent}",
                stacklevel=3,
            )


NO_PARTS = Parts()
"""Keeps nothing."""


@contextmanager
def kept_parts(
    photo_set: PhotoSet, options: FitOptions, *, elsewhere: bool, keep: bool, resume: bool
) -> Iterator[Parts]:
    """Keep the parts of a fit while the body runs, and remove them unless it was stopped.

    A fit that ends in a :class:`ValueError` would end in it again: of that nothing is kept either.

    Args:
        photo_set: The photos.
        options: The options.
        elsewhere: Whether a cluster fits.
        keep: Whether to keep anything.
        resume: Whether to go on with what an earlier fit of the same photos with the same options kept.

    Raises:
        ValueError: ``resume`` without ``keep``.
    """
    if not keep:
        if resume:
            raise ValueError(
                "resume needs the cache, where finished parts are kept. Received: resume=True, cache=False"
            )
        yield NO_PARTS
        return
    drop_old_fits()
    folder = unfinished_fits() / _key(photo_set, options, elsewhere=elsewhere)
    try:
        yield Parts(folder, resume)
    except ValueError:
        _remove(folder)
        raise
    _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()  # unless other fits are at work


def _key(photo_set: PhotoSet, options: FitOptions, *, elsewhere: bool) -> str:
    """What tells a fit: everything that a bit of its parts may depend on."""
    labels = photo_set.labels
    libraries = [
        [one["internal_api"], str(one.get("version")), str(one.get("architecture"))]
        for one in threadpool_info()
    ]
    how = [
        _PARTS,
        {name: version(name) for name in ("gmmaug-plugin", "numpy", "scipy", "scikit-learn", "pillow")},
        sorted(libraries),
        elsewhere,
        [options.model, options.as_json()],
        [list(photo_set.images.shape), photo_set.resize, list(photo_set.class_names)],
    ]
    digest = hashlib.sha256(json.dumps(how).encode())
    digest.update("".join(photo_set.digests).encode())
    digest.update(b"" if labels is None else np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()


def _size(value: object) -> int:
    """Bytes of the arrays in a value, as far as tuples, dicts and dataclasses hold them."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, tuple | list):
        return sum(map(_size, value))
    return sum(map(_size, vars(value).values())) if hasattr(value, "__dict__") else 0
