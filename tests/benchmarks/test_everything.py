"""Every benchmark runs to its end, small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("albumentations")

ROOT = Path(__file__).parents[2]


def test_the_quick_run_gives_a_row_of_everything_with_its_ratio(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(tmp_path / "rows.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert all(row["value"] > 0 and row["ratio"] == row["value"] / row["other"] for row in rows)
    for one in (
        "draw 64",
        "peak memory",
        "default file",
        "load",
        "mix",
        "GMMSequence",
        "GMMSynthesize",
        "scan",
    ):
        assert any(one in row["what"] for row in rows), one
