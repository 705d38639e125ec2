"""Kills, interruptions and full disks, one or a few of each."""

import random
from pathlib import Path

import pytest

from reliability import faults
from reliability.tally import Tally, finish


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> faults.Setting:
    return faults.make_setting(tmp_path_factory.mktemp("faults"), n_images=20)


def test_disturbed_fits_leave_a_whole_artifact_and_resume(setting: faults.Setting) -> None:
    rng = random.Random(1)
    tallies = [faults.kill_fits(setting, 1, rng), faults.interrupt_fits(setting, 1, rng)]
    tallies.append(faults.fill_disks(setting, 1))
    assert [(one.tried, one.failures) for one in tallies] == [(1, [])] * 3


def test_killed_and_cut_saves_leave_a_whole_artifact(setting: faults.Setting) -> None:
    tallies = [faults.kill_saves(setting, 10, random.Random(1)), faults.cut_saves(setting, 10)]
    assert [(one.tried, one.failures) for one in tallies] == [(10, [])] * 2


def test_a_torn_artifact_is_noticed(tmp_path: Path) -> None:
    setting = faults.Setting(tmp_path)
    setting.target.parent.mkdir()
    assert setting.found() == "gone"
    for contents, found in ((b"ne", "torn"), (b"new", "new")):
        setting.target.write_bytes(contents)
        assert setting.found() == found


def test_an_unexpected_outcome_or_no_outcome_is_an_error() -> None:
    tally = Tally("kills", "kills")
    assert finish([tally], None) == 1
    tally.count("whole")
    assert finish([tally], None) == 0
    tally.count("torn", expected=False)
    assert finish([tally], None) == 1
