"""Sets larger than the memory that a fit of them may take."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

N_PHOTOS, SIZE, BLOCK = 100_000, 32, 2048

CODE = """
import sys, threading
from pathlib import Path
import numpy as np
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca_fitter import fit_pca_mixture

n, size, block = map(int, sys.argv[2:])
def anonymous():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
photos = np.memmap(sys.argv[1], np.uint8, "r", shape=(n, size, size))
options = FitOptions(variance=4, n_components=2, block_size=block, max_iter=3, symmetry="flip")
warm = FitOptions(variance=4, n_components=2, max_iter=1, symmetry="flip")
fit_pca_mixture(np.array(photos[:2000]), np.zeros(2000, np.int32), warm, quiet=True)
before, peak, over = anonymous(), [0], threading.Event()
def watch():
    while not over.wait(0.002):
        peak[0] = max(peak[0], anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
fitted = fit_pca_mixture(photos, np.zeros(n, np.int32), options, quiet=True)
over.set(); watcher.join()
print(peak[0] - before, fitted.model.n_components)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_a_fit_takes_less_memory_than_its_photos(tmp_path: Path) -> None:
    """Photos as bytes would be 100 MB, as floats 400 MB.

    What a fit may take beside what it took for 2,000 photos: codes and log-densities of 200,000 rows and
    copies of them, 3 x 8 MB; covariances of 512 x 512 values, at most ten of float64 at a time, 21 MB; what
    the allocator keeps of these.
    """
    rng = np.random.default_rng(0)
    photos = np.memmap(tmp_path / "photos.u8", np.uint8, "w+", shape=(N_PHOTOS, SIZE, SIZE))
    some = rng.integers(0, 256, (BLOCK, SIZE, SIZE), dtype=np.uint8)
    for begin in range(0, N_PHOTOS, BLOCK):
        part = photos[begin : begin + BLOCK]
        part[:] = some[: len(part)] // 2 + np.uint8(begin % 127)
    photos.flush()
    arguments = [str(tmp_path / "photos.u8"), str(N_PHOTOS), str(SIZE), str(BLOCK)]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True
    )
    grown, n_components = map(int, done.stdout.split())
    assert n_components == 2
    assert grown < 0.6 * photos.nbytes, f"{grown / 1e6:.0f} MB"
