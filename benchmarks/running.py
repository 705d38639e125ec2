"""Measurements, each in a process of its own, gathered into one table and one file."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import Setting
from benchmarks.rows import Row

LAST_WORDS = 12
"""Lines of a failed process's errors that are told."""

Launch = Callable[[str, Path], Sequence[str]]
"""Given a measurement's name and where its rows go: the command that measures it."""


@dataclass(frozen=True)
class Outcome:
    """What came of one measurement.

    Attributes:
        name: The measurement.
        rows: Its rows; none if it failed.
        seconds: How long it took, imports included.
        error: The end of what it had to say if it failed, otherwise empty.
    """

    name: str
    rows: tuple[Row, ...]
    seconds: float
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "measurement": self.name,
            "seconds": round(self.seconds, 1),
            "error": self.error,
            "rows": [row.as_json() for row in self.rows],
        }


def launcher(setting: Setting) -> Launch:
    """What runs ``python -m benchmarks.NAME`` in a setting."""

    def command(name: str, rows: Path) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.{name}", *setting.arguments(), "--json", str(rows)]

    return command


def run_one(name: str, launch: Launch, folder: Path, *, timeout: float) -> Outcome:
    """Run one measurement; whatever happens to it is told in the outcome.

    Args:
        name: The measurement.
        launch: Gives the command.
        folder: Where the process leaves its rows.
        timeout: Seconds after which the process is stopped.
    """
    rows = folder / f"{name}.json"
    began = time.perf_counter()
    try:
        done = subprocess.run(
            launch(name, rows), capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, (), time.perf_counter() - began, f"stopped after {timeout:g} seconds")
    seconds = time.perf_counter() - began
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-LAST_WORDS:])
        return Outcome(name, (), seconds, f"exit code {done.returncode}: {said}")
    try:
        found = tuple(Row.from_json(row) for row in json.loads(rows.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        return Outcome(name, (), seconds, f"left no rows: {error!r}")
    return Outcome(name, found, seconds)


def run_all(
    names: Iterable[str],
    launch: Launch,
    folder: Path,
    *,
    timeout: float,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Run measurements one after the other; one that fails does not keep the others from being made."""
    outcomes = []
    for name in names:
        outcomes.append(run_one(name, launch, folder, timeout=timeout))
        tell(outcomes[-1])
    return outcomes
