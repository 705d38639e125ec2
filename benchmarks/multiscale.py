"""The multi-scale mixture: fitting, varying, its order of positions, its size.

    python -m benchmarks.multiscale [PHOTOS] [--beside FOLDER] [--orders]

``--beside`` takes a folder with a module ``ms`` that does the same job (``CondGMM``, ``Ctx``, ``pyr``): the
research code that the model began as. Everything is measured in one process on one core, but for TensorFlow
beside numpy, which both have two.
"""

import argparse
import resource
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.causal import causal_vectors, decode_causally
from benchmarks.common import WHOLE_IMAGES, best_seconds, read_photos, show, timed
from benchmarks.machine import machine
from benchmarks.models import MULTISCALE_COMPONENTS, multiscale_alone
from gmmaug_plugin import fit
from gmmaug_plugin.evaluation.likelihood import bits_per_pixel
from gmmaug_plugin.fitting.multiscale.details import climb_ladder, polish
from gmmaug_plugin.fitting.multiscale.positions import CoarserPhotos, Positions
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.images.holdout import split_holdout
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.multiscale.contexts import PHASES, Grids
from gmmaug_plugin.models.multiscale.multiscale_mixture import vectors_at
from gmmaug_plugin.models.multiscale.pyramid import detail_sizes, split
from gmmaug_plugin.models.symmetry import symmetric_copies

ENGINE = NumpyEngine()
BATCH = 32
N_POSITIONS = 48_000
Row = list[str]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path, help="folder of photos; drawn flowers without")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="a folder with the module ms")
    parser.add_argument("--orders", action="store_true", help="compare orders of positions too (a minute)")
    return parser.parse_args()


