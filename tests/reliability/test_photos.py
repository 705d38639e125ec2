"""Damaged photos, a few: they are counted, and what must never happen is noticed."""

import multiprocessing
import os
import signal
from pathlib import Path

from reliability.photos import CUT_EVERY, Damage, check_photos
from reliability.wild_photos import encoded, scene


class Deadly(Damage):
    """Stands for a decoder that dies of one file and never ends with another."""

    def version(self, number: int) -> bytes:
        if multiprocessing.parent_process() is not None and number in (2, 4):
            os.kill(os.getpid(), signal.SIGSEGV if number == 2 else signal.SIGPROF)
        return super().version(number)


def test_damaged_photos_are_used_or_skipped(tmp_path: Path) -> None:
    content = encoded(scene(), "PNG")
    damage = Damage([content], 0)
    tally = check_photos(damage, damage.n_cuts + 20, 1, tmp_path / "kept")
    assert (tally.tried, tally.failures) == (damage.n_cuts + 20, [])
    assert tally.outcomes["empty file"] == 1
    assert tally.outcomes["broken image"] > 20
    assert not (tmp_path / "kept").exists()


def test_a_file_that_kills_the_decoder_is_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    content = encoded(scene(), "PNG")
    tally = check_photos(Deadly([content], 0), 6, 1, tmp_path / "kept")
    assert tally.tried == 6
    assert [failure.split("exit status ")[1] for failure in tally.failures] == ["-11'", "-27'"]
    assert (tmp_path / "kept" / "2.bin").read_bytes() == content[: 2 * CUT_EVERY]


def test_damage_follows_from_its_number() -> None:
    contents = [encoded(scene(), file_format) for file_format in ("PNG", "JPEG")]
    damage = Damage(contents, 3)
    cuts = [damage.version(number) for number in range(damage.n_cuts)]
    assert [len(cut) for cut in cuts] == [n for one in contents for n in range(0, len(one), CUT_EVERY)]
    others = [damage.version(number) for number in range(damage.n_cuts, damage.n_cuts + 200)]
    assert others == [Damage(contents, 3).version(damage.n_cuts + index) for index in range(200)]
    assert len({*others} - {*contents}) > 150
