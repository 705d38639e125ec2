"""What the benchmarks share."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import load_photos

IMAGE_SIZE = 128

AS_IT_IS: dict[str, Any] = {"holdout": 0.0, "allow_copies": True, "quiet": True}
"""Options of a fit on all photos given, whatever it copies: what is measured here is measured here."""

WHOLE_IMAGES: dict[str, Any] = {**AS_IT_IS, "model": "pca"}
"""The same for a mixture over whole images."""

Task = TypeVar("Task")


def parse_photos(description: str, **flags: str) -> argparse.Namespace:
    """Read the command line: an optional folder of photos, and flags."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "photos", nargs="?", type=Path, help="folder of photos; 600 drawn flowers of one class without"
    )
    for flag, explanation in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=explanation)
    return parser.parse_args()


def read_photos(folder: Path | None) -> np.ndarray:
    """Photos at 128 x 128, classes ignored."""
    if folder is None:
        return make_flowers(600, image_size=IMAGE_SIZE, n_classes=1)[0]
    return load_photos(folder, image_size=IMAGE_SIZE, quiet=True).images


def best_seconds(tasks: Mapping[Task, Callable[[], object]], *, rounds: int = 5) -> dict[Task, float]:
    """The shortest time of every task; all take turns, so that a noisy moment meets them alike."""
    best = dict.fromkeys(tasks, np.inf)
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def machine() -> str:
    """The machine in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
