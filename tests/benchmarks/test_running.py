import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import Setting
from benchmarks.rows import Beside, Row
from benchmarks.running import Outcome, launcher, run_all, run_one

ROW = Row("fit", 2.0, "s", (Beside("peer", 6.0),))

PROGRAMS = {
    "good": f"import pathlib, sys; pathlib.Path(sys.argv[1]).write_text({json.dumps([ROW.as_json()])!r})",
    "broken": "raise RuntimeError('no such luck')",
    "silent": "pass",
    "garbled": "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('[{\"what\": 1}]')",
    "slow": "import time; time.sleep(60)",
}


def launch(name: str, rows: Path) -> Sequence[str]:
    return [sys.executable, "-c", PROGRAMS[name], str(rows)]


def test_a_failure_is_told_and_hides_no_other_measurement(tmp_path: Path) -> None:
    told: list[Outcome] = []
    found = run_all(["broken", "good", "silent", "garbled"], launch, tmp_path, timeout=60, tell=told.append)
    broken, good, silent, garbled = found
    assert told == found
    assert (good.rows, good.error) == ((ROW,), "")
    assert broken.rows == silent.rows == garbled.rows == ()
    assert broken.error.startswith("exit code 1")
    assert "no such luck" in broken.error
    assert "left no rows" in silent.error
    assert "left no rows" in garbled.error
    assert good.as_json()["rows"][0]["beside"][0]["ratio"] == 3.0
    assert json.loads(json.dumps(broken.as_json()))["error"] == broken.error


def test_a_measurement_that_hangs_is_stopped(tmp_path: Path) -> None:
    assert run_one("slow", launch, tmp_path, timeout=0.2).error == "stopped after 0.2 seconds"


def test_processes_get_the_setting() -> None:
    command = launcher(Setting(Path("photos"), Path("x.npy"), quick=True))("limits", Path("rows.json"))
    assert command[1:] == [
        *("-m", "benchmarks.limits", "photos", "--loaded", "x.npy", "--quick", "--json", "rows.json")
    ]
    assert launcher(Setting(whole_scan=True))("scan", Path("r"))[3:] == ["--whole-scan", "--json", "r"]
