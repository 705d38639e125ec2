"""Fits and saves that are killed, interrupted or out of disk space: files stay whole, and work resumes.

    python -m reliability.faults [--kills N] [--interrupts N] [--saves N] [--disks N] [--seed N] [--json FILE]

``gmmaug-fit`` runs in a process of its own. A limit on the size of files stands for a full disk.
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
from gmmaug_plugin import load_model
from gmmaug_plugin.pool import Pool
from reliability.tally import Tally, add_json, finish

FIT = "from gmmaug_plugin.cli import main_fit; main_fit()"
OPTIONS = ("--image-size", "32", "--no-measure", "--workers", "2")
TIMEOUT = 300.0
"""Seconds after which a process counts as hanging."""

INTERRUPTED = 130
"""Exit status of a command after Ctrl-C."""


@dataclass
class Setting:
    """A fit to disturb, whose target holds an older artifact.

    Attributes:
        folder: Holds the photos, the target and the cache.
        n_images: Images of each of the two classes.
        old: The artifact before the fit.
        new: The artifact of an undisturbed fit.
        seconds: Duration of an undisturbed fit, with the start of Python.
    """

    folder: Path
    n_images: int = 160
    old: bytes = b"old"
    new: bytes = b"new"
    seconds: float = 0.0

    @property
    def target(self) -> Path:
        """Where the fit writes."""
        return self.folder / "models" / "flowers.safetensors"

    def start(self, *options: str, **popen: Any) -> "subprocess.Popen[str]":
        """Start the fit over the old artifact, in a process group of its own."""
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
        """The state of the target: "old", "new", "gone" or "torn"."""
        if not self.target.exists():
            return "gone"
        return {self.old: "old", self.new: "new"}.get(self.target.read_bytes(), "torn")

    def n_files(self) -> int:
        """Files in the target's folder; 1 if nothing is left over."""
        return len(list(self.target.parent.iterdir()))

    def pools(self) -> tuple[Pool, Pool]:
        """The pools of the old and of the new artifact."""
        self.target.write_bytes(self.new)
        new = load_model(self.target)
        return replace(new, images=new.images[:, ::-1]), new


def make_setting(folder: Path, n_images: int = 160) -> Setting:
    """Draw photos and fit them once."""
    images, labels, names = make_flowers(24, image_size=32, n_classes=2)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "photos" / names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:03d}.png")
    setting = Setting(folder, n_images)
    setting.target.parent.mkdir()
    began = time.perf_counter()
    status, message = end(setting.start())
    setting.seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"An undisturbed fit must succeed. Received: {message}")
    setting.new = setting.target.read_bytes()
    setting.pools()[0].save(setting.target)
    setting.old = setting.target.read_bytes()
    return setting


def end(
    process: "subprocess.Popen[str]", sign: int = signal.SIGKILL, after: float = TIMEOUT
) -> tuple[int, str]:
    """Signal a process and its children after some seconds; return exit status and standard error."""
    try:
        message = process.communicate(timeout=after)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, sign)
        message = process.communicate(timeout=TIMEOUT)[1]
    return process.returncode, message


def kill_fits(setting: Setting, n: int, rng: random.Random) -> Tally:
    """SIGKILL at random moments; ``--resume`` then writes the bytes of an undisturbed fit."""
    tally = Tally("fits killed at random moments, then resumed", "kills")
    n_blocks = 0
    for _ in range(n):
        end(setting.start(), after=rng.uniform(0.2, 1.05) * setting.seconds)
        killed = setting.found()
        n_blocks += len(list((setting.folder / "cache").glob("unfinished/*/*.npz")))
        _, message = end(setting.start("--resume"))
        outcome = f"{killed} artifact after the kill, {setting.found()} one after --resume"
        expected = killed in ("old", "new") and setting.found() == "new"
        tally.count(outcome, expected=expected, detail=message[-300:])
    tally.facts["blocks of 8 images that were resumed from"] = n_blocks
    return tally


def interrupt_fits(setting: Setting, n: int, rng: random.Random) -> Tally:
    """Ctrl-C at random moments: one line, exit status 130, no other file in the target's folder."""
    tally = Tally("fits interrupted by Ctrl-C", "interruptions")
    for _ in range(n):
        process = setting.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        status, message = end(process, signal.SIGINT, rng.uniform(0.2, 1.05) * setting.seconds)
        found = setting.found()
        if status == INTERRUPTED:
            clear = "nothing is left half-written" in message and "Traceback" not in message
            expected = clear and found in ("old", "new")
        elif status == -signal.SIGINT:  # while Python was starting or ending
            expected = found == "new" or (found == "old" and "main_fit()" not in message)
        else:
            expected = (status, found) == (0, "new")
        outcome = f"{found} artifact, exit status {status}"
        tally.count(outcome, expected=expected and setting.n_files() == 1, detail=message[-300:])
    return tally


def fill_disks(setting: Setting, n: int) -> Tally:
    """Fits in which no file may be as large as the artifact, nor, at first, as a block of images."""
    tally = Tally("fits without space for their files", "fits")
    for step in range(n):
        space = len(setting.new) * step // n
        status, message = end(setting.start(preexec_fn=partial(limit_files, space)))
        found = (status, setting.found(), setting.n_files())
        expected = found == (1, "old", 1) and "File too large" in message
        tally.count("refused, old artifact", expected=expected, detail=f"{space}: {message[-300:]}")
    return tally


def kill_saves(setting: Setting, n: int, rng: random.Random) -> Tally:
    """SIGKILL a process that saves two pools in turn to one target, without end."""
    tally = Tally("saves killed at random moments", "kills")
    pools, contents = setting.pools(), set()
    for pool in pools:
        pool.save(setting.target)
        contents.add(setting.target.read_bytes())

    def save_without_end() -> None:
        while True:
            for pool in pools:
                pool.save(setting.target)

    for _ in range(n):
        child = fork(save_without_end)
        time.sleep(rng.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        whole = setting.target.read_bytes() in contents
        tally.count("one of the two artifacts" if whole else "torn", expected=whole)
    return tally


def cut_saves(setting: Setting, n: int) -> Tally:
    """Saves in which no file may be as large as the artifact: the old one stays, and no other file."""
    tally = Tally("saves without space for the file", "saves")
    _, pool = setting.pools()
    setting.target.write_bytes(setting.old)
    for path in setting.target.parent.glob(".*"):
        path.unlink()  # of killed saves
    for step in range(n):
        space = len(setting.new) * step // n

        def save(space: int = space) -> None:
            limit_files(space)
            pool.save(setting.target)

        status = os.waitstatus_to_exitcode(os.waitpid(fork(save), 0)[1])
        found = (status, setting.found(), setting.n_files())
        tally.count("OSError, old artifact", expected=found == (1, "old", 1), detail=f"{space}: {found}")
    return tally


def limit_files(n_bytes: int) -> None:
    """Let this process write no file of more bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


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


def main() -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="fits to kill")
    parser.add_argument("--interrupts", type=int, default=20, metavar="N", help="fits to interrupt")
    parser.add_argument("--saves", type=int, default=500, metavar="N", help="saves to kill, and to cut")
    parser.add_argument("--disks", type=int, default=8, metavar="N", help="fits without space")
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        setting = make_setting(Path(folder))
        tallies = [
            kill_fits(setting, given.kills, rng),
            interrupt_fits(setting, given.interrupts, rng),
            fill_disks(setting, given.disks),
            kill_saves(setting, given.saves, rng),
            cut_saves(setting, given.saves),
        ]
    return finish(tallies, given.json)


if __name__ == "__main__":
    sys.exit(main())
