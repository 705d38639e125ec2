import io
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.progress import Progress

from gmmaug_plugin.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Progress]:
    """The bars that were drawn."""
    bars: list[Progress] = []
    enter = Progress.__enter__

    def remember(bar: Progress) -> Progress:
        bars.append(bar)
        return enter(bar)

    monkeypatch.setattr(Progress, "__enter__", remember)
    return bars


def test_steps_found_on_the_way_raise_the_total(
    shown: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("Fitting", 3) as advance:
        advance()
        advance.expect(5)
        (task,) = shown[0].tasks
        assert (task.completed, task.total) == (1, 8)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: (advance.expect(1), advance()), range(200)))
        assert (task.completed, task.total) == (201, 208)


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
    shown: list[Progress], monkeypatch: pytest.MonkeyPatch, terminal: type[io.StringIO], quiet: bool
) -> None:
    stderr = terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress_bar("Fitting", 1, quiet=quiet) as advance:
        advance()
        advance.expect(2)
    assert shown == []
    assert stderr.getvalue() == ""
