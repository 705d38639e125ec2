import json
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.__main__ import QUICK, WHOLE

ROOT = Path(__file__).parents[2]


def reliability(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reliability", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_checks_are_run_apart_and_their_counts_gathered(tmp_path: Path) -> None:
    done = reliability("--quick", "--only", "fuzz", "--json", tmp_path / "counts.json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "counts.json").read_text())
    assert found["command"] == "python -m reliability.fuzz --executions 4000"
    assert sum(tally["tried"] for tally in found["tallies"]) == 4000
    assert f"Written: {tmp_path / 'counts.json'}" in done.stdout


@pytest.mark.parametrize("name", WHOLE)
def test_every_check_is_there(name: str) -> None:
    assert QUICK.keys() == WHOLE.keys()
    folder = ROOT / "reliability"
    assert (folder / f"{name}.py").exists() or (folder / name / "__main__.py").exists()
