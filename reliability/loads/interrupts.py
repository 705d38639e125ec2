"""Programs that are interrupted, and trainers whose worker dies."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from reliability.loads.measuring import left_shared, shared_entries

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 60.0
"""Seconds after which a program is taken to hang."""

BEGINNING = 240.0
"""Seconds that a program may take to import its framework and begin."""

MARK = "batches"
"""What a load that goes on says again and again."""

GOING_ON = 20
"""Marks after which it goes on, and not on what its buffers held."""

AMID = 5000
"""Batches of an epoch that is interrupted in its middle, by any loader with processes.

While a loader starts its processes Python itself may lose Ctrl-C, with gmmaug or without: what is raised in a
callback around ``os.fork`` is dropped, and an executor that is interrupted between its processes and its
thread waits for them for ever (CPython 3.11). Of 40 interrupts of epochs of 50 batches by an executor without
gmmaug 11 were lost and 4 ended in another error or left a worker; of 40 with gmmaug, which spend less of
their time on starting, one hung.
"""

Target = Literal["group", "trainer"]

QUIET = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "NO_ALBUMENTATIONS_UPDATE": "1"}


@dataclass
class Ending:
    """How a program ended.

    Attributes:
        outcome: In words.
        seconds: From the signal to the end.
        left: What it left behind: processes, shared memory, files.
        said: The end of what it said.
    """

    outcome: str
    seconds: float
    left: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def worse(self) -> list[str]:
        """What it left, but for the folders that PyTorch's workers make for sockets and leave when killed."""
        return [left for left in self.left if not left.startswith("file pymp-")]

    @property
    def clean(self) -> bool:
        """Whether it ended as a program that is interrupted should, and left nothing worse."""
        return self.outcome == "interrupted" and not self.worse


class Program:
    """A load in a program of its own, in a process group and with a temporary folder of its own.

    Args:
        check: What it does, see :mod:`reliability.loads.child`.
        load: Name of the load.
        options: Its options.
    """

    def __init__(self, check: str, load: str, options: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="loads-")
        self._shared_before = shared_entries()
        self.log = Path(self._folder.name) / "said.txt"
        own = Path(self._folder.name) / "own"
        own.mkdir()
        self._own = own
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reliability.loads.child", check, load, json.dumps(options)],
                cwd=ROOT,
                env={**os.environ, **QUIET, "TMPDIR": str(own)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Ignored in what a shell starts in the background, and then in all its children.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *error: object) -> None:
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._folder.cleanup()

    @property
    def said(self) -> str:
        """All that it wrote."""
        return self.log.read_text(errors="replace")

    @property
    def last_words(self) -> str:
        """The end of what it wrote, without all marks but the last."""
        lines = self.said.splitlines()
        marks = [number for number, line in enumerate(lines) if line.endswith(f" {MARK}")]
        dropped = set(marks[:-1])
        return "\n".join(line for number, line in enumerate(lines) if number not in dropped)[-3000:]

    def family(self) -> list[int]:
        """Processes of its session that still live."""
        return [pid for pid in psutil.pids() if _session(pid) == self.process.pid and _lives(pid)]

    def workers(self) -> list[int]:
        """Its children that do the work: Python's helpers of multiprocessing do not."""
        helpers = ("resource_tracker", "forkserver")
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [
            child.pid for child in children if not any(name in " ".join(child.cmdline()) for name in helpers)
        ]

    def wait_for(self, word: str, patience: float = BEGINNING) -> None:
        """Wait until it has written a word; raise :class:`RuntimeError` if it does not, or ends before."""
        end = time.monotonic() + patience
        while word not in self.said:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the load did not come to {word!r}: {self.said[-2000:]}")
            time.sleep(0.05)

    def send(self, sign: signal.Signals, target: Target) -> None:
        """Signal the trainer alone, or all of its group as a terminal does."""
        (os.killpg if target == "group" else os.kill)(self.process.pid, sign)

    def ending(self, patience: float = PATIENCE) -> Ending:
        """Wait for the end and see what is left."""
        began = time.monotonic()
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return Ending(f"hangs beyond {patience:.0f} s", patience, said=self.last_words)
        seconds = time.monotonic() - began
        outcome = "interrupted" if code in {130, -signal.SIGINT} else f"ended with status {code}"
        return Ending(outcome, seconds, self.left(), self.last_words)

    def result(self, patience: float) -> dict[str, Any]:
        """Wait for the end and return what it measured; raise :class:`RuntimeError` if it ends otherwise."""
        ending = self.ending(patience)
        if ending.outcome != "ended with status 0" or ending.left:
            raise RuntimeError(f"{ending.outcome}, left {ending.left}: {self.said[-3000:]}")
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found

    def left(self, patience: float = 10.0) -> list[str]:
        """What is there after its end, once patience is at an end, too."""
        end = time.monotonic() + patience
        while True:
            family = self.family()
            left = [f"process {pid}" for pid in family]
            left += [
                f"shared memory {name}" for name in sorted(left_shared(self._shared_before, set(family)))
            ]
            if not left or time.monotonic() > end:
                break
            time.sleep(0.1)
        return left + [f"file {path.relative_to(self._own)}" for path in self._own.rglob("*")]


def interrupted(load: str, target: Target, chance: random.Random) -> Ending:
    """Press Ctrl-C at a random moment amid an epoch of a load with gmmaug."""
    with Program("forever", load, {"plain": False, "per_epoch": AMID}) as program:
        program.wait_for(MARK)
        time.sleep(chance.uniform(0.0, 2.0))
        program.send(signal.SIGINT, target)
        return program.ending()


def without_worker(load: str, options: dict[str, Any], sign: signal.Signals, patience: float) -> Ending:
    """Kill a worker of a load that runs, and tell what the trainer does: an error, going on, or waiting.

    Who waits is interrupted, and it is told whether that ends it.
    """
    with Program("forever", load, options) as program:
        program.wait_for(MARK)
        os.kill(program.workers()[0], sign)
        began, marks = time.monotonic(), program.said.count(MARK)
        while time.monotonic() < began + patience:
            if program.process.poll() is not None:
                ending = program.ending()
                ending.outcome = f"error: {_last_error(program.said)}"
                ending.seconds = time.monotonic() - began
                return ending
            if program.said.count(MARK) > marks + GOING_ON:
                program.send(signal.SIGINT, "trainer")
                after = program.ending()
                after.outcome = f"goes on; then {after.outcome}"
                return after
            time.sleep(0.1)
        program.send(signal.SIGINT, "group")
        after = program.ending(20.0)
        after.outcome = f"waits beyond {patience:.0f} s; then {after.outcome}"
        return after


def _last_error(said: str) -> str:
    errors = [line for line in said.splitlines() if "Error" in line]
    return re.sub(r"[0-9]+", "N", errors[-1])[:160] if errors else "none told"


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
