"""How the time and the memory of a fit grow with the number of photos: 1,000 to 100,000 drawn flowers.

    python -m benchmarks.growth [--most N] [--least N] [--image-size S] [--n-components K] [--drawn FILE]
                                [--json FILE] [--svg FILE]

The photos lie in a .npy file in a temporary folder and are fitted from there, each fit in a process of its
own. 100,000 photos of 128 x 128 take 1.6 GB there, twice that while the prefix for a fit is written.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import IMAGE_SIZE, show, timed
from benchmarks.machine import facts
from benchmarks.memory import status_mb
from benchmarks.rows import format_figure
from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers

STEPS = (1, 2, 5)
BLOCK = 250
"""Photos drawn at a time, from a seed of their own: the first n are the same however many follow."""

KINDS = ("pca", "multiscale")
LOOK_S = 0.02
"""Seconds between looks at the memory in use."""


@dataclass(frozen=True)
class Grown:
    """What one fit took.

    Attributes:
        kind: "pca" or "multiscale".
        n: Photos given.
        seconds: Of the fit alone.
        anonymous_mb: The most anonymous memory at any time while it ran: what it holds itself.
        resident_mb: The peak resident memory, pages of the photos' file included.
        at_first_mb: Anonymous memory before it began, imports done.
        n_components: What it found.
    """

    kind: str
    n: int
    seconds: float
    anonymous_mb: float
    resident_mb: float
    at_first_mb: float
    n_components: int


def numbers_of_photos(least: int, most: int) -> list[int]:
    """1, 2, 5 times the powers of ten from ``least`` to ``most``, and both of these.

    Example:
        >>> numbers_of_photos(1000, 12000)
        [1000, 2000, 5000, 10000, 12000]
    """
    powers = (10**exponent for exponent in range(len(str(most))))
    steps = {step * power for power in powers for step in STEPS}
    return sorted({least, most, *(n for n in steps if least <= n <= most)})


def slope(n: Sequence[float], values: Sequence[float]) -> float | None:
    """The exponent of growth: by least squares in logarithms; None of fewer than two numbers of photos.

    Example:
        >>> round(slope([10, 100, 1000], [3, 30, 300]), 6)
        1.0
    """
    if len(set(n)) < 2:
        return None
    return float(np.polyfit(np.log(n), np.log(values), 1)[0])


class Watch:
    """Looks at the anonymous memory of this process again and again while a body runs."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.peak_mb = max(self.peak_mb, status_mb("RssAnon"))

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            self.peak_mb = max(self.peak_mb, status_mb("RssAnon"))


def draw_block(block: int, n: int, image_size: int) -> np.ndarray:
    return make_flowers(n, image_size=image_size, n_classes=1, random_state=block)[0]


def draw_into(path: Path, n: int, image_size: int) -> None:
    """Draw flowers into a .npy file, uint8 (n, image_size, image_size), with all cores."""
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, image_size, image_size))
    begins = range(0, n, BLOCK)
    sizes = [min(BLOCK, n - begin) for begin in begins]
    draw = partial(draw_block, image_size=image_size)
    # Processes of their own from the start: a fork would inherit locks that other threads hold.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for begin, drawn in zip(begins, pool.map(draw, range(len(sizes)), sizes), strict=True):
            images[begin : begin + len(drawn)] = drawn


def write_prefix(source: Path, target: Path, n: int) -> None:
    """Write the first n photos of a .npy file to another."""
    images = np.load(source, mmap_mode="r")
    prefix = np.lib.format.open_memmap(target, "w+", np.uint8, (n, *images.shape[1:]))
    for begin in range(0, n, BLOCK):
        part = slice(begin, min(begin + BLOCK, n))
        prefix[part] = images[part]


def fit_here(kind: str, photos: Path, holdout: float, n_components: str) -> Grown:
    """Fit in this process, and tell what it took."""
    n = len(np.load(photos, mmap_mode="r"))
    at_first = status_mb("RssAnon")
    with Watch() as watch:
        options: dict[str, Any] = {"model": kind, "holdout": holdout, "allow_copies": True, "quiet": True}
        options["n_components"] = n_components if kind == "pca" else "auto"
        model, seconds = timed(lambda: fit(photos, **options))
    resident = status_mb("VmHWM")
    return Grown(kind, n, seconds, watch.peak_mb, resident, at_first, model.n_components)


