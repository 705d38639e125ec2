"""What macOS and Windows lack or treat differently."""

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from gmmaug_plugin.cli.common import check_output, silent_libraries
from gmmaug_plugin.progress import progress_bar


def test_everything_works_without_the_calls_of_linux_alone(tmp_path: Path) -> None:
    """The processes also have a terminal of few characters, and refuse files without an encoding."""
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-m", "tests.elsewhere", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        encoding="cp1252",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert r"class \u30d0\u30e9" in done.stdout
    assert "Skipped \\u30d0\\u30e9/broken ‰.jpg" in done.stderr


def test_an_output_on_a_missing_drive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    with pytest.raises(ValueError, match=r"is missing\. Received: "):
        check_output(Path("/new/grid.png"), suffix=".png")


def test_standard_error_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is so in programs that are started with ``2>&-``, or without a terminal by Windows' pythonw."""
    monkeypatch.setattr(sys, "stderr", None)
    with silent_libraries(), progress_bar("Reading", 1) as advance:
        advance()


def test_a_terminal_of_few_characters_shows_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = TextIOWrapper(BytesIO(), encoding="cp1252")
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar("Drawing", 1, unit="images") as advance:
        advance()
    assert b"1/1" in stream.detach().getvalue()
