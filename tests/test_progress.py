import io
import re
import sys
import time

import pytest

from gmmaug_plugin.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_speed_is_shown_in_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress_bar("Drawing", 40, unit="images") as advance:
        for _ in range(40):
            time.sleep(0.002)
            advance()
    found = [float(speed) for speed in re.findall(r"([\d.]+) images/s", terminal.getvalue())]
    assert found
    assert 0.1 < found[-1] < 500
    assert "40/40" in terminal.getvalue()


@pytest.mark.parametrize(("terminal", "quiet"), [(Terminal, True), (io.StringIO, False)])
def test_nothing_is_shown_when_quiet_or_off_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: type[io.StringIO], quiet: bool
) -> None:
    stderr = terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress_bar("Fitting", 1, quiet=quiet) as advance:
        advance()
    assert stderr.getvalue() == ""
