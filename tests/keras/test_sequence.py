"""The contract of ``keras.utils.PyDataset``; how many images of a batch are synthetic, and which ones."""

import pickle
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gmmaug_plugin.image_layout import reshape_images
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.ratio import split_batch, synthetic_beside
from tests.factories import random_pool
from tests.keras.conftest import SIZE, Batches, same

# Keras forks a program that has threads, and Python 3.12 and later warn of that.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


class Recorder(keras.Model):
    """Takes the place of a network and keeps the batches that ``fit`` trains on."""

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
def test_fit_gets_the_same_batches_from_one_worker_threads_and_processes(pool, photos):
    x, y = photos
    weight = np.arange(60, dtype=np.float32) + 2
    parts = [(x[i : i + 12], y[i : i + 12]) for i in range(0, 60, 12)]

    def of_arrays(**workers: Any) -> GMMSequence:
        return GMMSequence(x, y, sample_weight=weight, model=pool, ratio=0.3, batch_size=16, **workers)

    def of_dataset(**workers: Any) -> GMMSequence:
        return GMMSequence(Batches(*parts), model=pool, ratio=0.25, **workers)

    alone = fitted_batches(of_arrays(), epochs=3)
    epochs = [[sorted(batch[2][batch[2] > 1]) for batch in alone[i : i + 6]] for i in (0, 6, 12)]
    for epoch in epochs:
        assert sorted(one for batch in epoch for one in batch) == weight.tolist()
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    made = [one.tobytes() for images, _, weights in alone for one in images[weights == 1]]
    # 60 images in batches of 11 real and 5 synthetic ones, the last of 5 and 2.
    assert len(set(made)) == len(made) == 3 * (5 * 5 + 2)
    for workers in ({"workers": 3}, {"workers": 2, "use_multiprocessing": True, "max_queue_size": 2}):
        for make in (of_arrays, of_dataset):
            expected = alone if make is of_arrays else fitted_batches(make(), epochs=3)
            for batch, twin in zip(expected, fitted_batches(make(**workers), epochs=3), strict=True):
                same(batch, twin)


def test_a_batch_depends_on_nothing_but_seed_epoch_and_index(pool, photos):
    def batches(seed: int = 0, epoch: int = 0) -> GMMSequence:
        made = GMMSequence(*photos, model=pool, ratio=0.25, batch_size=16, seed=seed)
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


@pytest.mark.parametrize("shuffle", [True, False])
def test_epochs_read_the_pool_in_the_order_of_the_seed(photos, shuffle):
    x, y = photos
    pool = random_pool(70, image_size=SIZE, n_classes=3)
    weight = np.full(60, 2.0)
    batches = GMMSequence(
        x, y, sample_weight=weight, model=pool, ratio=0.3, batch_size=16, seed=5, shuffle=shuffle
    )
    with pytest.warns(UserWarning, match="mirrored"):
        images, labels = pool.sample(4 * 27, seed=5)
    begin = 0
    for _ in range(4):
        for batch, classes, weights in batches:
            made = weights == 1
            expected = slice(begin, begin + made.sum())
            pairs = zip(images[expected], labels[expected], strict=True)
            assert sorted((one.tobytes(), k) for one, k in zip(batch[made], classes[made], strict=True)) == (
                sorted((one.tobytes(), k) for one, k in pairs)
            )
            if not shuffle:
                np.testing.assert_array_equal(batch[made], images[expected])
            begin = expected.stop
        batches.on_epoch_end()
    assert begin == len(images)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 60), batch_size=st.integers(1, 20), ratio=st.floats(0, 0.95), shuffle=st.booleans())
