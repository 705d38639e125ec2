"""Fits and saves that are killed, interrupted or out of room: nothing half-written, and nothing lost.

    python -m reliability.faults [--kills N] [--interrupts N] [--saves N] [--disks N] [--seed N] [--json FILE]

``gmmaug-fit`` runs in processes of its own. Limits on the size of files stand for full disks.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.artifact import load_model, save_pool
from reliability.tally import Tally, add_json, finish

FIT = "from gmmaug_plugin.cli import main_fit; main_fit()"
OPTIONS = ("--image-size", "32", "--no-measure", "--workers", "2")
LIMIT = 300.0
"""Seconds after which a process hangs."""

INTERRUPTED = 130


@dataclass(frozen=True)
class Setting:
    """A fit to be disturbed.

    Attributes:
        folder: Everything lies below it.
        n_images: Images of each of the two classes.
        old: The artifact that the target holds before.
        new: The artifact that an undisturbed fit writes.
        seconds: What that takes, with the start of Python.
    """

    folder: Path
    n_images: int = 160
    old: bytes = b""
    new: bytes = b""
    seconds: float = 0.0

    @property
    def target(self) -> Path:
        """Where the fit writes."""
        return self.folder / "models" / "flowers.safetensors"

    def start(self, *options: str, **popen: Any) -> "subprocess.Popen[str]":
        """Start the fit over the old artifact, in a session of its own."""
        for path in self.target.parent.iterdir():
            path.unlink()
        self.target.write_bytes(self.old)
        command = [sys.executable, "-c", FIT, str(self.folder / "photos"), "-o", str(self.target)]
        return subprocess.Popen(
            [*command, *OPTIONS, "--images", str(self.n_images), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "GMMAUG_CACHE": str(self.folder / "cache")},
            **popen,
        )

    def found(self) -> str:
        """Which artifact is in the target: "old", "new", or what is wrong with it."""
        if not self.target.exists():
            return "gone"
        return {self.old: "old", self.new: "new"}.get(self.target.read_bytes(), "torn")


def make_setting(folder: Path, n_images: int = 160) -> Setting:
    """Draw photos, and fit them twice with different seeds."""
    images, labels, names = make_flowers(24, image_size=32, n_classes=2)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "photos" / names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:03d}.png")
    setting = Setting(folder, n_images)
    setting.target.parent.mkdir()
    made = []
    for seed in ("1", "0"):
        began = time.perf_counter()
        _, said = end(setting.start("--seed", seed))
        seconds = time.perf_counter() - began
        if not setting.target.stat().st_size:
            raise RuntimeError(f"An undisturbed fit must succeed. Received: {said}")
        made.append(setting.target.read_bytes())
    return Setting(folder, n_images, *made, seconds)


def end(process: "subprocess.Popen[str]", sign: int | None = None, after: float = LIMIT) -> tuple[int, str]:
    """Exit status and standard error; a signal goes to the process and its children after some seconds."""
    try:
        said = process.communicate(timeout=after)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL if sign is None else sign)
        said = process.communicate(timeout=LIMIT)[1]
    return process.returncode, said


def kill_fits(setting: Setting, n: int, rng: random.Random) -> Tally:
    """SIGKILL at random moments; ``--resume`` then ends with the bytes of an undisturbed fit."""
    tally = Tally("fits killed at random moments, then resumed", "kills")
    n_blocks = 0
    for _ in range(n):
        end(setting.start(), signal.SIGKILL, rng.uniform(0.2, 1.05) * setting.seconds)
        killed = setting.found()
        n_blocks += len(list((setting.folder / "cache").glob("unfinished/*/*.npz")))
        _, said = end(setting.start("--resume"))
        good = killed in ("old", "new") and setting.found() == "new"
        name = f"{killed} artifact after the kill, {setting.found()} one after --resume"
        tally.count(name, expected=good, detail=said[-300:])
    tally.facts["blocks of 16 images that were resumed from"] = n_blocks
    return tally


def interrupt_fits(setting: Setting, n: int, rng: random.Random) -> Tally:
    """Ctrl-C at random moments: one line, exit status 130, nothing left beside the target."""
    tally = Tally("fits interrupted by Ctrl-C", "interruptions")
    for _ in range(n):
        process = setting.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        status, said = end(process, signal.SIGINT, rng.uniform(0.2, 1.05) * setting.seconds)
        found, n_files = setting.found(), len(list(setting.target.parent.iterdir()))
        outcome = f"{found} artifact, exit status {status}"
        told = "nothing is left half-written" in said and "Traceback" not in said
        good = (status, found) == (0, "new") or (status == INTERRUPTED and found in ("old", "new") and told)
        if "main_fit()" not in said and status == -signal.SIGINT and found == "old":
            outcome, good = "while Python was starting", True
        if status == -signal.SIGINT and found == "new":
            outcome, good = "while Python was ending, after the artifact was written", True
        tally.count(outcome, expected=good and n_files == 1, detail=said[-300:])
    return tally


def kill_saves(setting: Setting, n: int, rng: random.Random) -> Tally:
    """SIGKILL a process that saves two pools in turn to one target, without end."""
    tally = Tally("saves killed at random moments", "kills")
    pools, contents, target = two_pools(setting)

    def save_for_ever() -> None:
        while True:
            for pool in pools:
                save_pool(pool, target)

    for _ in range(n):
        child = fork(save_for_ever)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        good = target.read_bytes() in contents
        tally.count("one of the two artifacts" if good else "torn", expected=good)
    return tally


def cut_saves(setting: Setting, n: int) -> Tally:
    """Save where files may have fewer bytes than the artifact needs: the old one stays, and nothing else."""
    tally = Tally("saves beyond the greatest size of a file", "saves")
    (pool, _), contents, target = two_pools(setting)
    target.write_bytes(contents[1])
    for step in range(n):
        room = len(contents[0]) * step // n

        def save(room: int = room) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            save_pool(pool, target)

        status = os.waitstatus_to_exitcode(os.waitpid(fork(save), 0)[1])
        beside = [path.name for path in target.parent.iterdir() if path.suffix == ".part"]
        good = status == 1 and target.read_bytes() == contents[1] and not beside
        tally.count("OSError, the old artifact is there", expected=good, detail=f"{status}, {room}, {beside}")
    return tally


def two_pools(setting: Setting) -> tuple[list[Any], list[bytes], Path]:
    """Two pools, their bytes, and a target that holds the second."""
    target = setting.folder / "models" / "saved.safetensors"
    target.write_bytes(setting.new)
    pool = load_model(target)
    pools = [pool, replace(pool, images=pool.images[:, ::-1])]
    contents = []
    for one in pools:
        save_pool(one, target)
        contents.append(target.read_bytes())
    return pools, contents, target


def fork(work: Callable[[], None]) -> int:
    """Start a copy of this process that does some work; its exit status is 1 after an OSError."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except OSError:
        os._exit(1)
    finally:
        os._exit(2)


