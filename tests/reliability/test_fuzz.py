"""A few executions of the fuzzer."""

import json
import random
import subprocess
import sys
from pathlib import Path

from reliability.fuzz import change_bytes, change_pool, load, photo_files, pool_files

ROOT = Path(__file__).parents[2]


def test_changes_reach_every_check_and_follow_from_the_seed(tmp_path: Path) -> None:
    pools, photos = pool_files(), photo_files()
    assert len(set(pools)) == 4
    assert len(set(photos)) > 60
    outcomes = set()
    for number in range(600):
        change, seeds = ((change_pool, pools), (change_bytes, photos))[number % 2]
        contents = change(seeds[number % len(seeds)], random.Random(number))
        assert contents == change(seeds[number % len(seeds)], random.Random(number))
        (tmp_path / "file").write_bytes(contents)
        outcomes.add(load(tmp_path / "file"))
    refused = {outcome.partition(" refused: ")[2][:20] for outcome in outcomes}
    assert {"pool loaded", "photo loaded"} <= outcomes
    assert {"An image is damaged", "Offsets must ascend ", "not an image", "broken image"} <= refused


def test_files_are_changed_loaded_and_counted(tmp_path: Path) -> None:
    counts = tmp_path / "counts.json"
    command = [sys.executable, "-m", "reliability.fuzz", "--executions", "300", "--json", str(counts)]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (tally,) = json.loads(counts.read_text())
    assert (tally["tried"], tally["failures"]) == (300, [])
    assert list(tmp_path.iterdir()) == [counts]