def test_every_batch_has_the_ratio_and_every_image_is_used_once(pool, n, batch_size, ratio, shuffle):
    assume(round(ratio * batch_size) < batch_size)
    x = np.random.default_rng(1).integers(0, 256, (n, 6, 5), np.uint8)
    y, weight = np.arange(n) % 3, np.arange(n, dtype=np.float32) + 2
    batches = GMMSequence(
        x, y, sample_weight=weight, model=pool, ratio=ratio, batch_size=batch_size, shuffle=shuffle
    )
    n_real, n_synthetic = split_batch(batch_size, ratio)
    assert len(batches) == batches.num_batches == -(-n // n_real)
    used: list[int] = []
    for index, (images, labels, weights) in enumerate(batches):
        real = weights > 1
        here = (weights[real] - 2).astype(int)
        left = n - index * n_real
        expected = (n_real, n_synthetic) if left >= n_real else (left, synthetic_beside(left, ratio))
        assert (real.sum(), (~real).sum()) == expected
        np.testing.assert_array_equal(weights[~real], 1)
        np.testing.assert_array_equal(images[real], x[here])
        np.testing.assert_array_equal(labels[real], y[here])
        assert shuffle or real[: len(here)].all()
        used.extend(here)
    assert sorted(used) == list(range(n))
    assert shuffle or used == sorted(used)


def test_synthetic_images_are_anywhere_in_a_batch(pool, photos):
    weight = np.full(60, 2.0)
    batches = GMMSequence(*photos, sample_weight=weight, model=pool, ratio=0.5, batch_size=8)
    assert len({tuple(weights) for _, _, weights in batches}) > 5


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize(
    ("dtype", "white"), [("uint8", 255), ("float32", 1), ("float64", 255), ("float16", 1)]
)
def test_synthetic_images_have_the_layout_of_the_real_ones(colors, channels, dtype, white):
    pool = random_pool(image_size=SIZE, channels=colors)
    shape = (20, 24, 28) if channels is None else (20, 24, 28, channels)
    real = np.linspace(0, white, np.prod(shape)).reshape(shape).astype(dtype)
    before = real.copy()
    real.setflags(write=False)
    made = GMMSequence(real, model=pool, ratio=0.5, batch_size=16, shuffle=False)[1]
    assert (made.dtype, made.shape) == (real.dtype, (16, *shape[1:]))
    np.testing.assert_array_equal(real, before)
    rows, mirrored = (part[8:16] for part in pool.order(0))
    expected = reshape_images(pool.images, (24, 28), channels)[rows]
    expected[mirrored] = expected[mirrored][:, :, ::-1]
    np.testing.assert_allclose(made[8:].astype(float) * (255 / white), expected, atol=0.2)


def test_sizes_may_differ_between_batches(pool, photos):
    x, y = photos
    batches = GMMSequence(Batches((x[:6], y[:6]), (x[:6, :20], y[:6])), model=pool, ratio=0.25)
    assert [images.shape for images, _ in batches] == [(8, SIZE, SIZE), (8, 20, SIZE)]


def test_the_range_of_floats_is_taken_from_all_arrays(pool, photos):
    dark = photos[0].astype(np.float32)
    dark[:-1] /= 255
    batches = GMMSequence(dark, photos[1], model=pool, ratio=0.5, batch_size=16)
    assert all(images.max() > 100 for images, _ in batches)


@pytest.mark.parametrize(
    "images", [np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8), np.uint8), [[[1]], [[1, 2]]], None]
)
def test_other_than_a_stack_of_images_is_refused(pool, images):
    with pytest.raises(ValueError, match="Received:"):
        GMMSequence(images, model=pool, ratio=0.2)


@pytest.mark.parametrize(
    "options",
    [
        {"ratio": 1.0},
        {"ratio": 0.9, "batch_size": 4},
        {"seed": -1},
        {"value_range": 100.0},
        {"sample_weight": np.ones(59)},
        {"y": np.zeros(59, int)},
        {"y": None, "sample_weight": np.ones(60)},
    ],
)
def test_options_out_of_range_are_refused(pool, photos, options):
    x, y = photos
    with pytest.raises(ValueError, match="Received:"):
        GMMSequence(x, **{"y": y, "model": pool, "ratio": 0.25, **options})


def test_the_pool_may_be_a_path(pool, photos, tmp_path):
    pool.save(tmp_path / "pool.safetensors", lossless=True)
    loaded = GMMSequence(*photos, model=tmp_path / "pool.safetensors", ratio=0.25)
    same(GMMSequence(*photos, model=pool, ratio=0.25)[0], loaded[0])
