"""Few batches: nothing is left over, and leaks are noticed."""

import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from reliability import soak


def test_mixing_leaves_nothing_over() -> None:
    pytest.importorskip("tensorflow")
    tally = soak.check("mix", soak.EPOCH)
    assert (tally.tried, tally.failures) == (soak.EPOCH, [])


def test_leaks_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    end = threading.Event()

    def leaky(n: int, tick: soak.Tick) -> None:
        thread = threading.Thread(target=end.wait)
        thread.start()
        kept.extend([thread, tempfile.NamedTemporaryFile(delete=False)])  # noqa: SIM115
        for _ in range(n):
            kept.append(b"x" * 200_000)
            tick()

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(soak, "PATIENCE", 0.0)
    try:
        found = soak.soak(leaky, 400)
    finally:
        end.set()
        for file in kept:
            if hasattr(file, "close"):
                file.close()
    assert found["left"] == {"threads": 1, "open files": 1, "temporary files": 1}
    assert found["growth, MB"] > 1
