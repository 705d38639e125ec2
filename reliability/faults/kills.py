"""Processes that are killed or interrupted at random moments."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from gmmaug_plugin.artifact import load_model, save_model
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.images.cache import clear_cache
from reliability.faults.setting import LIMIT, Setting, named
from reliability.tally import Tally

INTERRUPTED = 130


def kill_fits(setting: Setting, n: int, seed: int) -> Tally:
    """SIGKILL fits at random moments; half of them go on from what the ones before had finished."""
    tally = Tally("fits killed at random moments", "kills", facts={"seed": seed})
    rng = random.Random(seed)
    litter = resumed = 0
    for number in range(n):
        setting.restore()
        process = setting.start(*(["--resume"] if number % 2 else []))
        _end(process, signal.SIGKILL, rng.uniform(0.0, 1.05 * setting.seconds))
        found = setting.found()
        litter += setting.litter()
        if found in ("old", "new"):
            tally.outcomes[f"the {found} artifact is there"] += 1
        else:
            tally.failures.append(f"kill {number}: the artifact is {found}")
        if number % 10 == 9:
            resumed += 1
            setting.restore()
            _, said = _finish(setting.start("--resume"))
            if setting.found() != "new":
                tally.failures.append(f"resumed after kill {number}: {setting.found()}; {said[-300:]}")
    tally.facts |= {"resumed to the end, same bytes": resumed, "hidden unfinished files left": litter}
    return tally


def interrupt_fits(setting: Setting, n: int, seed: int) -> Tally:
    """Ctrl-C at random moments: the whole process group gets SIGINT, as from a terminal."""
    tally = Tally("fits interrupted by Ctrl-C", "interruptions", facts={"seed": seed})
    rng = random.Random(seed)
    for number in range(n):
        setting.restore()
        process = setting.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        status, said = _end(process, signal.SIGINT, rng.uniform(0.0, 1.05 * setting.seconds))
        outcome = _of_interrupt(setting, status, said)
        if outcome.startswith("wrong"):
            tally.failures.append(f"interruption {number}: {outcome}: {said[-300:]}")
        else:
            tally.outcomes[outcome] += 1
    return tally


def _of_interrupt(setting: Setting, status: int, said: str) -> str:
    found, litter = setting.found(), setting.litter()
    if found not in ("old", "new") or litter:
        return f"wrong: artifact {found}, {litter} files left"
    if status == 0:
        return "had ended before" if found == "new" else "wrong: ended well without the new artifact"
    if status == INTERRUPTED and "Interrupted; nothing is left half-written." in said:
        return "told in a line, exit status 130" if "Traceback" not in said else "wrong: a traceback"
    started = "main_fit()" not in said and "Fitting" not in said
    return "while Python was starting: its own traceback" if status == -signal.SIGINT or started else "wrong"


def kill_saves(setting: Setting, n: int, seed: int) -> Tally:
    """SIGKILL a process that saves two models in turn to one target, without end."""
    tally = Tally("saves killed at random moments", "kills", facts={"seed": seed})
    target = setting.folder / "models" / "saved.safetensors"
    target.write_bytes(setting.new)
    one = load_model(target)
    other = replace(one, info={**one.info, "note": "the other"})
    known = {}
    for name, model in (("one", one), ("other", other)):
        save_model(model, target)
        known[name] = target.read_bytes()

    def save_for_ever() -> None:
        while True:
            save_model(one, target)
            save_model(other, target)

    _kill_forks(save_for_ever, lambda: named(target, known), ("one", "other"), n, seed, tally)
    left = [path for path in target.parent.iterdir() if path.suffix == ".part"]
    tally.facts["hidden unfinished files left"] = len(left)
    for path in [*left, target]:
        path.unlink()
    return tally


def kill_caches(setting: Setting, n: int, seed: int) -> Tally:
    """SIGKILL a process that fills the cache of decoded photos; the next one reads the right photos."""
    tally = Tally("fillings of the cache killed at random moments", "kills", facts={"seed": seed})
    photos = setting.folder / "photos"
    wanted = load_photos(photos, image_size=64, quiet=True, cache=False).images

    def fill_for_ever() -> None:
        while True:
            clear_cache()
            load_photos(photos, image_size=64, quiet=True)

    def found() -> str:
        twice = [load_photos(photos, image_size=64, quiet=True).images for _ in range(2)]
        return "right" if all(np.array_equal(one, wanted) for one in twice) else "wrong photos"

    before = os.environ.get("GMMAUG_CACHE")
    os.environ["GMMAUG_CACHE"] = str(setting.folder / "killed-cache")
    try:
        _kill_forks(fill_for_ever, found, ("right",), n, seed, tally)
    finally:
        os.environ.pop("GMMAUG_CACHE")
        if before is not None:
            os.environ["GMMAUG_CACHE"] = before
    return tally


def _kill_forks(
    work: Callable[[], None],
    find: Callable[[], str],
    good: tuple[str, ...],
    n: int,
    seed: int,
    tally: Tally,
) -> None:
    rng = random.Random(seed)
    for number in range(n):
        child = os.fork()
        if not child:
            try:
                work()
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0.0, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = find()
        if found in good:
            tally.outcomes[f"found afterwards: {found}"] += 1
        else:
            tally.failures.append(f"kill {number}: {found}")


def write_at_once(setting: Setting, n: int) -> Tally:
    """Two fits of different seeds write one target at once, while two of the same seed share their parts."""
    tally = Tally("pairs of fits that write one target at once", "pairs")
    for number in range(n):
        setting.restore()
        seeds = ("0", "1") if number % 2 else ("0", "0")
        pair = [setting.start("--random-state", seed) for seed in seeds]
        ends = [_finish(process) for process in pair]
        found, litter = setting.found(), setting.litter()
        wanted = ("old", "new") if number % 2 else ("new",)
        if any(status for status, _ in ends) or found not in wanted or litter:
            tally.failures.append(f"pair {number}: {found}, {litter} files left: {ends}")
        else:
            tally.outcomes[f"both ended well; one whole artifact, seeds {' and '.join(seeds)}"] += 1
    left = _parts_left(setting.folder / "cache")
    if left:
        tally.failures.append(f"parts are left of fits that ended well: {left}")
    return tally


def _parts_left(cache: Path) -> list[str]:
    return [str(path) for path in (cache / "fits").glob("*")]


def _end(process: "subprocess.Popen[str]", sign: int, after: float) -> tuple[int, str]:
    """Send a signal to a process and its children after some seconds, unless it has ended before."""
    try:
        said = process.communicate(timeout=after)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, sign)
        said = process.communicate(timeout=LIMIT)[1]
    return process.returncode, said


def _finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said = process.communicate(timeout=LIMIT)[1]
    return process.returncode, said
