"""Processes that tests start, and end whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
"""Seconds after which a process is taken to hang."""


def free_ports(n: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Program:
    """A module of tests that runs in a process of its own, what it prints goes to a file."""

    def __init__(self, module: str, *arguments: str, log: Path, **environment: str) -> None:
        self.log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, word: str) -> None:
        """Wait until it has printed a word."""
        end = time.monotonic() + PATIENCE
        while word not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def wait(self) -> None:
        """Wait for it to end well."""
        code = self._process.wait(PATIENCE)
        assert code == 0, self.log.read_text()[-3000:]

    def kill(self) -> None:
        """End it as a machine that fails would; once more does nothing."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._process.stdin.close()


@contextmanager
def programs(environments: Mapping[Path, Mapping[str, str]], module: str, *arguments: str) -> Iterator[list]:
    """Several at once, by the files for what they print; all are dead afterwards."""
    started: list[Program] = []
    try:
        for log, environment in environments.items():
            started.append(Program(module, *arguments, log=log, **environment))
        yield started
    finally:
        for program in started:
            program.kill()


def end_with_parent() -> None:
    """Let this process end when the one that started it does, in whatever way."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