def fill_disks(setting: Setting, n: int) -> Tally:
    """Fits in which no file may be as large as the artifact, nor, at first, as a block."""
    tally = Tally("fits without room for their files", "fits")
    for step in range(n):
        room = len(setting.new) * step // n
        process = setting.start(preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room)))
        status, said = end(process)
        n_files = len(list(setting.target.parent.iterdir()))
        good = (status, setting.found(), n_files) == (1, "old", 1) and "File too large" in said
        tally.count("refused, the old artifact is there", expected=good, detail=f"{room}: {said[-300:]}")
    return tally


def main() -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="fits that are killed")
    parser.add_argument("--interrupts", type=int, default=20, metavar="N", help="fits that get Ctrl-C")
    parser.add_argument("--saves", type=int, default=500, metavar="N", help="saves that are killed; cut")
    parser.add_argument("--disks", type=int, default=8, metavar="N", help="fits without room")
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        setting = make_setting(Path(folder))
        tallies = []
        for check in (
            lambda: kill_fits(setting, given.kills, rng),
            lambda: interrupt_fits(setting, given.interrupts, rng),
            lambda: fill_disks(setting, given.disks),
            lambda: kill_saves(setting, given.saves, rng),
            lambda: cut_saves(setting, given.saves),
        ):
            tallies.append(check())
            sys.stderr.write(f"{tallies[-1]}\n")  # hours before the last one
    return finish(tallies, given.json)


if __name__ == "__main__":
    sys.exit(main())
