"""What the benchmarks share."""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.rows import Beside, Row, print_rows
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import load_photos

IMAGE_SIZE = 128
N_DRAWN = 600

QUICK_SIZE = 64
QUICK_PHOTOS = 120

AS_IT_IS: dict[str, Any] = {"holdout": 0.0, "allow_copies": True, "quiet": True}
"""Options of a fit on all photos given, whatever it copies: what is measured here is measured here."""

WHOLE_IMAGES: dict[str, Any] = {**AS_IT_IS, "model": "pca"}
"""The same for a mixture over whole images."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Setting:
    """What every measurement is given.

    Attributes:
        source: The folder of photos; None draws flowers.
        loaded: A .npy file of the photos as they were loaded before, so that not every process does it.
        quick: Measure little: fewer, smaller photos and fewer shapes.
        whole_scan: Measure a peer at every number of components instead of a handful.
    """

    source: Path | None = None
    loaded: Path | None = None
    quick: bool = False
    whole_scan: bool = False

    @property
    def few_components(self) -> dict[str, int]:
        """An option of fits that need no search: quickly they have 4 components, otherwise a search."""
        return {"n_components": 4} if self.quick else {}

    def photos(self) -> np.ndarray:
        """The photos, uint8 (n, s, s), classes ignored: 128 x 128, or quickly 120 of 64 x 64."""
        if self.loaded is not None:
            return np.load(self.loaded)
        if not self.quick:
            return read_photos(self.source)
        if self.source is None:
            return make_flowers(QUICK_PHOTOS, image_size=QUICK_SIZE, n_classes=1)[0]
        photos = load_photos(self.source, image_size=QUICK_SIZE, quiet=True).images
        return photos[:: -(-len(photos) // QUICK_PHOTOS)]

    def arguments(self) -> list[str]:
        """The command line that gives a process this setting."""
        source = [] if self.source is None else [str(self.source)]
        loaded = [] if self.loaded is None else ["--loaded", str(self.loaded)]
        return [*source, *loaded, *["--quick"] * self.quick, *["--whole-scan"] * self.whole_scan]


def add_setting(parser: argparse.ArgumentParser) -> None:
    """Let a command line take a :class:`Setting`."""
    parser.add_argument(
        "photos", nargs="?", type=Path, help=f"folder of photos; {N_DRAWN} drawn flowers without"
    )
    parser.add_argument("--quick", action="store_true", help="fewer, smaller photos and fewer shapes")
    parser.add_argument(
        "--whole-scan", action="store_true", help="scikit-learn at every number of components, not at some"
    )


def run_alone(measure: Callable[[Setting], list[Row]], description: str | None) -> None:
    """The command line of one measurement: prints a table, or writes its rows where it is told to."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_setting(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    parser.add_argument(
        "--loaded", type=Path, metavar="FILE", help="a .npy file of the photos, loaded before"
    )
    arguments = parser.parse_args()
    rows = measure(Setting(arguments.photos, arguments.loaded, arguments.quick, arguments.whole_scan))
    if arguments.json is None:
        print_rows({parser.prog: rows}, title=machine())
    else:
        arguments.json.write_text(json.dumps([row.as_json() for row in rows]), encoding="utf-8")


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
        return make_flowers(N_DRAWN, image_size=IMAGE_SIZE, n_classes=1)[0]
    return load_photos(folder, image_size=IMAGE_SIZE, quiet=True).images


def timed(task: Callable[[], Result]) -> tuple[Result, float]:
    """What a task returns, and the seconds that it took."""
    began = time.perf_counter()
    result = task()
    return result, time.perf_counter() - began


def best_seconds(
    tasks: Mapping[Task, Callable[[], object]], *, rounds: int = 5, budget: float = np.inf
) -> dict[Task, float]:
    """The shortest time of every task; all take turns, so that a noisy moment meets them alike.

    Args:
        tasks: What to time, after one run that is not timed.
        rounds: Turns of each.
        budget: Seconds after which no further turn begins; all have at least one.
    """
    best = dict.fromkeys(tasks, np.inf)
    for task in tasks.values():
        task()
    ends = time.perf_counter() + budget
    for _ in range(rounds):
        for name, task in tasks.items():
            best[name] = min(best[name], timed(task)[1])
        if time.perf_counter() > ends:
            break
    return best


def rate_row(
    what: str,
    tasks: Mapping[str, Callable[[], object]],
    n: int | Mapping[str, int],
    note: str = "",
    *,
    budget: float = 3.0,
) -> Row:
    """Images a second: the first task is this package's, the others stand beside it.

    Args:
        what: What is measured.
        tasks: By name.
        n: Images that a task makes, one number or one for each name.
        note: See :class:`Row`.
        budget: See :func:`best_seconds`.
    """
    found = best_seconds(tasks, budget=budget)
    speeds = {name: (n if isinstance(n, int) else n[name]) / seconds for name, seconds in found.items()}
    ours, *others = speeds
    return Row(what, speeds[ours], "images/s", tuple(Beside(name, speeds[name]) for name in others), note)


def show(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
