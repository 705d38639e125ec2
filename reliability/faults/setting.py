"""A small fit by the real command, and what must be in its target whatever happens."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gmmaug_plugin.datasets import make_flowers

FIT = (
    "from gmmaug_plugin.fitting import parts; parts.KEPT_AFTER = 0.0; "
    "from gmmaug_plugin.cli import main_fit; main_fit()"
)
"""``gmmaug-fit``, but that it keeps its finished parts from the first second on."""

OPTIONS = ("--image-size", "32", "--n-components", "1:3", "--max-iter", "5", "--no-refit")
LIMIT = 300.0
"""Seconds after which a process hangs."""


@dataclass(frozen=True)
class Setting:
    """A fit to be disturbed.

    Attributes:
        folder: Everything lies below it.
        old: Contents of the artifact that the target holds before.
        new: Contents of the artifact that the fit writes when nothing happens.
        seconds: What it takes then, with the start of Python.
    """

    folder: Path
    old: bytes
    new: bytes
    seconds: float

    @property
    def target(self) -> Path:
        """Where the fit writes."""
        return self.folder / "models" / "flowers.safetensors"

    def restore(self) -> None:
        """Put the old artifact into the target's folder, and nothing else."""
        for path in self.target.parent.iterdir():
            path.unlink()
        self.target.write_bytes(self.old)

    def start(self, *options: str, target: Path | None = None, **popen: Any) -> "subprocess.Popen[str]":
        """Start the fit in a session of its own."""
        return _start(self.folder, target or self.target, *options, **popen)

    def found(self) -> str:
        """Which artifact is in the target: "old", "new", or what is wrong with it."""
        return named(self.target, {"old": self.old, "new": self.new})

    def litter(self) -> int:
        """Unfinished files beside the target."""
        return sum(path != self.target for path in self.target.parent.iterdir())


def named(path: Path, known: dict[str, bytes]) -> str:
    """What a file's contents are called; "torn" or "gone" where it holds none of them."""
    try:
        contents = path.read_bytes()
    except FileNotFoundError:
        return "gone"
    return next((name for name, bytes_ in known.items() if bytes_ == contents), "torn")


def make_setting(folder: Path) -> Setting:
    """Draw photos and fit them twice, with two seeds."""
    images, labels, names = make_flowers(80, image_size=32, n_classes=2, random_state=0)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "photos" / names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:03d}.png")
    (folder / "models").mkdir()
    wanted = folder / "wanted.safetensors"
    old = _fit(folder, wanted, "--random-state", "1")
    began = time.perf_counter()
    new = _fit(folder, wanted)
    return Setting(folder, old, new, time.perf_counter() - began)


def _fit(folder: Path, target: Path, *options: str) -> bytes:
    process = _start(folder, target, "--no-cache", *options)
    said = process.communicate(timeout=LIMIT)[1]
    if process.returncode:
        raise RuntimeError(f"The undisturbed fit must succeed. Received: {said}")
    return target.read_bytes()


def _start(
    folder: Path, target: Path, *options: str, under: Sequence[str] = (), **popen: Any
) -> "subprocess.Popen[str]":
    environment = os.environ | {"GMMAUG_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*under, sys.executable, "-c", FIT, str(folder / "photos"), "-o", str(target), *OPTIONS, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment | popen.pop("environment", {}),
        **popen,
    )