def fit_apart(kind: str, photos: Path, *, holdout: float, n_components: str, timeout: float) -> Grown | str:
    """Fit in a process of its own; what went wrong, if it did."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.growth",
        "--fit",
        kind,
        str(photos),
        "--holdout",
        str(holdout),
        "--n-components",
        n_components,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return f"stopped after {timeout:g} seconds"
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [""]
        return f"exit code {done.returncode}: {said[0]}"
    return Grown(**json.loads(done.stdout.splitlines()[-1]))


def draw_svg(found: Sequence[Grown], path: Path, title: str) -> None:
    """Seconds and anonymous memory against the number of photos, both axes logarithmic, slopes told."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "growth"
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for axis, field, name in zip(
        axes, ("seconds", "anonymous_mb"), ("seconds", "peak anonymous memory, MB"), strict=True
    ):
        for kind in KINDS:
            of_kind = [one for one in found if one.kind == kind]
            if not of_kind:
                continue
            n, values = [one.n for one in of_kind], [getattr(one, field) for one in of_kind]
            told = slope(n, values)
            label = kind if told is None else f"{kind}, slope {told:.2f}"
            axis.loglog(n, values, marker="o", label=label)
        axis.set(xlabel="photos", ylabel=name)
        axis.grid(alpha=0.3, which="both")
        axis.legend(frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def print_growth(found: Sequence[Grown]) -> None:
    """A row for each fit, its cost a photo beside that of the fewest photos."""
    rows = []
    for kind in KINDS:
        of_kind = [one for one in found if one.kind == kind]
        for one in of_kind:
            each, first = one.seconds / one.n, of_kind[0].seconds / of_kind[0].n
            rows.append(
                [
                    kind,
                    f"{one.n:,}",
                    format_figure(one.seconds),
                    format_figure(1e3 * each),
                    format_figure(each / first),
                    format_figure(one.anonymous_mb),
                    format_figure(one.resident_mb),
                    format_figure(one.anonymous_mb / of_kind[0].anonymous_mb),
                ]
            )
        for field in ("seconds", "anonymous_mb"):
            told = slope([one.n for one in of_kind], [getattr(one, field) for one in of_kind])
            if told is not None:
                print(f"{kind}: {field} grow as the number of photos to the power of {told:.2f}")
    headings = [
        "kind",
        "photos",
        "s",
        "ms a photo",
        "to the first",
        "anonymous MB",
        "resident MB",
        "to the first",
    ]
    show("Growth of fits", headings, rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=100_000, metavar="N", help="most photos")
    parser.add_argument("--least", type=int, default=1_000, metavar="N", help="fewest photos")
    parser.add_argument("--image-size", type=int, default=IMAGE_SIZE, metavar="S")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--holdout", type=float, default=0.15, help="share of the photos held back")
    parser.add_argument("--n-components", default="auto", metavar="K", help="of pca, so that work is alike")
    parser.add_argument("--numbers", type=int, nargs="+", metavar="N", help="photos, instead of 1, 2, 5, …")
    parser.add_argument("--drawn", type=Path, metavar="FILE", help="a .npy file, instead of drawing")
    parser.add_argument("--timeout", type=float, default=7200.0, metavar="SECONDS", help="most for one fit")
    parser.add_argument("--json", type=Path, default=Path("growth.json"), metavar="FILE")
    parser.add_argument("--svg", type=Path, default=Path("growth.svg"), metavar="FILE")
    parser.add_argument("--fit", nargs=2, metavar=("KIND", "FILE"), help="fit once, here, and print JSON")
    arguments = parser.parse_args()
    if not 4 <= arguments.least <= arguments.most:
        parser.error(f"--least must be at least 4 and at most --most. Received: {arguments.least}")
    return arguments


def measure(arguments: argparse.Namespace, folder: Path) -> tuple[list[Grown], list[str]]:
    """All fits, fewest photos first, and what went wrong."""
    found, failed = [], []
    drawn, prefix = arguments.drawn or folder / "drawn.npy", folder / "photos.npy"
    if arguments.drawn is None:
        seconds = timed(lambda: draw_into(drawn, arguments.most, arguments.image_size))[1]
        print(f"Drawn: {arguments.most} in {seconds:.0f} s", file=sys.stderr, flush=True)
    for n in arguments.numbers or numbers_of_photos(arguments.least, arguments.most):
        write_prefix(drawn, prefix, n)
        for kind in arguments.kinds:
            grown = fit_apart(
                kind,
                prefix,
                holdout=arguments.holdout,
                n_components=arguments.n_components,
                timeout=arguments.timeout,
            )
            if isinstance(grown, Grown):
                found.append(grown)
                told = f"{grown.seconds:.1f} s, {grown.anonymous_mb:.0f} MB"
            else:
                failed.append(f"{kind}, {n} photos: {grown}")
                told = grown
            print(f"{kind}, {n} photos: {told}", file=sys.stderr, flush=True)
    return found, failed


def main() -> int:
    arguments = parse()
    if arguments.fit is not None:
        kind, photos = arguments.fit
        grown = fit_here(kind, Path(photos), arguments.holdout, arguments.n_components)
        print(json.dumps(asdict(grown)))
        return 0
    machine = facts()
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        found, failed = measure(arguments, Path(folder))
    print_growth(found)
    slopes = {
        kind: {
            field: slope(
                [one.n for one in found if one.kind == kind],
                [getattr(one, field) for one in found if one.kind == kind],
            )
            for field in ("seconds", "anonymous_mb")
        }
        for kind in arguments.kinds
    }
    size = arguments.image_size
    document = {
        **machine,
        "image_size": size,
        "holdout": arguments.holdout,
        "n_components": arguments.n_components,
        "slopes": slopes,
        "fits": [asdict(one) for one in found],
        "failed": failed,
    }
    arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw_svg(
        found,
        arguments.svg,
        f"Drawn flowers, {size} x {size}; {machine['processor']}, {os.cpu_count()} cores",
    )
    print(*failed, f"Written: {arguments.json}, {arguments.svg}", sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
