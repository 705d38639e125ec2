"""Eight threads on one model: every call gives what it gives alone, and nothing is lost.

    python -m reliability.threads [--seconds 60] [--threads 8] [--json FILE]

For both kinds of model some calls of ``sample``, ``vary`` and ``score_samples``, each with its own seed, are
made by one thread first. Then all threads begin at once on a copy of the model that has worked nothing out
and make these calls in random orders for as long as is asked for. Unexplained is a call that gives anything
else, raises or never ends, and memory that goes on growing.
"""

import argparse
import hashlib
import pickle
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models import ImageModel
from reliability.tally import Tally, add_json, finish

N_SEEDS = 40
MAY_GROW = 64.0
"""Megabytes by which memory may grow from the first quarter to the end: what threads keep for later calls."""
PATIENCE = 120.0
"""Seconds for a last call to end."""

Call = Callable[[ImageModel], bytes]


def calls_of(photos: np.ndarray) -> dict[str, Call]:
    """Calls by name; what they give, as a digest."""
    found: dict[str, Call] = {}
    for seed in range(N_SEEDS):
        n = 1 + 7 * seed % 40
        some = np.roll(photos, seed, axis=0)[: 1 + seed % 16]
        found[f"sample {seed}"] = lambda model, n=n, seed=seed: digest(*model.sample(n, seed=seed))
        found[f"vary {seed}"] = lambda model, some=some, seed=seed: digest(
            model.vary(some, strength=0.5, seed=seed)
        )
        found[f"score_samples {seed}"] = lambda model, some=some: digest(model.score_samples(some))
    return found


def digest(*arrays: np.ndarray | None) -> bytes:
    """Shapes, dtypes and bytes of arrays in short."""
    parts = (b"" if a is None else f"{a.shape}{a.dtype}".encode() + a.tobytes() for a in arrays)
    return hashlib.sha256(b"|".join(parts)).digest()


@dataclass
class Thread:
    """What one thread did."""

    begun: int = 0
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def work(
        self, model: ImageModel, calls: dict[str, Call], expected: dict[str, bytes], seed: int, until: float
    ) -> None:
        """Make calls in a random order until it is late."""
        rng, names = np.random.default_rng(seed), list(calls)
        while time.monotonic() < until or not self.begun:
            name = names[rng.integers(len(names))]
            self.begun += 1
            try:
                found = calls[name](model)
            except Exception as error:
                self.wrong.append(f"{name} raised {error!r}")
                continue
            if found == expected[name]:
                self.done[name.partition(" ")[0]] += 1
            else:
                self.wrong.append(f"{name} gave something else in thread {seed}")


def check(kind: str, model: ImageModel, photos: np.ndarray, n_threads: int, seconds: float) -> Tally:
    """Let threads use one model."""
    calls = calls_of(photos)
    expected = {name: call(model) for name, call in calls.items()}
    fresh = pickle.loads(pickle.dumps(model))
    tally = Tally(f"{n_threads} threads on one model, {kind}", "calls")
    workers = [Thread() for _ in range(n_threads)]
    barrier = threading.Barrier(n_threads + 1)
    until = time.monotonic() + seconds

    def run(number: int) -> None:
        barrier.wait()
        workers[number].work(fresh, calls, expected, number, until)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    barrier.wait()
    early = memory_after(seconds / 4, until)
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()) + PATIENCE)
    late = memory()
    for number, (thread, worker) in enumerate(zip(threads, workers, strict=True)):
        tally.outcomes.update(worker.done)
        tally.failures += worker.wrong
        if thread.is_alive() or worker.begun != worker.done.total() + len(worker.wrong):
            tally.failures.append(f"thread {number} lost a call")
    tally.facts |= {"seconds": seconds, "megabytes after a quarter": round(early), "at the end": round(late)}
    if late - early > MAY_GROW:
        tally.failures.append(f"memory grew by {late - early:.0f} MB")
    return tally


def memory_after(seconds: float, until: float) -> float:
    """Memory of this process after a while, in megabytes."""
    time.sleep(max(0.0, min(seconds, until - time.monotonic())))
    return memory()


def memory() -> float:
    """Memory that this process has now, in megabytes; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main(words: list[str] | None = None) -> int:
    """Read the command line, fit, let threads work, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each kind of model")
    parser.add_argument("--threads", type=int, default=8)
    add_json(parser)
    arguments = parser.parse_args(words)
    photos, labels, _ = make_flowers(60, image_size=32, n_classes=2)
    options = {"n_components": 3, "holdout": 0.0, "allow_copies": True, "quiet": True}
    tallies = []
    for kind in ("pca", "multiscale"):
        model = fit(photos, labels, model=kind, **options)
        tallies.append(check(kind, model, photos, arguments.threads, arguments.seconds))
    return finish(tallies, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
