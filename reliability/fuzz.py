"""Fuzzing of ``load_model``: a file is refused with ``ArtifactError``, or makes a model that works.

``python -m reliability.fuzz [--executions N] [--engine atheris|random] [--workers N] [--seed N]
[--keep FOLDER] [--json FILE]``

Sound files of every kind and format version are changed, with and without the checksum that belongs to
them, and loaded. An execution fails if it ends in any other error or in a warning, takes more than 5 s of
processor time or a gigabyte of address space (RLIMIT_AS), or if loading does anything but read that one
file: an audit hook sees other files opened, modules imported, code compiled or run, processes started,
sockets. One valid model in 24 is drawn from, weighs and varies images, and is saved and loaded again. The
engine atheris is guided by the branches that files reach; random needs nothing installed. Workers are
processes of their own, so a crash is told, too. Failing files are kept under ``FOLDER/…/failures``.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reliability.tally import Tally, add_json, finish

ROOT = Path(__file__).resolve().parents[1]
_COVERED = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


def fuzz(engine: str, executions: int, seed: int, folder: Path, workers: int = 1) -> Tally:
    """Run an engine in processes of its own.

    Args:
        engine: ``atheris`` or ``random``.
        executions: How many in all.
        seed: Each worker's is this and its number.
        folder: Where workers put what they find.
        workers: How many processes.

    Returns:
        The count of all outcomes.
    """
    started = []
    for number in range(workers):
        own = folder / f"{engine}-{seed + number}"
        own.mkdir(parents=True)
        share = executions // workers + (number < executions % workers)
        started.append((own, _start(engine, share, seed + number, own)))
    tally = Tally(f"load_model of changed files, engine {engine}", "executions")
    for own, process in started:
        status = process.wait()
        read_counts(tally, own)
        if status:
            tally.failures.append(f"worker {own.name} ended with status {status}: see {own / 'log'}")
    return tally


def _start(engine: str, executions: int, seed: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "reliability.fuzzing.worker", engine, executions, seed, folder]
    # Threads of a matrix library would take longer to start than these matrices to multiply.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment, stdout=log, stderr=log)


def read_counts(tally: Tally, folder: Path) -> None:
    """Add to a tally what a worker wrote to its folder."""
    counts = folder / "counts.json"
    if not counts.is_file():
        return
    found: dict[str, Any] = json.loads(counts.read_text(encoding="utf-8"))
    outcomes = Counter(found["outcomes"])
    failed = {name: outcomes.pop(name) for name in list(outcomes) if name.startswith("FAILED")}
    tally.outcomes += outcomes
    for line in found["failures"]:
        times = next((n for name, n in failed.items() if line.startswith(name)), 1)
        tally.failures.extend([f"{line} (files in {folder / 'failures'})"] * times)
    facts = tally.facts
    facts["slowest, processor seconds"] = round(
        max(facts.get("slowest, processor seconds", 0), found["slowest"]), 3
    )
    facts["greatest resident memory of a worker, MB"] = round(
        max(facts.get("greatest resident memory of a worker, MB", 0), found["peak_megabytes"])
    )
    facts["seconds of all workers"] = round(facts.get("seconds of all workers", 0) + found["seconds"])
    reached = (
        _COVERED.findall((folder / "log").read_text(errors="replace")) if (folder / "log").is_file() else []
    )
    if reached:
        edges, features, corpus = reached[-1]
        facts[f"{folder.name}: branches, features, files that reached them"] = (
            f"{edges}, {features}, {corpus}"
        )


def main() -> int:
    """Fuzz, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    installed = "random" if find_spec("atheris") is None else "atheris"
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="how many (100000)")
    parser.add_argument("--engine", choices=["atheris", "random"], default=installed, help=f"({installed})")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (1)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first worker (1)")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep counts, logs and failing files there"
    )
    add_json(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = given.keep or Path(passing)
        tally = fuzz(given.engine, given.executions, given.seed, folder, given.workers)
        return finish([tally], given.json)


if __name__ == "__main__":
    sys.exit(main())
