"""What a program and its children use: memory, threads, files, shared memory, processes."""

import contextlib
import gc
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from scipy.stats import theilslopes

WARM_UP = 0.1
"""Share of a run that is not looked at: caches and pools fill."""

SHM = Path("/dev/shm")

_OF_LOADERS = re.compile("torch_|psm_|pym-|sem[.]|mp-")


@dataclass(frozen=True)
class Usage:
    """What is in use at a moment.

    Attributes:
        processes: Children and their children.
        threads: Of the program itself.
        files: Descriptors that the program itself has open.
        mapped: Different files mapped into its memory.
        shared: Entries of /dev/shm that were not there at the beginning and are nobody else's.
        left: Files in the program's own temporary folder.
    """

    processes: int
    threads: int
    files: int
    mapped: int
    shared: int
    left: int

    def more_than(self, before: "Usage") -> dict[str, int]:
        """How much more there is than before, of what there is more; less is no leak."""
        then = asdict(before)
        return {name: n - then[name] for name, n in asdict(self).items() if n > then[name]}


class Meter:
    """Looks at this program and everything below it."""

    def __init__(self) -> None:
        self._self = psutil.Process()
        self._shared_before = shared_entries()

    def usage(self) -> Usage:
        """What is in use now."""
        return Usage(
            processes=len(self._self.children(recursive=True)),
            threads=self._self.num_threads(),
            files=self._self.num_fds(),
            mapped=len(set(_mapped())),
            shared=len(left_shared(self._shared_before, self._family())),
            left=sum(1 for _ in Path(tempfile.gettempdir()).rglob("*")),
        )

    def settled(self, before: Usage, patience: float) -> Usage:
        """What is in use once nothing is more than before, or patience is at an end."""
        end = time.monotonic() + patience
        while True:
            gc.collect()
            now = self.usage()
            if not now.more_than(before) or time.monotonic() > end:
                return now
            time.sleep(0.2)

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the program itself, and of it with all its children: pages shared count once."""
        together = sum(proportional_memory(pid) for pid in self._family())
        return self._self.memory_info().rss, together

    def _family(self) -> set[int]:
        return {self._self.pid, *(child.pid for child in self._self.children(recursive=True))}


def proportional_memory(pid: int) -> int:
    """Bytes of a process, each page divided among those that share it; 0 of one that has gone.

    Without pages of files: how many programs share a library is not up to this one.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def slope(batches: list[int], amounts: list[int]) -> float:
    """Bytes a batch after the warm-up, by a robust line (Theil and Sen); NaN of too few samples."""
    begin = int(len(batches) * WARM_UP)
    if len(batches) - begin < 3:
        return float("nan")
    return float(theilslopes(np.array(amounts[begin:]), np.array(batches[begin:])).slope)


def _mapped() -> Iterator[str]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "/" in line:
            yield line[line.index("/") :]


def shared_entries() -> set[str]:
    """Names in shared memory that loaders give; any program may put other files there."""
    return {entry.name for entry in SHM.iterdir() if _OF_LOADERS.match(entry.name)} if SHM.is_dir() else set()


def left_shared(before: set[str], family: set[int]) -> set[str]:
    """Entries of shared memory that are new and used by no process outside of a family."""
    new = shared_entries() - before
    if not new:
        return new
    others = [pid for pid in psutil.pids() if pid not in family]
    theirs = {name for pid in others for name in _shared_of(pid)}
    return {name for name in new - theirs if not set(map(int, re.findall("[0-9]+", name))) & set(others)}


def _shared_of(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if f"{SHM}/" in line:
                yield line.split(f"{SHM}/", 1)[1]
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(link.readlink())
                if target.startswith(f"{SHM}/"):
                    yield target.removeprefix(f"{SHM}/")
