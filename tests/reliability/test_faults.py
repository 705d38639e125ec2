"""Kills and full disks, a few of each: nothing unexplained, and a torn artifact would be noticed."""

import random
from pathlib import Path

import pytest

from reliability.faults import (
    Setting,
    cut_saves,
    fill_disks,
    interrupt_fits,
    kill_fits,
    kill_saves,
    make_setting,
)
from reliability.tally import Tally, finish


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return make_setting(tmp_path_factory.mktemp("faults"), n_images=20)


def test_fits_that_are_disturbed_leave_a_whole_artifact_and_go_on(setting: Setting) -> None:
    rng = random.Random(1)
    tallies = [kill_fits(setting, 1, rng), interrupt_fits(setting, 1, rng), fill_disks(setting, 1)]
    assert [(one.tried, one.failures) for one in tallies] == [(1, [])] * 3


def test_saves_that_are_killed_or_cut_leave_a_whole_artifact(setting: Setting) -> None:
    tallies = [kill_saves(setting, 10, random.Random(1)), cut_saves(setting, 10)]
    assert [(one.tried, one.failures) for one in tallies] == [(10, [])] * 2


def test_a_torn_artifact_would_be_noticed(tmp_path: Path) -> None:
    setting = Setting(tmp_path, old=b"old", new=b"new")
    setting.target.parent.mkdir()
    assert setting.found() == "gone"
    for contents, found in ((b"ne", "torn"), (b"new", "new")):
        setting.target.write_bytes(contents)
        assert setting.found() == found


def test_an_unexplained_outcome_or_none_at_all_fails() -> None:
    tally = Tally("kills", "kills")
    assert finish([tally], None) == 1
    tally.count("whole")
    assert finish([tally], None) == 0
    tally.count("torn", expected=False)
    assert finish([tally], None) == 1
