"""What loading a file may do: read that file, for a while, in some memory; nothing else."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

CPU_SECONDS = 5.0
"""Processor time that one load may take."""

MEMORY_BYTES = 2**30
"""Address space that loading may take beyond what the process has at the start (RLIMIT_AS)."""

FORBIDDEN = (
    "exec",
    "compile",
    "import",
    "marshal.",
    "pickle.",
    "code.__new__",
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "shutil.",
    "tempfile.",
    "urllib.",
    "http.",
    "mmap.",
)
"""Beginnings of the names of audit events that loading a file has no use for."""


class TooLong(BaseException):
    """A load took more than ``CPU_SECONDS``."""


class Guard:
    """Watches the loads of one process.

    Args:
        scratch: The one file that may be opened, for reading.

    Attributes:
        broken: What was done that is not allowed, since the last load began.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = str(scratch)
        self._watching = False
        self.broken: list[str] = []
        signal.signal(signal.SIGPROF, _stop)
        sys.addaudithook(self._hook)

    def limit_memory(self) -> None:
        """Refuse this process more than ``MEMORY_BYTES`` from here on."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch what is done within."""
        self.broken.clear()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if os.fspath(path) != self._scratch or writes:
                self.broken.append(f"opened {path!r} as {mode!r}")
        elif event.startswith(FORBIDDEN):
            self.broken.append(f"{event} {arguments!r:.80}")


def peak_megabytes() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooLong
