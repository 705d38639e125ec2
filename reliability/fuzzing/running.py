"""An engine makes files, a guarded process loads them."""

import hashlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reliability.fuzzing.guard import peak_megabytes
from reliability.fuzzing.mutating import change_parts, flip_bytes, mutate
from reliability.fuzzing.parts import take_apart
from reliability.fuzzing.seeds import seed_files
from reliability.fuzzing.trial import Trials

FLIPPED = 0.4
"""Share of the random engine's files whose bytes are changed, whatever they mean."""

TOLD_EVERY = 5000


class Run:
    """A run of one engine: counts executions and ends the process after the last.

    Args:
        executions: How many.
        folder: Where results go.
        scratch: Where files to load go.
    """

    def __init__(self, executions: int, folder: Path, scratch: Path) -> None:
        self.left = executions
        self.facts: dict[str, Any] = {}
        self.seeds = seed_files()
        self._folder = folder
        self._begin = time.monotonic()
        self._trials = Trials(scratch)
        self._trials.warm_up(self.seeds)

    def execute(self, contents: bytes) -> None:
        """Load one file; keep it if it fails."""
        if self.left <= 0:
            return
        self.left -= 1
        if self._trials.run(contents).startswith("FAILED"):
            failures = self._folder / "failures"
            failures.mkdir(exist_ok=True)
            name = hashlib.sha256(contents).hexdigest()[:16]
            if len(list(failures.iterdir())) < 1000:
                (failures / f"{name}.safetensors").write_bytes(contents)
        if self.left % TOLD_EVERY == 0:
            self.write()

    def write(self) -> None:
        """Write what was counted so far, whole or not at all."""
        document = {
            "outcomes": self._trials.outcomes,
            "failures": list(self._trials.failures.values()),
            "slowest": self._trials.slowest,
            "peak_megabytes": peak_megabytes(),
            "seconds": time.monotonic() - self._begin,
            **self.facts,
        }
        part = self._folder / "counts.part"
        part.write_text(json.dumps(document))
        part.replace(self._folder / "counts.json")


def run_random(run: Run, seed: int) -> None:
    """Changes to sound files by chance; small ones are taken more often, since they are loaded sooner."""
    rng = random.Random(seed)
    weights = [1 / len(contents) for contents in run.seeds]
    sources = [(contents, take_apart(contents)) for contents in run.seeds]
    while run.left:
        ((contents, parts),) = rng.choices(sources, weights)
        flipped = parts is None or rng.random() < FLIPPED
        run.execute(flip_bytes(contents, rng) if flipped else change_parts(parts.copy(), rng))


def run_atheris(run: Run, seed: int, folder: Path) -> None:
    """The same changes to whatever reached code that was not reached before."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, contents in enumerate(run.seeds):
        (corpus / f"seed-{number}").write_bytes(contents)

    def change(contents: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.05:
            return bytes(atheris.Mutate(contents, most))
        # What is broken already leads no deeper.
        broken = take_apart(contents) is None and rng.random() < 0.8
        return mutate(rng.choice(run.seeds) if broken else contents, rng)[:most]

    def execute(contents: bytes) -> None:
        run.execute(contents)
        if not run.left:
            # libFuzzer prints what it reached and ends the process itself.
            run.write()

    options = [f"-runs={run.left}", f"-seed={seed}", "-max_len=200000", "-rss_limit_mb=0", "-len_control=0"]
    options.append(f"-artifact_prefix={folder}/")  # what libFuzzer keeps would lie in the current folder
    atheris.Setup(
        [sys.argv[0], *options, "-print_final_stats=1", str(corpus)], execute, custom_mutator=change
    )
    atheris.Fuzz()


def run_engine(engine: str, executions: int, seed: int, folder: Path) -> None:
    """Run one engine, and write what came of it to the folder."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        run = Run(executions, folder, Path(scratch))
        if engine == "atheris":
            run_atheris(run, seed, folder)
        else:
            run_random(run, seed)
        run.write()
