"""What differs between machines: fits and images where linear algebra takes the processor for another one.

    python -m reliability.machines [--quick] [--json FILE]

Each of several processes fits the same photos, and each draws images of the first one's artifacts: OpenBLAS
with the kernels of other processors (``OPENBLAS_CORETYPE``), numpy without its widest instructions
(``NPY_DISABLE_CPU_FEATURES``), without numba, TensorFlow without oneDNN and without bfloat16. That a fit has
other bytes is counted; unexplained is an image that is more than one grey level off.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gmmaug_plugin import load_model
from reliability.one_machine import FITS, photos
from reliability.tally import Tally, add_json, finish

KERNELS = ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake")

Environment = Mapping[str, str]


def processors(quick: bool) -> dict[str, Environment]:
    """Ways of fitting and drawing with numpy; the first is as this machine does it."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    narrow = {"NPY_DISABLE_CPU_FEATURES": " ".join(found)} if found else {}
    ways = {"this machine": {}, "again": {}}
    kernels = ("Haswell", "Sandybridge") if quick else KERNELS
    ways |= {f"OpenBLAS for {name}": {"OPENBLAS_CORETYPE": name} for name in kernels}
    if not quick:
        ways["numpy without " + ", ".join(found)] = narrow
        ways["an older processor"] = {"OPENBLAS_CORETYPE": "Nehalem", "GMMAUG_NUMBA": "0", **narrow}
    return ways


TENSORFLOWS: dict[str, Environment] = {
    "TensorFlow": {},
    "TensorFlow without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "TensorFlow with AVX2 at most": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "TensorFlow without bfloat16": {"GMMAUG_BFLOAT16": "0"},
    "TensorFlow in bfloat16": {"GMMAUG_BFLOAT16": "1"},
}


def one_machine(environment: Environment, *arguments: object) -> None:
    """Let a process of its own fit or draw."""
    command = [sys.executable, "-m", "reliability.one_machine", *map(str, arguments)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(command, env={**os.environ, **quiet, **environment}, check=True)


def compare_fits(place: Path, ways: Mapping[str, Environment], kinds: list[str], n: int) -> Tally:
    """Fit in every way; the first one's artifacts stay in a folder ``0``."""
    tally = Tally("fits of the same photos, options and seed", "fits")
    held_out, _ = photos(2 * n)
    known = {}
    for number, (way, environment) in enumerate(ways.items()):
        folder = place / str(number)
        folder.mkdir()
        one_machine(environment, folder, "--fit", *kinds, "-n", n)
        for kind in kinds:
            path = folder / f"{kind}.safetensors"
            data, model = path.read_bytes(), load_model(path)
            score = model.score_samples(held_out[n:]).mean() / model.image_size**2
            first, first_score, components = known.setdefault(kind, (data, score, model.n_components))
            if data == first:
                tally.outcomes["same bytes"] += 1
            elif way == "again":
                tally.failures.append(f"{kind}: other bytes on the same machine")
            else:
                tally.outcomes["other bytes"] += 1
                tally.facts[f"{kind}, {way}"] = (
                    f"{model.n_components} components for {components}, "
                    f"{score - first_score:+.2e} nats a pixel of photos not fitted on"
                )
    return tally


def compare_images(place: Path, ways: Mapping[str, Environment], n: int, *, tensorflow: bool) -> Tally:
    """Draw of the artifacts in folder ``0`` in every way, and compare with the first one's of numpy."""
    name = "TensorFlow" if tensorflow else "numpy"
    tally = Tally(f"images of one artifact and seed, {name}", "images")
    base = place / "numpy 0.npz"
    for number, (way, environment) in enumerate(ways.items()):
        target = place / f"{name} {number}.npz"
        one_machine(environment, place / "0", "--draw", target, "-n", n, *["--tensorflow"] * tensorflow)
        with np.load(target) as made, np.load(base) as numpys, np.load(place / f"{name} 0.npz") as first:
            for what in made.files:
                against = numpys if what in numpys.files else first
                if what.endswith("score"):
                    worst = np.abs(made[what] / against[what] - 1).max()
                    tally.facts[f"{what}, {way}"] = f"{worst:.1e} of a log-density at most"
                    continue
                count_images(tally, f"{what}, {way}", against[what], made[what])
    return tally


def count_images(tally: Tally, what: str, known: np.ndarray, found: np.ndarray) -> None:
    """Count images by how far they are apart."""
    apart = np.abs(known.astype(int) - found).max(axis=(1, 2))
    tally.outcomes["same bytes"] += int((apart == 0).sum())
    tally.outcomes["within one grey level"] += int((apart == 1).sum())
    tally.failures += [f"{what}: image {i} is {apart[i]} grey levels off" for i in np.flatnonzero(apart > 1)]
    if apart.any():
        share = (known != found).mean()
        tally.facts[what] = f"{(apart > 0).sum()} of {len(apart)} images, {share:.1e} of their pixels"


def main(words: list[str] | None = None) -> int:
    """Read the command line, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a PCA mixture, three processors, no TensorFlow")
    add_json(parser)
    arguments = parser.parse_args(words)
    ways = processors(arguments.quick)
    kinds = ["pca"] if arguments.quick else list(FITS)
    n = 60 if arguments.quick else 200
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tallies = [compare_fits(folder, ways, kinds, n)]
        tallies.append(compare_images(folder, ways, n, tensorflow=False))
        if not arguments.quick:
            tallies.append(compare_images(folder, TENSORFLOWS, n, tensorflow=True))
    return finish(tallies, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
