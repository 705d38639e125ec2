import random
from pathlib import Path

import pytest

from gmmaug_plugin.artifact import load_model
from reliability.fuzz import fuzz
from reliability.fuzzing import trial
from reliability.fuzzing.mutating import CHANGES, WEIGHTS, mutate
from reliability.fuzzing.parts import take_apart
from reliability.fuzzing.seeds import seed_files


def test_files_are_changed_loaded_and_counted(tmp_path: Path) -> None:
    """In a process of its own, as the script does it."""
    tally = fuzz("random", 400, 3, tmp_path)
    assert (tally.tried, tally.failures) == (400, [])
    assert tally.outcomes["a valid model"] > 0
    assert tally.outcomes["refused: The file's contents must have the SHA… that it tells."] > 0
    assert len(tally.outcomes) > 20


def test_parts_put_together_again_are_the_file(tmp_path: Path) -> None:
    path = tmp_path / "again.safetensors"
    for contents in seed_files():
        parts = take_apart(contents)
        assert parts is not None
        for signed in (True, False):
            parts.signed = signed
            path.write_bytes(parts.to_bytes())
            assert load_model(path).info == {"note": "made for tests"}


def test_every_change_is_made_and_the_same_seed_makes_the_same_file() -> None:
    assert len(CHANGES) == len(WEIGHTS)
    contents = seed_files()[1]
    changed = [mutate(contents, random.Random(seed)) for seed in range(50)]
    assert changed == [mutate(contents, random.Random(seed)) for seed in range(50)]
    assert len(set(changed)) > 40


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda path: path.with_name("other").write_text("x"), "FAILED: opened"),
        (lambda path: eval("1 + 1"), "FAILED: compile"),
        (lambda path: 1 / 0, "FAILED: ZeroDivisionError"),
        (lambda path: (_ for _ in ()).throw(MemoryError), "FAILED: MemoryError"),
    ],
    ids=["writes a file", "runs code", "another error", "takes memory"],
)
def test_what_loading_must_not_do_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault, told: str
) -> None:
    def faulty(path: Path) -> object:
        fault(path)
        return load_model(path)

    trials = trial.Trials(tmp_path)
    contents = seed_files()[0]
    assert trials.run(contents).startswith("a valid model")
    monkeypatch.setattr(trial, "load_model", faulty)
    assert trials.run(contents).startswith(told)
    assert trials.failures
