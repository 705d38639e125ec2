import json
from collections import Counter
from pathlib import Path

import pytest

from reliability.tally import Tally, finish


def test_counts_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally("photos", "files", Counter({"used": 3, "broken image": 1200}), facts={"seed": 7})
    assert finish([tally], tmp_path / "counts.json") == 0
    assert "photos: 1,203 files, 0 unexplained" in capsys.readouterr().out
    (written,) = json.loads((tmp_path / "counts.json").read_text())
    assert written["tried"] == 1203
    assert written["outcomes"] == {"broken image": 1200, "used": 3}


@pytest.mark.parametrize(
    "tallies",
    [[], [Tally("nothing", "files")], [Tally("one", "files", Counter({"used": 1}), ["a hang"])]],
    ids=["no tally", "nothing tried", "a failure"],
)
def test_what_is_unexplained_or_was_never_tried_fails(tallies: list[Tally]) -> None:
    assert finish(tallies, None) == 1
