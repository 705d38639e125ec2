"""Photos, timing and tables for the benchmarks."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.photos import load_photos

N_DRAWN = 600
"""Drawn flowers, if no folder of photos is given."""

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Row:
    """A figure and one to compare it with, of the same run.

    Attributes:
        what: What was measured.
        value: The figure.
        unit: Its unit.
        beside: What the other figure is of.
        other: The other figure, in the same unit.
    """

    what: str
    value: float
    unit: str
    beside: str
    other: float

    def as_json(self) -> dict[str, Any]:
        """The row and its ratio as JSON values."""
        return {**asdict(self), "ratio": self.value / self.other}


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with an optional folder of photos."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("photos", nargs="?", type=Path, help="folder of photos; default: drawn flowers")
    return made


def row_parser(description: str | None) -> argparse.ArgumentParser:
    """The command line of a benchmark whose result is rows."""
    made = parser(description)
    made.add_argument("--quick", action="store_true", help="few and small images")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    return made


def photos_of(folder: Path | None, *, quick: bool = False) -> Images:
    """Grayscale photos, uint8 (n, s, s): 128 x 128, or if ``quick`` at most 60 of 64 x 64."""
    size = 64 if quick else 128
    if folder is None:
        images = make_flowers(60 if quick else N_DRAWN, image_size=size, n_classes=1)[0]
    else:
        images = load_photos(folder, image_size=size, quiet=True).images
    return images[:60] if quick else images


def seconds(tasks: Mapping[str, Callable[[], object]], *, rounds: int = 3) -> dict[str, float]:
    """Shortest time of each task in seconds; tasks take turns, so that disturbances affect all."""
    best = dict.fromkeys(tasks, np.inf)
    for _ in range(rounds):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def show(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)


def show_rows(title: str, rows: Sequence[Row], json_file: Path | None = None) -> None:
    """Print rows with their ratios; write them to ``json_file`` too."""
    show(
        f"{title} ({platform.machine()}, {os.cpu_count()} cores)",
        ["what", "figure", "beside", "figure", "ratio"],
        [
            [
                row.what,
                f"{row.value:,.3g} {row.unit}",
                row.beside,
                f"{row.other:,.3g} {row.unit}",
                f"{row.value / row.other:.3g}",
            ]
            for row in rows
        ],
    )
    if json_file is not None:
        json_file.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n", encoding="utf-8")