class Beside:
    """The research code, driven as its own demo does."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        import cv2
        import ms

        cv2.setNumThreads(1)
        self.ms: Any = ms

    def fit(self, images: np.ndarray) -> None:
        ms = self.ms
        copies = ms.d4(images).astype("f4")
        coarse, details = self._pyramid(copies)
        self.levels = [
            ms.CondGMM(64, ms.Ctx(3, False), iters=15, reg=0.3).fit(coarse[level], details[level], n=60000)
            for level in range(4)
        ]
        self.base = ms.GM(20, "full", nu=100.0, floor=0.0, iters=15)
        self.base.fit(coarse[-1].reshape(len(copies), -1))

    def bits(self, images: np.ndarray) -> float:
        coarse, details = self._pyramid(images.astype("f4"))
        score = self.base.ll(coarse[-1].reshape(len(images), -1)) + self.ms.jac(4)
        for level in range(4):
            score = score + self.levels[level].ll(coarse[level], details[level])
        return float(-score.mean() / 128**2 / np.log(2))

    def encode(self, images: np.ndarray) -> list[Any]:
        coarse, details = self._pyramid(images.astype("f4"))
        rng = np.random.default_rng(0)
        return [self.levels[level].encode(coarse[level], details[level], rng) for level in range(4)]

    def decode(self, base: np.ndarray, codes: list[Any]) -> np.ndarray:
        rng = np.random.default_rng(0)
        image = base
        for level in (3, 2, 1, 0):
            components, innovations = codes[level]
            made = self.levels[level].sample(image, rng, Ks=components, E=innovations, a=0.6)
            image = self.ms.up(image, made)
        return image

    def bases(self, images: np.ndarray) -> np.ndarray:
        return self._pyramid(images.astype("f4"))[0][-1]

    def _pyramid(self, images: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        coarse, details, image = [], [], images
        for _ in range(4):
            image, found = self.ms.pyr(image, 1)
            coarse.append(image)
            details.append(found[0])
        return coarse, details


def compare_fits(training: np.ndarray, held_back: np.ndarray, beside: Beside | None) -> MultiscaleMixture:
    ours, seconds = timed(lambda: multiscale_alone(training, MULTISCALE_COMPONENTS))
    searched, search_seconds = timed(lambda: multiscale_alone(training, "auto"))
    rows = []
    reference = seconds
    if beside is not None:
        _, reference = timed(lambda: beside.fit(training))
        rows.append(["research code, 64 components", "1", f"{beside.bits(held_back):.3f}"])
    rows.append(["64 components", f"{reference / seconds:.1f}", f"{bits_per_pixel(ours, held_back):.3f}"])
    rows.append(
        [
            "number of components searched",
            f"{reference / search_seconds:.1f}",
            f"{bits_per_pixel(searched, held_back):.3f}",
        ]
    )
    show("Fit, one core", ["model", "times as fast", "held-out bits per pixel"], rows)
    return searched


def compare_moves(model: MultiscaleMixture, images: np.ndarray, beside: Beside | None) -> None:
    batch = images[:BATCH]
    rng = np.random.default_rng(0)
    grey, rows = batch.astype(np.float32), np.full(BATCH, model.n_classes, np.int32)
    uniform = rng.random((BATCH, model.uniform_width))
    codes = model.encode(ENGINE, grey, rows, uniform)
    pca = fit(images, **WHOLE_IMAGES)
    tasks: dict[str, Callable[[], object]] = {
        "encode": lambda: model.encode(ENGINE, grey, rows, uniform),
        "decode": lambda: model.decode(ENGINE, codes),
        "vary, with drawing noise": lambda: model.vary(batch, strength=0.5, seed=0),
        "sample": lambda: model.sample(BATCH, seed=0),
        "PCA mixture: vary": lambda: pca.vary(batch, strength=0.5, seed=0),
        "PCA mixture: sample": lambda: pca.sample(BATCH, seed=0),
    }
    theirs = {}
    if beside is not None:
        their_codes, bases = beside.encode(batch), beside.bases(batch)
        theirs = {"encode": "research code: encode", "decode": "research code: decode"}
        tasks["research code: encode"] = lambda: beside.encode(batch)
        tasks["research code: decode"] = lambda: beside.decode(bases, their_codes)
    found = best_seconds(tasks, rounds=5)
    table = []
    for name, seconds in found.items():
        ratio = f"{found[theirs[name]] / seconds:.1f}" if name in theirs else ""
        table.append([name, f"{1e3 * seconds / BATCH:.2f}", ratio])
    show(
        f"Batches of {BATCH}, one core", ["what", "ms an image", "times as fast as the research code"], table
    )
    for name, one in (("multi-scale", model), ("PCA", pca)):
        tracemalloc.start()
        one.vary(batch, strength=0.5, seed=0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"Memory to vary {BATCH} images, {name}: {peak / 1e6:.0f} MB")


def compare_engines(model: MultiscaleMixture, images: np.ndarray) -> None:
    """The same noise through numpy and native TensorFlow, both on two cores."""
    import tensorflow as tf

    from gmmaug_plugin.tensorflow.engine import TensorFlowEngine

    engine = TensorFlowEngine()
    tasks: dict[str, Callable[[], object]] = {}
    for n in (16, 64):
        rng = np.random.default_rng(0)
        grey, rows = images[:n].astype(np.float32), np.full(n, model.n_classes, np.int32)
        noise = (
            rng.random((n, model.uniform_width)),
            rng.standard_normal((n, model.noise_width), np.float32),
        )
        strength = np.full(n, 0.5)
        move = tf.function(lambda *arrays: model.move(engine, *arrays))
        tensors = [tf.constant(one) for one in (grey, strength, rows, *noise)]
        tasks[f"numpy, {n}"] = lambda arrays=(grey, strength, rows, *noise): model.move(ENGINE, *arrays)
        tasks[f"tensorflow, {n}"] = lambda tensors=tensors, move=move: move(*tensors).numpy()
    found = best_seconds(tasks, rounds=5)
    rows_shown = [[str(n), f"{found[f'numpy, {n}'] / found[f'tensorflow, {n}']:.2f}"] for n in (16, 64)]
    show("Vary with given noise, two cores", ["images a call", "TensorFlow's speed to numpy's"], rows_shown)


def compare_orders(training: np.ndarray, held_back: np.ndarray) -> None:
    """Held-out bits per coefficient of both orders, with the same fit, and the time to decode."""
    rng = np.random.default_rng(0)
    rows = []
    totals = np.zeros(2)
    sizes = detail_sizes(training.shape[1])
    for level, size in enumerate(sizes):
        fine, fine_held = (
            CoarserPhotos(photos).at(level, np.arange(len(photos))) for photos in (training, held_back)
        )
        copies = symmetric_copies(fine, "d4")
        copies = copies[rng.permutation(len(copies))[: max(64, 4 * N_POSITIONS // (size * size // 4))]]
        bits, seconds = [], []
        for order in ("causal", "three phases"):
            mixtures, score = {}, 0.0
            for phase in ("causal",) if order == "causal" else PHASES:
                vectors, unseen = _vectors(copies, phase), _vectors(fine_held, phase)
                chosen = vectors[:, rng.permutation(vectors.shape[1])[:N_POSITIONS]]
                positions = Positions(np.ascontiguousarray(chosen), chosen.shape[1])
                rung = climb_ladder(positions, positions, (MULTISCALE_COMPONENTS,), random_state=0)[
                    MULTISCALE_COMPONENTS
                ]
                mixtures[phase] = polish(positions, rung.mixture, 3, 1e-3)
                score -= mixtures[phase].log_density(unseen).sum()
            coefficients = 3 * len(fine_held) * size * size
            bits.append(float(score / coefficients / np.log(2)))
            seconds.append(_decode_seconds(mixtures, fine_held[:BATCH], order))
        totals += seconds
        rows.append(
            [f"{2 * size} x {2 * size}", *(f"{one:.3f}" for one in bits), f"{seconds[0] / seconds[1]:.1f}"]
        )
    rows.append(["all", "", "", f"{totals[0] / totals[1]:.1f}"])
    headings = [
        "details at",
        "causal: bits",
        "three phases: bits",
        "three phases decode so many times as fast",
    ]
    show("Orders of positions, held-out bits per coefficient (tones)", headings, rows)


def _vectors(images: np.ndarray, phase: str) -> np.ndarray:
    coarse, details = split(images)
    if phase == "causal":
        return causal_vectors(coarse, details)
    return vectors_at(ENGINE, Grids(coarse), details, phase)


def _decode_seconds(mixtures: dict[str, Any], images: np.ndarray, order: str) -> float:
    """Time to make a level's details, their codes being given."""
    coarse, _ = split(images)
    n, h, w = coarse.shape
    rng = np.random.default_rng(0)
    if order == "causal":
        components = rng.integers(0, MULTISCALE_COMPONENTS, (n, h, w)).astype(np.int32)
        innovations = rng.standard_normal((3, n, h, w))
        return best_seconds(
            {0: lambda: decode_causally(mixtures["causal"], coarse, components, innovations)}, rounds=3
        )[0]

    def phases() -> None:
        known: dict[str, np.ndarray] = {}
        for phase in PHASES:
            from gmmaug_plugin.models.multiscale.contexts import contexts

            grids = Grids(coarse, known.get("first"), known.get("second"))
            found = contexts(ENGINE, grids, phase)
            context = found.reshape(len(found), -1)
            picked = rng.integers(0, MULTISCALE_COMPONENTS, context.shape[1]).astype(np.int32)
            made = mixtures[phase].details(
                ENGINE, context, picked, rng.standard_normal((3, context.shape[1]))
            )
            known[phase] = made.astype(np.float32).reshape(3, *found.shape[1:])

    return best_seconds({0: phases}, rounds=3)[0]


def main() -> None:
    arguments = parse()
    print(machine())
    if arguments.photos is None:
        images = read_photos(None)
        training, held_back = images[len(images) // 7 :], images[: len(images) // 7]
    else:
        kept, held = split_holdout(load_photos(arguments.photos, image_size=128, quiet=True), 0.15)
        training, held_back = kept.images, held.images
    beside = None if arguments.beside is None else Beside(arguments.beside)
    with threadpool_limits(1):
        model = compare_fits(training, held_back, beside)
        compare_moves(model, training, beside)
        if arguments.orders:
            compare_orders(training, held_back)
    compare_engines(model, training)
    print(f"Peak memory of all of this: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
