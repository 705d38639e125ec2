"""Drawing with the local mixture: images per second, threads, growth with the photos, memory.

    python -m benchmarks.drawing [PHOTOS] [--quick] [--beside FOLDER] [--json FILE]

``PHOTOS`` holds photos of one class. Beside the prototype (``local_mixture.py`` in ``FOLDER``) where it is
given, and beside the arithmetic: the multiply-adds of all distances and means that an image needs, at the
speed of a product of float32 matrices in one thread.
"""

import importlib
import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

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
"""The prototype's best settings; the mixture's defaults are the same path."""


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
    ideal = multiply_adds_per_second() / multiply_adds(mixture)
    what = f"draw {size} x {size}"
    rows = [
        Row(f"{what}, 1 thread", found["one"], "images/s", "its arithmetic at peak, 1 thread", ideal),
        Row(f"{what}, 2 threads", found["two"], "images/s", "1 thread", found["one"]),
    ]
    if folder is not None:
        rows.append(Row(f"{what}, 1 thread", found["one"], "images/s", "prototype", found["prototype"]))
    return rows


def load_prototype(folder: Path, photos: Images) -> Callable[[int], Any]:
    """The prototype's drawing of an image."""
    # On the path, since numba looks a module up by its name to read code compiled before.
    sys.path.insert(0, str(folder))
    module = importlib.import_module("local_mixture")
    prototype = module.Local(photos)
    return lambda seed: prototype.draw(seed, **PROTOTYPE)


def multiply_adds_per_second() -> float:
    """Of a product of two float32 matrices in one thread."""
    side = 1024
    factor = np.ones((side, side), np.float32)
    with threadpool_limits(1):
        return side**3 / seconds({"product": lambda: factor @ factor}, rounds=5)["product"]


def multiply_adds(mixture: LocalMixture) -> float:
    """Multiply-adds of an image: each candidate's distance, each kept component's share of the mean."""
    counted: list[float] = []
    with counting(counted):
        for index in range(2):
            mixture.draw([2, index])
    return sum(counted) / 2


@contextmanager
def counting(counted: list[float]) -> Iterator[None]:
    """Count the multiply-adds of each step while a body draws; candidates are those of every 7th position."""
    from gmmaug_plugin.mixtures import kernel

    anneal = kernel.anneal

    def stepwise(
        image: Any, views: Any, kept: Any, window: Any, cover: Any, stride: int, search: int, *rest: Any
    ) -> Any:
        centred, keep, sigmas, *others = rest
        channels, side, size = image.shape[0], image.shape[1], len(window)
        positions = ((side - size) // stride + 1) ** 2
        weights = None
        for step in range(len(sigmas) - 1):
            if search >= 0:
                n = len(views) * float(_places(side - size, stride, search))
            else:
                n = float(np.mean([_around(codes, side, side - size) for codes in kept[::7]]))
            counted.append(positions * (n + keep) * channels * size * size)
            kept, weights = anneal(
                *(image, views, kept, window, cover, stride, search, centred, keep),
                *(sigmas[step : step + 2], *others),
            )
        return kept, weights

    kernel.anneal = stepwise
    try:
        yield
    finally:
        kernel.anneal = anneal


def _places(limit: int, stride: int, search: int) -> float:
    """Places within ``search`` pixels of a position, the mean over all positions."""
    starts = np.arange(0, limit + 1, stride)
    line = np.minimum(starts + search, limit) - np.maximum(starts - search, 0) + 1
    return float(np.outer(line, line).mean())


def _around(codes: Any, side: int, limit: int) -> int:
    """Different places at and around the codes kept at a position."""
    codes = codes[codes >= 0].astype(np.int64)
    view, y, x = codes // side**2, codes // side % side, codes % side
    steps = np.mgrid[-1:2, -1:2].reshape(2, -1, 1)
    y, x = y + steps[0], x + steps[1]
    inside = (y >= 0) & (y <= limit) & (x >= 0) & (x <= limit)
    return len(np.unique(((view * side + y) * side + x)[inside]))


def blends(photos: Images, n: int) -> Images:
    """Many different photos out of few: means of pairs."""
    rng = np.random.default_rng(0)
    found = np.empty((n, *photos.shape[1:]), np.uint8)
    for index in range(n):
        one, other = photos[rng.integers(len(photos), size=2)]
        found[index] = one // 2 + other // 2
    return found


def growth_row(photos: Images, n: int, n_photos: int) -> Row:
    """Images per second from many photos beside few."""
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
    """Greatest resident memory of a process that fits many photos in five classes."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        before, after = process.apply(_peaks, (photos, n_photos))
    size = photos.shape[1]
    return Row(
        f"fit {n_photos:,} photos of {size} x {size}, peak memory", after, "MB", "before fitting", before
    )


def _peaks(photos: Images, n_photos: int) -> tuple[float, float]:
    """Megabytes with photos and libraries in memory, and at most while a pool is drawn."""
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
