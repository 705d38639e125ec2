import json
import random
import subprocess
import sys
from pathlib import Path

from reliability.fuzz import change, load, seed_files

ROOT = Path(__file__).parents[2]


def test_changes_reach_every_check_and_are_the_same_for_a_seed(tmp_path: Path) -> None:
    seeds = seed_files(tmp_path)
    assert len(set(seeds)) == 5
    outcomes = set()
    for number in range(300):
        contents = change(seeds[number % 5], random.Random(number))
        assert contents == change(seeds[number % 5], random.Random(number))
        (tmp_path / "file.safetensors").write_bytes(contents)
        outcomes.add(load(tmp_path / "file.safetensors").removeprefix("refused: ")[:20])
    assert {"a pool", "An image is damaged", "Offsets must ascend ", "The file is damaged"} <= outcomes


def test_files_are_changed_loaded_and_counted(tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    command = [sys.executable, "-m", "reliability.fuzz", "--executions", "200", "--json", str(counts)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (tally,) = json.loads(counts.read_text())
    assert (tally["tried"], tally["failures"]) == (200, [])
