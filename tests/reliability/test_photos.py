"""The check of damaged photos, small: it counts, and it notices what must never happen."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from reliability.mutations import CUT_EVERY, Damage
from reliability.photos import Check, check_photos
from reliability.wild_photos import encoded, scene


def in_worker() -> bool:
    return multiprocessing.parent_process() is not None


class Deadly(Damage):
    """Stands for a decoder that dies of one file and never ends with another."""

    def version(self, number: int) -> bytes:
        if in_worker() and number == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if in_worker() and number == 4:
            os.kill(os.getpid(), signal.SIGPROF)
        return super().version(number)


def test_damaged_photos_are_counted(tmp_path: Path) -> None:
    tally = check_photos(120, n_processes=1, photos=tmp_path, keep=tmp_path / "kept")
    assert tally.tried == 120
    assert tally.failures == []
    assert tally.outcomes["skipped: empty file"] == 2
    assert tally.facts["cut at every tenth byte"] == 120
    assert not (tmp_path / "kept").exists()


def test_what_kills_the_decoder_is_named_and_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    content = encoded(scene(), "PNG")
    check = Check(Deadly([content], 0), tmp_path, tmp_path / "kept")
    check.run(6, 1)
    assert check.tally.tried == 6
    assert [failure.split("'")[1] for failure in check.tally.failures] == ["crash: SIGSEGV", "hang"]
    kept = (tmp_path / "kept" / "2.bin").read_bytes()
    assert kept == content[: 2 * CUT_EVERY]


@pytest.mark.parametrize(("number", "outcome"), [(0, "UNSOUND KeyError"), (1, "not enough memory")])
def test_no_clear_reason_is_a_failure(tmp_path: Path, number: int, outcome: str) -> None:
    check = Check(Damage([b"x" * 99], 0), tmp_path, tmp_path / "kept")
    check._count(number, outcome)
    check._count(number, "broken image: anything")
    assert len(check.tally.failures) == 1
    assert check.tally.outcomes == {"skipped: broken image": 1}


def test_damage_is_told_by_its_number() -> None:
    contents = [encoded(scene(), file_format) for file_format in ("PNG", "JPEG")]
    damage = Damage(contents, 3)
    cuts = [damage.version(number) for number in range(damage.n_cuts)]
    assert [len(cut) for cut in cuts] == [n for one in contents for n in range(0, len(one), CUT_EVERY)]
    assert all(any(content.startswith(cut) for content in contents) for cut in cuts)
    others = [damage.version(number) for number in range(damage.n_cuts, damage.n_cuts + 200)]
    assert others == [Damage(contents, 3).version(damage.n_cuts + index) for index in range(200)]
    assert len({*others} - {*contents}) > 150
