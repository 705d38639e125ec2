"""Disks that are full, and targets that nobody may write."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reliability.faults.setting import LIMIT, Setting, named
from reliability.tally import Tally

PAGE = 4096
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
"""What runs a command so that permissions bind root as they bind everybody else."""


@contextmanager
def small_disk(n_bytes: int, *options: str) -> Iterator[Path]:
    """A disk of so many bytes, a tmpfs, mounted while the body runs.

    Raises:
        PermissionError: Nobody may mount anything here.
    """
    with tempfile.TemporaryDirectory(prefix="small-disk-") as folder:
        size = ",".join([f"size={n_bytes}", *options])
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode:
            raise PermissionError(mounted.stderr.decode(errors="replace").strip())
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill_targets(setting: Setting, n_sizes: int) -> Tally:
    """Save to disks that have room for the old artifact and for more or less of the new one."""
    tally = Tally("fits whose target is on a full disk", "disks")
    pages = -(-len(setting.new) // PAGE)
    for step in range(n_sizes):
        room = round(step * (pages + 1) / max(1, n_sizes - 1))
        with small_disk((-(-len(setting.old) // PAGE) + room) * PAGE) as disk:
            target = disk / "flowers.safetensors"
            target.write_bytes(setting.old)
            process = setting.start("--resume", target=target)
            said = process.communicate(timeout=LIMIT)[1]
            found = named(target, {"old": setting.old, "new": setting.new})
            left = len(list(disk.iterdir())) - 1
            fits = room >= pages
            good = found == ("new" if fits else "old") and (process.returncode == 0) == fits and not left
            if good and (fits or "No space left on device" in said):
                tally.outcomes["written" if fits else "refused in a line, the old artifact is there"] += 1
            else:
                tally.failures.append(f"{room} of {pages} pages: {found}, {left} left: {said[-300:]}")
    return tally


def fill_caches(setting: Setting, n_sizes: int) -> Tally:
    """Fit with the cache folder, and then temporary files too, on disks with no or little room."""
    tally = Tally("fits whose cache is on a full disk", "disks")
    for step in range(n_sizes):
        with small_disk((1 + 16 * step) * PAGE) as disk:
            setting.restore()
            environment = {"GMMAUG_CACHE": str(disk / "cache"), "TMPDIR": str(disk)}
            process = setting.start(environment=environment)
            said = process.communicate(timeout=LIMIT)[1]
            if process.returncode or setting.found() != "new" or "Traceback" in said:
                tally.failures.append(f"{1 + 16 * step} pages: {setting.found()}: {said[-300:]}")
            else:
                tally.outcomes["same artifact" + (", and a warning" if "not kept" in said else "")] += 1
    return tally


def refuse_targets(setting: Setting) -> Tally:
    """Targets that cannot be written: told before photos are read, and nothing changes."""
    tally = Tally("fits whose target cannot be written", "targets")
    with small_disk(2 * len(setting.old) + 64 * PAGE) as disk:
        target = disk / "flowers.safetensors"
        target.write_bytes(setting.old)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        _refuse(setting, target, "a disk that is read-only", tally)
    for name in ("a folder in its place", "a folder that nobody may write", "no folder"):
        with tempfile.TemporaryDirectory(prefix="targets-") as temporary:
            target = Path(temporary) / "models" / "flowers.safetensors"
            if name == "a folder in its place":
                target.mkdir(parents=True)
            elif name != "no folder":
                target.parent.mkdir()
                target.write_bytes(setting.old)
                target.parent.chmod(0o555)
            _refuse(setting, target, name, tally)
    return tally


def _refuse(setting: Setting, target: Path, name: str, tally: Tally) -> None:
    before = target.read_bytes() if target.is_file() else None
    process = setting.start("--no-cache", target=target, under=BOUND)
    said = process.communicate(timeout=LIMIT)[1]
    after = target.read_bytes() if target.is_file() else None
    told = said.startswith("Error: ") and "Received: " in said and said.count("\n") == 1
    if process.returncode == 1 and after == before and told:
        tally.outcomes[f"{name}: refused in a line"] += 1
    else:
        tally.failures.append(f"{name}: exit status {process.returncode}: {said[-300:]}")
