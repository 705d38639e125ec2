"""Few of the faults that ``python -m reliability.faults`` counts many of."""

import shutil
from pathlib import Path

import pytest

from reliability.faults.disks import fill_caches, fill_targets, refuse_targets, small_disk
from reliability.faults.kills import interrupt_fits, kill_caches, kill_fits, kill_saves, write_at_once
from reliability.faults.setting import Setting, make_setting
from reliability.tally import Tally
from tests.extent import ALL


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return make_setting(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def disks() -> None:
    try:
        with small_disk(2**16):
            pass
    except (PermissionError, FileNotFoundError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")


def check(tally: Tally, *, tried: int) -> None:
    assert tally.failures == []
    assert tally.tried == tried


def test_killed_saves_leave_a_whole_artifact(setting: Setting) -> None:
    check(kill_saves(setting, 20, seed=1), tried=20)


def test_killed_fillings_of_the_cache_leave_it_right(setting: Setting) -> None:
    check(kill_caches(setting, 10, seed=1), tried=10)


def test_killed_fits_leave_a_whole_artifact_and_go_on(setting: Setting) -> None:
    tally = kill_fits(setting, 10 if ALL else 3, seed=2)
    check(tally, tried=10 if ALL else 3)


def test_interrupted_fits_say_so_and_leave_nothing(setting: Setting) -> None:
    check(interrupt_fits(setting, 10 if ALL else 2, seed=1), tried=10 if ALL else 2)


def test_two_fits_of_one_target_leave_one_whole_artifact(setting: Setting) -> None:
    check(write_at_once(setting, 4 if ALL else 1), tried=4 if ALL else 1)


@pytest.mark.usefixtures("disks")
def test_a_full_disk_leaves_the_old_artifact(setting: Setting) -> None:
    check(fill_targets(setting, 3), tried=3)


@pytest.mark.usefixtures("disks")
def test_a_full_cache_costs_no_fit(setting: Setting) -> None:
    check(fill_caches(setting, 4 if ALL else 1), tried=4 if ALL else 1)


@pytest.mark.usefixtures("disks")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="nothing here makes permissions bind root")
def test_targets_that_cannot_be_written_are_refused(setting: Setting) -> None:
    check(refuse_targets(setting), tried=4)


def test_a_torn_artifact_would_be_noticed(setting: Setting, tmp_path: Path) -> None:
    torn = Setting(tmp_path, setting.old, setting.new, setting.seconds)
    torn.target.parent.mkdir()
    assert torn.found() == "gone"
    torn.target.write_bytes(setting.new[:-1])
    assert torn.found() == "torn"
    torn.target.write_bytes(setting.new)
    assert torn.found() == "new"
