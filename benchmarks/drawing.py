"""Drawing with the local mixture: images per second, threads, growth with the photos, memory.

    python -m benchmarks.drawing [PHOTOS] [--quick] [--beside FOLDER] [--json FILE]

``PHOTOS`` holds photos of one class, ``FOLDER`` the prototype, ``local_mixture.py``, to compare with.
"""

import importlib
import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Images, Row, photos_of, row_parser, seconds, show_rows
from gmmaug_plugin.mixtures.local import LocalMixture

MANY_PHOTOS = 3500
PROTOTYPE = {
    "eta": 0,
    "last": 2,
    "gain": 2,
    "gsig": 0.5,
    "prop": 1,
    "sub": 16,
    "sw": (2, 0.8, 0.2),
    "n16": 20,
}
"""The prototype's best settings; the mixture's defaults do the same computation."""


def speed_rows(photos: Images, n: int, folder: Path | None) -> list[Row]:
    """Images per second of one thread and of two."""
    size = photos.shape[1]
    mixture = LocalMixture(photos)
    mixture.draw([0])

    def drawn(workers: int) -> None:
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(lambda index: mixture.draw([1, index]), range(n)))

    tasks: dict[str, Callable[[], object]] = {"one": lambda: drawn(1), "two": lambda: drawn(2)}
    if folder is not None:
        prototype = load_prototype(folder, photos)
        prototype(0)
        tasks["prototype"] = lambda: [prototype(index) for index in range(n)]
    found = {name: n / took for name, took in seconds(tasks).items()}
    what = f"draw {size} x {size}"
    rows = [
        Row(f"{what}, 2 threads", found["two"], "images/s", "1 thread", found["one"]),
    ]
    if folder is not None:
        rows.append(Row(f"{what}, 1 thread", found["one"], "images/s", "prototype", found["prototype"]))
    return rows


def load_prototype(folder: Path, photos: Images) -> Callable[[int], Any]:
    """Return the prototype's function from a seed to an image."""
    # numba finds its cache of compiled code by the module's name, so the folder must be on the path.
    sys.path.insert(0, str(folder))
    module = importlib.import_module("local_mixture")
    prototype = module.Local(photos)
    return lambda seed: prototype.draw(seed, **PROTOTYPE)


def blends(photos: Images, n: int) -> Images:
    """Make many different photos from few: means of pairs."""
    rng = np.random.default_rng(0)
    found = np.empty((n, *photos.shape[1:]), np.uint8)
    for index in range(n):
        one, other = photos[rng.integers(len(photos), size=2)]
        found[index] = one // 2 + other // 2
    return found


def growth_row(photos: Images, n: int, n_photos: int) -> Row:
    """Images per second from many photos, and from few."""
    few, many = LocalMixture(photos[:50]), LocalMixture(blends(photos, n_photos))
    found = seconds(
        {
            "few": lambda: [few.draw([3, index]) for index in range(n)],
            "many": lambda: [many.draw([3, index]) for index in range(n)],
        }
    )
    size = photos.shape[1]
    return Row(
        f"draw {size} x {size} from {n_photos:,} photos",
        n / found["many"],
        "images/s",
        "from 50 photos",
        n / found["few"],
    )


def memory_row(photos: Images, n_photos: int) -> Row:
    """Peak resident memory of a process that fits many photos in five classes."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        before, after = process.apply(_peaks, (photos, n_photos))
    size = photos.shape[1]
    return Row(
        f"fit {n_photos:,} photos of {size} x {size}, peak memory", after, "MB", "before fitting", before
    )


def _peaks(photos: Images, n_photos: int) -> tuple[float, float]:
    """Peak megabytes before a pool is drawn, with photos and libraries in memory, and after."""
    from gmmaug_plugin import fit

    many, labels = blends(photos, n_photos), [str(index % 5) for index in range(n_photos)]
    LocalMixture(many[:2]).draw([0])
    before = _peak()
    fit(many, labels, n_images=16, measure=False, quiet=True)
    return before, _peak()


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Print the rows."""
    options = row_parser(__doc__)
    options.add_argument("--beside", type=Path, metavar="FOLDER", help="folder of the prototype")
    arguments = options.parse_args()
    photos = photos_of(arguments.photos, quick=arguments.quick)
    n, many = (2, 200) if arguments.quick else (24, MANY_PHOTOS)
    rows = []
    if photos.shape[1] == 128:
        small = photos.reshape(len(photos), 64, 2, 64, 2).mean((2, 4)).astype(np.uint8)
        rows += speed_rows(small, 2 * n, arguments.beside)
    rows += speed_rows(photos, n, arguments.beside)
    rows += [growth_row(photos, n, many), memory_row(photos, many)]
    show_rows("Drawing", rows, arguments.json)


if __name__ == "__main__":
    main()
