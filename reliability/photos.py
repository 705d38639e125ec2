"""Damaged photo files: each must be used or skipped with a reason.

    python -m reliability.photos [--n N] [--seed N] [--processes N] [--keep FOLDER] [--json FILE]

Small photos of every format and mode are cut at every tenth byte, then damaged at random: bits, zeros, noise,
pieces lost, repeated or of another file. ``load_photos`` reads each beside a sound photo, in processes with a
limit on memory, and on time for every file. A file that kills a process, takes too long or is skipped
without a clear reason is counted as unexplained, and kept.
"""

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gmmaug_plugin.photos import load_photos
from reliability.tally import Tally, add_json, finish
from reliability.wild_photos import encoded, pictures, scene, turned

MEMORY = 3 << 30
"""Bytes of address space of a process: the need of 100 million pixels, and some."""

CPU_SECONDS, WALL_SECONDS = 60.0, 600
CUT_EVERY = 10
"""Bytes from one cut of a file to the next."""

_LONGEST_SEED = 5000
_EXTREMES = (b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\0" * 4, b"\x80\0\0\0", b"\xff\xff", b"\0\0", b"\0\1")


class Damage:
    """Damaged versions of files: first each cut at every tenth byte, then as many others as wanted."""

    def __init__(self, contents: Sequence[bytes], seed: int) -> None:
        self.contents, self._seed = contents, seed
        self._ends = np.cumsum([-(-len(content) // CUT_EVERY) for content in contents])

    @property
    def n_cuts(self) -> int:
        """How many versions are merely cut."""
        return int(self._ends[-1])

    def version(self, number: int) -> bytes:
        """The damaged file of a number, the same whenever it is asked for."""
        if number < self.n_cuts:
            index = int(np.searchsorted(self._ends, number, side="right"))
            before = self._ends[index - 1] if index else 0
            return self.contents[index][: (number - before) * CUT_EVERY]
        rng = np.random.default_rng([self._seed, number])
        content = bytearray(self._pick(rng))
        for _ in range(rng.integers(1, 4)):
            content = self._damaged(content or bytearray(self._pick(rng)), rng)
        return bytes(content)

    def _pick(self, rng: np.random.Generator) -> bytes:
        return self.contents[rng.integers(len(self.contents))]

    def _damaged(self, content: bytearray, rng: np.random.Generator) -> bytearray:
        # Headers are short and decide most: half of the damage is done there.
        reach = len(content) if rng.random() < 0.5 else min(len(content), 128)
        begin = int(rng.integers(reach))
        end = min(len(content), begin + int(2 ** rng.uniform(0, 9)))
        other, extreme = self._pick(rng), _EXTREMES[rng.integers(len(_EXTREMES))]
        piece = content[begin:end]
        flipped = bytes(byte ^ (1 << int(rng.integers(8))) for byte in piece[:8])
        new = [flipped, bytes(len(piece)), rng.bytes(len(piece)), b"", piece * 2, extreme, None]
        chosen = new[rng.integers(len(new))]
        if chosen is None:
            return content[:begin] + other[rng.integers(len(other) + 1) :]
        n_replaced = len(chosen) if chosen in (flipped, extreme) else len(piece)
        content[begin : begin + n_replaced] = chosen
        return content


class Outcome(NamedTuple):
    """What came of a file: "used", a reason, or UNEXPLAINED and how."""

    number: int
    outcome: str
    seconds: float = 0.0
    megabytes: int = 0


def outcome_of(content: bytes, folder: Path) -> str:
    """Load a file beside a sound one."""
    path = folder / "damaged"
    path.write_bytes(content)
    photos = load_photos([folder / "sound.png", path], image_size=8, quiet=True)
    if photos.skipped:
        return photos.skipped[0].reason
    return "used" if photos.images.shape == (2, 8, 8) else f"UNEXPLAINED shape {photos.images.shape}"


def load_each(damage: Damage, numbers: range, folder: Path, answers: Connection) -> None:
    """Load the files of some numbers under limits, and send what came of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a name, no path
        os.dup2(nowhere.fileno(), 2)  # libraries in C complain of every damaged file
    (folder / "sound.png").write_bytes(encoded(scene(), "PNG"))
    for number in numbers:
        # Not handled: they end the process even while it is inside a decoder.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.alarm(WALL_SECONDS)
        began = time.process_time()
        try:
            outcome = outcome_of(damage.version(number), folder)
        except BaseException as error:
            outcome = f"UNEXPLAINED {type(error).__name__}: {error}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        answers.send(Outcome(number, outcome, time.process_time() - began, peak))


def outcomes(damage: Damage, numbers: range) -> Iterator[Outcome]:
    """What came of the files of some numbers; a process that dies is followed by another."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="photos-") as folder:
        while numbers:
            answers, sender = context.Pipe(duplex=False)
            process = context.Process(target=load_each, args=(damage, numbers, Path(folder), sender))
            process.start()
            sender.close()
            with suppress(EOFError):
                while numbers:
                    yield answers.recv()
                    numbers = numbers[1:]
            process.join()
            if numbers:
                yield Outcome(numbers[0], f"UNEXPLAINED death, exit status {process.exitcode}")
                numbers = numbers[1:]


def check_photos(damage: Damage, n: int, n_processes: int, keep: Path) -> Tally:
    """Load ``n`` damaged files; those with an unexplained outcome are kept in a folder."""
    tally = Tally("damaged photos", "files")
    slowest, peak, began = 0.0, 0, time.monotonic()
    with ThreadPoolExecutor(n_processes) as threads:
        parts = [range(first, n, n_processes) for first in range(n_processes)]
        for number, outcome, seconds, megabytes in (
            one for part in threads.map(lambda part: list(outcomes(damage, part)), parts) for one in part
        ):
            slowest, peak = max(slowest, seconds), max(peak, megabytes)
            kind = outcome.partition(":")[0]
            # Running out of memory is not the file's fault.
            clear = outcome.isprintable() and "memory" not in outcome and not kind.startswith("UNEXPLAINED")
            tally.count(kind if clear else f"{number}.bin, {outcome!a}", expected=clear)
            if not clear:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{number}.bin").write_bytes(damage.version(number))
    tally.facts = {
        "files damaged": len(damage.contents),
        "cut at every tenth byte": min(n, damage.n_cuts),
        "most processor seconds of a file": round(slowest, 2),
        "peak memory of a process (MB)": peak,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    return tally


def seeds() -> list[bytes]:
    """Small files of every format and mode."""
    every = [file.content for file in (*pictures(), *turned())]
    return [content for content in every if len(content) <= _LONGEST_SEED]


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path, default=Path("damaged-photos"))
    add_json(parser)
    given = parser.parse_args()
    tally = check_photos(Damage(seeds(), given.seed), given.n, given.processes, given.keep)
    return finish([tally], given.json)


if __name__ == "__main__":
    sys.exit(main())
