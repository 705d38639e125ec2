"""Damaged photo files through the decoder: each must be used or skipped with a reason.

    python -m reliability.photos [--n 200000] [--seed 0] [--processes 2] [--photos FOLDER] [--keep FOLDER]

Small photos of every format and mode, and a real one of each class where there are any, are cut at every
tenth byte and damaged at random. A few processes decode them, each with a limit on memory, and for every
file on time. What kills one of them, takes too long or too much, or is no clear reason is counted as
unexplained; the file is kept.
"""

import argparse
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from gmmaug_plugin.images.errors import PhotoError
from gmmaug_plugin.images.files import decode_file
from reliability.mutations import Damage
from reliability.tally import Tally, add_json, finish
from reliability.wild_photos import extremes, pictures, turned

MEMORY = 3 << 30
"""Bytes of address space that a process may have: what 100 million pixels need at most, and some."""

CPU_SECONDS = 60.0
WALL_SECONDS = 600
REAL_PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "flowers"
_LONGEST_SEED = 5000
_USED = "used"


def seeds(photos: Path) -> list[bytes]:
    """The files to damage: small ones of every kind, and the first real photo of each class."""
    large = {file.name for file in extremes()}
    small = [file.content for file in (*pictures(), *turned()) if file.name not in large]
    real = [min(folder.iterdir()).read_bytes() for folder in sorted(photos.glob("*/"))]
    return [content for content in small if len(content) <= _LONGEST_SEED] + real


def outcome_of(path: Path) -> str:
    """Decode a file; tell :data:`_USED` or the reason that it is skipped for."""
    try:
        photo, digest = decode_file(path, at_least=64)
    except PhotoError as error:
        return str(error)
    sound = photo.ndim == 2 and photo.dtype == np.uint8 and photo.size and len(digest) == 64
    return _USED if sound else f"UNSOUND {photo.dtype} {photo.shape}"


def decode_many(damage: Damage, numbers: range, path: Path, answers: Connection) -> None:
    """Decode the files of some numbers under limits; send each number's outcome and the peak of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a name, no path
        os.dup2(nowhere.fileno(), 2)  # libraries in C tell of every damaged file
    for number in numbers:
        path.write_bytes(damage.version(number))
        # Not handled: they end the process even where it is inside a decoder.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.alarm(WALL_SECONDS)
        began = time.process_time()
        try:
            outcome = outcome_of(path)
        except BaseException as error:
            outcome = f"UNSOUND {type(error).__name__}: {error}"
        signal.setitimer(signal.ITIMER_PROF, 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        answers.send((number, outcome, time.process_time() - began, peak))


@dataclass
class Worker:
    """A process, and how far it has come."""

    process: Any
    answers: Connection
    remaining: range
    path: Path


@dataclass
class Check:
    """Every number decoded by some process; a process that dies is followed by another."""

    damage: Damage
    folder: Path
    keep: Path
    tally: Tally = field(default_factory=lambda: Tally("Damaged photos through the decoder", "files"))
    broken: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0

    def run(self, n: int, n_processes: int) -> None:
        """Decode the files of all numbers below n."""
        workers = [self._start(range(first, n, n_processes)) for first in range(min(n, n_processes))]
        while workers:
            ready = wait([worker.answers for worker in workers])
            for worker in [worker for worker in workers if worker.answers in ready]:
                if not self._listen(worker):
                    workers.remove(worker)
                    if worker.remaining:
                        workers.append(self._start(worker.remaining))

    def _start(self, numbers: range) -> Worker:
        context = multiprocessing.get_context("spawn")
        answers, sender = context.Pipe(duplex=False)
        path = self.folder / f"{numbers[0]}"
        process = context.Process(target=decode_many, args=(self.damage, numbers, path, sender))
        process.start()
        sender.close()
        return Worker(process, answers, numbers, path)

    def _listen(self, worker: Worker) -> bool:
        """Take one outcome; False once the process has ended."""
        try:
            number, outcome, seconds, peak = worker.answers.recv()
        except EOFError:
            worker.process.join()
            if worker.remaining:
                self._died(worker)
            return False
        worker.remaining = worker.remaining[1:]
        self.slowest, self.peak = max(self.slowest, seconds), max(self.peak, peak)
        self._count(number, outcome)
        return True

    def _died(self, worker: Worker) -> None:
        number, status = worker.remaining[0], worker.process.exitcode
        worker.remaining = worker.remaining[1:]
        cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        self._fail(number, "hang" if cause in ("SIGPROF", "SIGALRM") else f"crash: {cause}")

    def _count(self, number: int, outcome: str) -> None:
        kind, _, detail = outcome.partition(":")
        if kind.startswith("UNSOUND") or not outcome.isprintable() or "memory" in outcome:
            self._fail(number, outcome)
            return
        self.tally.outcomes[_USED if outcome == _USED else f"skipped: {kind}"] += 1
        if kind == "broken image":
            self.broken[re.sub(r"\d+", "N", detail.strip())[:60]] += 1

    def _fail(self, number: int, what: str) -> None:
        self.keep.mkdir(parents=True, exist_ok=True)
        kept = self.keep / f"{number}.bin"
        kept.write_bytes(self.damage.version(number))
        self.tally.failures.append(f"{what!a}: {kept}")


def check_photos(
    n: int, *, seed: int = 0, n_processes: int = 2, photos: Path = REAL_PHOTOS, keep: Path
) -> Tally:
    """Decode n damaged files.

    Args:
        n: How many: as many as there are cuts, at least, for all of these to be among them.
        seed: Of the random damage.
        n_processes: Decoding at the same time.
        photos: Folder of class folders with real photos; without any there, none are damaged.
        keep: Folder for files that something unexplained came of.

    Returns:
        The count.
    """
    contents = seeds(photos)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        check = Check(Damage(contents, seed), Path(folder), keep)
        check.run(n, n_processes)
    check.tally.facts = {
        "files damaged": len(contents),
        "cut at every tenth byte": min(n, check.damage.n_cuts),
        "seed": seed,
        "most seconds of one file (CPU)": round(check.slowest, 2),
        "peak memory of a process (MB)": check.peak,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "what broken images were, of " + str(len(check.broken)): dict(check.broken.most_common(12)),
    }
    return check.tally


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--photos", type=Path, default=REAL_PHOTOS)
    parser.add_argument("--keep", type=Path, default=Path("damaged-photos"))
    add_json(parser)
    given = parser.parse_args()
    tally = check_photos(
        given.n, seed=given.seed, n_processes=given.processes, photos=given.photos, keep=given.keep
    )
    return finish([tally], given.json)


if __name__ == "__main__":
    sys.exit(main())
