"""The contract of ``keras.utils.PyDataset``: batches by index, threads, processes; and the extra."""

import importlib
import multiprocessing
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from tests.keras.setting import Batches, same  # noqa: E402

# Keras forks from a program with threads, of which Python 3.12 and later warn.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


class Recorder(keras.Model):
    """Takes the place of a network and keeps what ``fit`` gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[np.ndarray, ...]] = []
        self.compile(run_eagerly=True)

    def train_step(self, data: Any) -> dict[str, float]:
        self.batches.append(tuple(keras.ops.convert_to_numpy(part) for part in data))
        return {"loss": 0.0}


def fitted_batches(batches: GMMSequence, epochs: int) -> list[tuple[np.ndarray, ...]]:
    recorder = Recorder()
    recorder.fit(batches, epochs=epochs, shuffle=False, verbose=0)
    return recorder.batches


@multi_threaded_fork
@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_fit_gets_the_same_batches_from_one_worker_threads_and_processes(model, flowers, mode):
    x, y = flowers
    weight = np.arange(60, dtype=np.float32) + 2

    def run(**workers: Any) -> list[tuple[np.ndarray, ...]]:
        batches = GMMSequence(
            x, y, sample_weight=weight, model=model, ratio=0.3, batch_size=16, mode=mode, seed=4, **workers
        )
        return fitted_batches(batches, epochs=3)

    alone = run()
    per_epoch = len(alone) // 3
    epochs = [alone[i * per_epoch : (i + 1) * per_epoch] for i in range(3)]
    orders = []
    for epoch in epochs:
        weights = np.concatenate([batch[2] for batch in epoch])
        orders.append(weights[weights > 1].tolist())
        assert sorted(orders[-1]) == weight.tolist()
    assert orders[0] != orders[1] != orders[2] != orders[0]
    photos = {photo.tobytes() for photo in x}
    made = [one.tobytes() for images, *_ in alone for one in images if one.tobytes() not in photos]
    # 60 images in batches of 11 real and 5 synthetic ones, or of 16 of which 5 are varied.
    per_batch = [5, 5, 5, 5, 5, round(5 * 0.3 / 0.7)] if mode == "synthesize" else [5, 5, 5, round(12 * 0.3)]
    assert len(set(made)) == len(made) == 3 * sum(per_batch)
    for workers in ({"workers": 3}, {"workers": 3, "use_multiprocessing": True}):
        for batch, twin in zip(alone, run(**workers), strict=True):
            same(batch, twin)


def test_a_batch_depends_on_nothing_but_seed_epoch_and_index(model, flowers):
    def batches(seed: int = 0, epoch: int = 0) -> GMMSequence:
        made = GMMSequence(*flowers, model=model, ratio=0.25, batch_size=16, seed=seed)
        for _ in range(epoch):
            made.on_epoch_end()
        return made

    for epoch in (0, 1):
        forward, backward = batches(epoch=epoch), batches(epoch=epoch)
        for index in reversed(range(5)):
            backward[index]
        for index in range(5):
            same(forward[index], backward[index])
            same(forward[index], pickle.loads(pickle.dumps(forward))[index])
        same(forward[-1], forward[4])
        with pytest.raises(IndexError):
            forward[5]
    firsts = [
        batches(seed, epoch)[index][0].tobytes() for seed in (0, 1) for epoch in (0, 1) for index in (0, 1)
    ]
    assert len(set(firsts)) == 8


@multi_threaded_fork
def test_threads_and_processes_also_serve_another_dataset(model, flowers):
    x, y = flowers
    parts = [(x[i : i + 12], y[i : i + 12]) for i in range(0, 60, 12)]
    alone = fitted_batches(GMMSequence(Batches(*parts), model=model, ratio=0.25), epochs=2)
    assert [len(labels) for _, labels in alone] == [16] * 10
    for options in ({"workers": 3}, {"workers": 2, "use_multiprocessing": True, "max_queue_size": 2}):
        batches = GMMSequence(Batches(*parts), model=model, ratio=0.25, **options)
        for batch, twin in zip(alone, fitted_batches(batches, epochs=2), strict=True):
            same(batch, twin)


def second_batch(batches: GMMSequence) -> Any:
    return batches[1]


def test_spawned_workers_make_the_same_batches(model, flowers):
    batches = GMMSequence(*flowers, model=model, ratio=0.25, batch_size=16)
    batches.on_epoch_end()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        same(pool.apply(second_batch, (batches,)), batches[1])


def test_the_extra_is_named_where_the_framework_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "keras.utils")
    monkeypatch.delitem(sys.modules, "gmmaug_plugin.keras")
    with pytest.raises(ImportError, match=r"keras is not installed.*gmmaug-plugin\[tensorflow\]"):
        importlib.import_module("gmmaug_plugin.keras")


def test_the_extra_is_named_where_keras_has_no_tensorflow():
    code = "import sys; sys.modules['tensorflow'] = None; import gmmaug_plugin; import gmmaug_plugin.keras"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "tensorflow is not installed" in ended.stderr
    assert "gmmaug-plugin[tensorflow]" in ended.stderr
