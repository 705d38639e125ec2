"""The long loads, small: nothing is left, and what would be left is noticed."""

import os
import random
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("albumentations")

from reliability.loads import child
from reliability.loads.checks import IN_TF_DATA, aborted_by_tensorflow, beyond
from reliability.loads.interrupts import MARK, PATIENCE, Ending, Program, interrupted, without_worker
from reliability.loads.loads import load_class, names
from reliability.loads.measuring import slope
from reliability.loads.setting import Load
from tests.extent import ALL

# Keras and executors fork from a program with threads, of which Python 3.12 and later warn.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
IN_DEFAULT = ("mix", "keras-processes", "executor-fork")
LEAKS_BY_KERAS = ("keras-threads", "keras-processes")
OPTIONS = {"plain": False, "per_epoch": 50, "patience": 10.0}


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go that nobody else makes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@multi_threaded_fork
@pytest.mark.parametrize("load", names() if ALL else IN_DEFAULT)
def test_a_load_leaves_nothing(load: str, own_folder: Path) -> None:
    result = child.batches(load, {**OPTIONS, "batches": 2000 if ALL else 200})
    assert result["batches"] >= 200
    assert result["left"] == {}


@multi_threaded_fork
@pytest.mark.parametrize("load", [name for name in names() if name not in LEAKS_BY_KERAS] if ALL else ["mix"])
def test_epochs_abandoned_midway_leave_nothing_and_the_next_is_right(load: str, own_folder: Path) -> None:
    result = child.stops(load, {**OPTIONS, "per_epoch": 20, "stops": 30 if ALL else 6})
    assert not any(beyond(left, {}, load_class(load).held) for left in result["left_of"].values())
    assert result["left"] == {}
    assert result["fault"] is None


@multi_threaded_fork
@pytest.mark.skipif(not ALL, reason="leaves threads and processes of Keras behind: GMMAUG_ALL_TESTS=1")
@pytest.mark.parametrize("load", LEAKS_BY_KERAS)
def test_a_stopped_fit_leaves_what_keras_leaves_and_the_next_epoch_is_right(load: str) -> None:
    results = []
    for plain in (False, True):
        with Program("stops", load, {**OPTIONS, "plain": plain, "stops": 6}) as program:
            results.append(program.result(600.0))
    ours, control = results
    assert ours["fault"] is None
    for way, left in ours["left_of"].items():
        assert beyond(left, control["left_of"].get(way, {})) == {}


def test_workers_of_keras_leave_ctrl_c_to_the_trainer() -> None:
    with Program("forever", "keras-processes", {**OPTIONS, "per_epoch": 5000}) as program:
        program.wait_for(f"\n50 {MARK}")
        workers = program.workers()
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker, signal.SIGINT)
        done = program.said.count(MARK)
        program.wait_for(f"\n{10 * (done + 30)} {MARK}", PATIENCE)
        assert {f"process {pid}" for pid in workers} < set(program.left(0.0))
        program.send(signal.SIGINT, "group")
        ending = program.ending()
    assert (ending.outcome, ending.left) == ("interrupted", []), ending.said


INTERRUPTED = ["executor-fork", *(name for name in names() if ALL and name != "keras-processes")]


@pytest.mark.parametrize("load", dict.fromkeys(INTERRUPTED))
def test_ctrl_c_ends_a_load_and_leaves_nothing(load: str) -> None:
    ending = interrupted(load, "group", random.Random(0))
    assert (ending.outcome, ending.worse) == ("interrupted", []) or (
        load in IN_TF_DATA and aborted_by_tensorflow(ending)
    ), ending


@pytest.mark.skipif(not ALL or "torch-fork" not in names(), reason="of PyTorch; GMMAUG_ALL_TESTS=1")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_the_death_of_a_worker_of_pytorch_is_an_error(sign: signal.Signals) -> None:
    ending = without_worker("torch-fork", OPTIONS, sign, 60.0)
    assert ending.outcome.startswith("error: RuntimeError: DataLoader worker"), ending
    assert not [left for left in ending.left if left.startswith("process")]


class Leaky(Load):
    """Leaves a thread, an open file and a file in every epoch."""

    ways = ("forget",)
    kept: list[Any] = []  # noqa: RUF012 - that is the leak
    end = threading.Event()

    def train(self, epochs: int, tick: Any) -> None:
        for _ in range(epochs):
            thread = threading.Thread(target=self.end.wait)
            thread.start()
            self.kept += [thread, tempfile.NamedTemporaryFile(delete=False)]  # noqa: SIM115
            for _ in range(self.steps):
                tick(None)

    def abandon(self, way: str, after: int) -> None:
        self.train(1, lambda _: None)

    def fault(self) -> str | None:
        return "always"


def test_leaks_are_noticed(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "load_class", lambda name: Leaky)
    monkeypatch.setattr(child, "PATIENCE", 0.0)
    try:
        result = child.batches("leaky", {**OPTIONS, "batches": 200})
        stopped = child.stops("leaky", {**OPTIONS, "stops": 3, "patience": 0.0})
    finally:
        Leaky.end.set()
        for file in Leaky.kept[1::2]:
            file.close()
    assert result["left"] == {"threads": 4, "files": 4, "left": 4}
    assert stopped["left_of"] == {"forget": {"threads": 3, "files": 3, "left": 3}}
    assert stopped["fault"] == "always"


def test_what_the_framework_leaves_too_is_not_held_against_us() -> None:
    assert beyond({"threads": 40, "processes": 2}, {"threads": 40}) == {"processes": 2}
    assert beyond({"files": 4, "mapped": 6, "threads": 4}, {}, held=4) == {"mapped": 6, "threads": 4}


def test_only_tensorflows_own_abort_is_told_apart() -> None:
    said = "810 batches\nfree(): invalid next size (fast)"
    assert aborted_by_tensorflow(Ending("ended with status -6", 1.0, [], said))
    for other in (
        Ending("ended with status -6", 1.0, [], "Fatal Python error: Aborted"),
        Ending("ended with status -11", 1.0, [], said),
        Ending("ended with status -6", 1.0, ["process 7"], said),
    ):
        assert not aborted_by_tensorflow(other)
        assert not other.clean


def test_the_slope_is_of_what_comes_after_the_warm_up_and_heeds_no_outlier() -> None:
    batches = list(range(1000, 101_000, 1000))
    amounts = [10**9 - 10**8 * (at < 8000) + 12 * at for at in batches]
    amounts[50] *= 3
    np.testing.assert_allclose(slope(batches, amounts), 12)
    assert np.isnan(slope([1, 2], [5, 6]))
