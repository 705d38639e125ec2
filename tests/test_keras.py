import importlib
import multiprocessing
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")

from gmmaug_plugin.artifact import ArtifactError  # noqa: E402
from gmmaug_plugin.datasets import make_flowers  # noqa: E402
from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.mixing import split_batch, synthetic_beside  # noqa: E402
from gmmaug_plugin.models import PCAMixture  # noqa: E402
from tests.factories import fit_all as fit  # noqa: E402

SIZE = 32
# Keras forks from a program with threads, of which Python 3.12 and later warn.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
ALL_LAYOUTS = [
    (dtype, white, channels)
    for channels in (None, 1, 3)
    for dtype, white in (("uint8", 255), ("float32", 1), ("float32", 255), ("float64", 1), ("float16", 1))
]


@pytest.fixture(scope="session")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    x, y, _ = make_flowers(60, image_size=SIZE, n_classes=3)
    for array in (x, y):
        array.setflags(write=False)
    return x, y


@pytest.fixture(scope="session")
def model(flowers: Any) -> PCAMixture:
    return fit(*flowers, quiet=True, n_components=2)


@pytest.fixture(scope="session")
def unlabelled(flowers: Any) -> PCAMixture:
    return fit(flowers[0], quiet=True, n_components=2)


@pytest.fixture(scope="session")
def night_and_day() -> tuple[np.ndarray, np.ndarray]:
    """Noise around grey level 50 for class 0 and around 200 for class 1."""
    y = np.arange(40) % 2
    noise = np.random.default_rng(0).normal(0, 12, (40, SIZE, SIZE))
    return np.clip(noise + np.where(y, 200, 50)[:, None, None], 0, 255).astype(np.uint8), y


@pytest.fixture(scope="session")
def night_and_day_model(night_and_day: Any) -> PCAMixture:
    return fit(*night_and_day, quiet=True, n_components=1)


def is_day(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).mean(axis=1) > 125


def numbered(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images that differ, and sample weights that tell which image is which: image i weighs i + 2."""
    x = np.random.default_rng(1).integers(0, 256, (n, 6, 5), np.uint8)
    return x, np.arange(n) % 3, np.arange(n, dtype=np.float32) + 2


class Batches(keras.utils.PyDataset):
    """Another dataset: what it gives is read-only, and it counts its epochs."""

    def __init__(self, *batches: Any, endless: bool = False) -> None:
        super().__init__()
        self.batches = batches
        self.endless = endless
        self.begun = self.ended = 0

    @property
    def num_batches(self) -> int | None:
        return None if self.endless else len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index % len(self.batches)]

    def on_epoch_begin(self) -> None:
        self.begun += 1

    def on_epoch_end(self) -> None:
        self.ended += 1


# How many of what


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    ratio=st.floats(0, 0.95),
    shuffle=st.booleans(),
)
def test_every_batch_has_the_ratio_and_every_image_is_used_once(model, n, batch_size, ratio, shuffle):
    assume(round(ratio * batch_size) < batch_size)
    x, y, weight = numbered(n)
    batches = GMMSequence(
        x, y, sample_weight=weight, model=model, ratio=ratio, batch_size=batch_size, shuffle=shuffle
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


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 20), ratio=st.floats(0, 1))
def test_varying_moves_the_ratio_of_every_batch(model, n, batch_size, ratio):
    x, y, weight = numbered(n)
    before = x.copy()
    batches = GMMSequence(
        x, y, sample_weight=weight, model=model, ratio=ratio, batch_size=batch_size, mode="vary"
    )
    used: list[int] = []
    for index, (images, labels, weights) in enumerate(batches):
        here = (weights - 2).astype(int)
        assert len(here) == min(batch_size, n - index * batch_size)
        moved = (images != x[here]).any(axis=(1, 2))
        assert moved.sum() == round(ratio * len(here))
        np.testing.assert_array_equal(labels, y[here])
        used.extend(here)
    assert sorted(used) == list(range(n))
    np.testing.assert_array_equal(x, before)


def test_synthetic_and_varied_images_stand_anywhere_in_a_batch(model, flowers):
    x, y = flowers
    weight = np.full(len(x), 2.0)
    batches = GMMSequence(x, y, sample_weight=weight, model=model, ratio=0.5, batch_size=8)
    assert len({tuple(weights) for _, _, weights in batches}) > 5
    varied = GMMSequence(x, model=model, ratio=0.5, batch_size=8, mode="vary", shuffle=False)
    places = {tuple((images != x[8 * i : 8 * i + 8]).any(axis=(1, 2))) for i, images in enumerate(varied)}
    assert len(places) > 4


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_nothing_is_added_at_ratio_0(model, flowers, mode):
    x, y = flowers
    batches = GMMSequence(x, y, model=model, ratio=0, batch_size=25, shuffle=False, mode=mode)
    assert [len(labels) for _, labels in batches] == [25, 25, 10]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), x)
    inner = Batches((x[:7], y[:7]))
    images, labels = GMMSequence(inner, model=model, ratio=0, mode=mode)[0]
    np.testing.assert_array_equal(images, x[:7])
    np.testing.assert_array_equal(labels, y[:7])


# Labels


@pytest.mark.parametrize(
    "encode",
    [
        lambda y: y.astype(np.int32),
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.int64)[:, None],
        lambda y: np.eye(2, dtype=np.float32)[y],
        lambda y: np.eye(2, dtype=np.int8)[y],
        lambda y: y.astype(np.float32),
        lambda y: y.astype(np.float64)[:, None],
        lambda y: y.astype(bool),
        lambda y: y.tolist(),
    ],
)
def test_synthetic_labels_are_true_and_written_like_the_real_ones(night_and_day, night_and_day_model, encode):
    x, y = night_and_day
    labels = encode(y)
    batches = GMMSequence(x, labels, model=night_and_day_model, ratio=0.6, batch_size=20)
    written = np.asarray(labels)
    seen = []
    for images, got in batches:
        assert got.dtype == written.dtype
        assert got.shape == (len(images), *written.shape[1:])
        np.testing.assert_array_equal(got, np.asarray(encode(is_day(images).astype(int))))
        seen.extend(is_day(images))
    assert 40 < sum(seen) < 60


def test_varied_images_come_to_resemble_their_label(night_and_day, night_and_day_model):
    x, y = night_and_day
    wrong = 1 - y
    for labels in (wrong, np.eye(2)[wrong]):
        batches = GMMSequence(
            x, labels, model=night_and_day_model, ratio=1.0, batch_size=40, mode="vary", strength=1.0
        )
        images, got = batches[0]
        np.testing.assert_array_equal(is_day(images), got.argmax(axis=1) if got.ndim == 2 else got)
    batches = GMMSequence(x, model=night_and_day_model, ratio=1.0, batch_size=40, mode="vary", shuffle=False)
    np.testing.assert_array_equal(is_day(batches[0]), y)


@pytest.mark.parametrize(
    ("y", "received"),
    [
        (np.arange(60) % 4, r"int64 \(60,\), values in \[0, 3\]"),
        (np.full(60, -1), "values"),
        (np.full(60, 2**63, np.uint64), "values"),
        (np.eye(4)[np.arange(60) % 4], r"float64 \(60, 4\)"),
        (np.full((60, 3), 0.5), "values"),
        (np.ones((60, 3), int), "values"),
        (np.arange(60) % 2 + 0.0, "float64"),
        (np.full(60, np.nan), "nan"),
        (np.arange(60) % 2 == 0, "bool"),
        (np.array(["rose"] * 60), "<U4"),
        (np.zeros((60, 1, 1), int), r"\(60, 1, 1\)"),
    ],
)
@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_labels_that_are_not_the_models_are_refused(model, flowers, y, received, mode):
    with pytest.raises(ValueError, match=rf"Labels must be .*Received: .*{received}"):
        GMMSequence(flowers[0], y, model=model, ratio=0.2, mode=mode)
    with pytest.raises(ValueError, match="Labels must be"):
        GMMSequence(Batches((flowers[0], y)), model=model, ratio=0.2, mode=mode)


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_smoothed_labels_stay_and_stand_for_their_greatest_share(night_and_day, night_and_day_model, mode):
    x, y = night_and_day
    smoothed = 0.8 * np.eye(2)[y] + 0.1
    batches = GMMSequence(
        x, smoothed, model=night_and_day_model, ratio=0.5, batch_size=20, mode=mode, strength=1.0
    )
    for images, labels in batches:
        np.testing.assert_array_equal(is_day(images), labels.argmax(axis=1))
        shares = set(np.round(labels.max(axis=1), 3).tolist())
        assert shares == ({0.9, 1.0} if mode == "synthesize" else {0.9})


def test_a_dataset_without_batches_is_refused(model):
    with pytest.raises(ValueError, match="must have a batch"):
        GMMSequence(_NoBatches(), model=model, ratio=0.2)


class _NoBatches(keras.utils.PyDataset):
    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError(index)


def test_images_without_labels_stay_without(model, unlabelled, flowers):
    for one in (model, unlabelled):
        for mode in ("synthesize", "vary"):
            images = GMMSequence(flowers[0], model=one, ratio=0.25, batch_size=16, mode=mode)[0]
            assert images.shape == (16, SIZE, SIZE)


def test_a_model_without_classes_varies_labelled_images_but_makes_none(unlabelled, flowers):
    x, y = flowers
    with pytest.raises(ValueError, match=r"folder per class.*Received"):
        GMMSequence(x, y, model=unlabelled, ratio=0.25)
    measurements = np.random.default_rng(0).normal(size=(60, 4))
    batches = GMMSequence(x, measurements, model=unlabelled, ratio=1.0, mode="vary", shuffle=False)
    np.testing.assert_array_equal(np.concatenate([got for _, got in batches]), measurements)
    assert (np.concatenate([images for images, _ in batches]) != x).any(axis=(1, 2)).all()


# Images


@pytest.mark.parametrize(("dtype", "white", "channels"), ALL_LAYOUTS)
@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_images_come_in_the_layout_given(model, flowers, dtype, white, channels, mode):
    def batch(images: np.ndarray) -> np.ndarray:
        before = images.copy()
        images.setflags(write=False)
        batches = GMMSequence(images, flowers[1], model=model, ratio=0.5, batch_size=16, mode=mode)
        made = batches[1][0]
        assert made.dtype == images.dtype
        assert made.shape == (16, *images.shape[1:])
        np.testing.assert_array_equal(images, before)
        return made

    grey = flowers[0][:, 3:27]
    alike = grey if dtype == "uint8" else (grey * (white / 255)).astype(dtype)
    if channels is not None:
        alike = np.repeat(alike[..., None], channels, axis=-1)
    levels = batch(alike).astype(float) * (255 / white)
    levels = levels if channels is None else levels.mean(axis=-1)
    np.testing.assert_allclose(levels, batch(grey.copy()), atol=1.01)


def test_the_range_of_floats_is_told_by_all_of_them_or_said(model, flowers):
    x, y = flowers
    dark = x.astype(np.float32)
    dark[:-1] /= 255
    batches = GMMSequence(dark, y, model=model, ratio=0.5, batch_size=16)
    assert all(images.max() > 100 for images, _ in batches)
    inner = Batches((dark[:8], y[:8]), (dark[8:16], y[8:16]))
    assert GMMSequence(inner, model=model, ratio=0.5)[1][0].max() <= 1
    assert GMMSequence(inner, model=model, ratio=0.5, value_range=255.0)[1][0].max() > 100


def test_strength_may_be_a_range(model, flowers):
    x, y = flowers

    def distances(strength: Any) -> np.ndarray:
        batches = GMMSequence(
            x, y, model=model, ratio=1.0, batch_size=60, mode="vary", strength=strength, shuffle=False
        )
        return np.abs(batches[0][0].astype(float) - x).mean(axis=(1, 2))

    weak, strong, between = distances(0.05), distances((0.95, 1.0)), distances((0.05, 1.0))
    assert weak.mean() < between.mean() < strong.mean()
    assert between.std() > max(weak.std(), strong.std())


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.zeros((8, 8), np.uint8), ValueError),
        (np.zeros((5, 8, 8, 2), np.uint8), ValueError),
        (np.zeros((0, 8, 8, 3), np.uint8), ValueError),
        (np.zeros((5, 8, 8), np.int32), TypeError),
        (np.full((5, 8, 8), np.nan), ValueError),
        (np.full((5, 8, 8), -1.0), ValueError),
        (np.full((5, 8, 8), 1.3), ValueError),
        (None, ValueError),
    ],
)
def test_images_that_cannot_be_mixed_with_are_refused(model, images, error):
    with pytest.raises(error, match="Received:"):
        GMMSequence(images, model=model, ratio=0.2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ratio": 1.0}, ValueError),
        ({"ratio": -0.1}, ValueError),
        ({"ratio": 1.1, "mode": "vary"}, ValueError),
        ({"ratio": float("nan"), "mode": "vary"}, ValueError),
        ({"ratio": 0.9, "batch_size": 4}, ValueError),
        ({"batch_size": 0}, ValueError),
        ({"mode": "mix"}, ValueError),
        ({"strength": 1.2}, ValueError),
        ({"strength": (0.5, 0.2)}, ValueError),
        ({"strength": (0.1, 0.2, 0.3)}, ValueError),
        ({"seed": -1}, ValueError),
        ({"seed": 0.5}, ValueError),
        ({"value_range": 100.0}, ValueError),
        ({"sample_weight": np.ones(59)}, ValueError),
        ({"y": np.zeros(59, int)}, ValueError),
        ({"y": None, "sample_weight": np.ones(60)}, ValueError),
    ],
)
def test_options_out_of_range_are_refused(model, flowers, options, error):
    x, y = flowers
    with pytest.raises(error, match="Received:"):
        GMMSequence(x, **{"y": y, "model": model, "ratio": 0.25, **options})


def test_the_model_may_be_a_path(model, flowers, tmp_path):
    model.save(tmp_path / "model.safetensors")
    x, y = flowers
    ours = GMMSequence(x, y, model=model, ratio=0.25)[0]
    same(ours, GMMSequence(x, y, model=str(tmp_path / "model.safetensors"), ratio=0.25)[0])
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(ArtifactError):
        GMMSequence(x, y, model=tmp_path / "model.safetensors", ratio=0.25)


# Beside another dataset


def test_images_join_those_of_another_dataset(model, flowers):
    x, y = flowers
    weight = np.full(60, 2, np.float32)
    inner = Batches((x[:9], y[:9], weight[:9]), [x[9:10], y[9:10], weight[9:10]])
    batches = GMMSequence(inner, model=model, ratio=0.4)
    assert len(batches) == 2
    for (images, labels, weights), rows in zip(batches, (slice(0, 9), slice(9, 10)), strict=True):
        n_real = rows.stop - rows.start
        assert len(images) == len(labels) == n_real + synthetic_beside(n_real, 0.4)
        real = weights == 2
        np.testing.assert_array_equal(weights[~real], 1)
        assert {one.tobytes() for one in images[real]} == {one.tobytes() for one in x[rows]}
        assert sorted(labels[real]) == sorted(y[rows])
    assert not (batches[0][2] == 2)[:9].all()


def test_batches_of_another_dataset_are_varied_in_a_copy(model, flowers):
    x, y = flowers
    batches = GMMSequence(Batches((x[:10], y[:10])), model=model, ratio=0.5, mode="vary")
    images, labels = batches[0]
    assert (images != x[:10]).any(axis=(1, 2)).sum() == 5
    np.testing.assert_array_equal(labels, y[:10])


def test_batches_may_be_images_alone_or_tensors(model, flowers):
    x, y = flowers
    for batch in (x[:6], (x[:6],), (x[:6], None), keras.ops.convert_to_tensor(x[:6])):
        assert GMMSequence(Batches(batch), model=model, ratio=0.25)[0].shape == (8, SIZE, SIZE)
    tensors = (keras.ops.convert_to_tensor(x[:6]), keras.ops.convert_to_tensor(y[:6]))
    images, labels = GMMSequence(Batches(tensors), model=model, ratio=0.25)[0]
    assert (images.dtype, labels.dtype, len(labels)) == (np.uint8, np.int32, 8)


def test_epochs_are_told_to_the_other_dataset(model, flowers):
    inner = Batches((flowers[0][:6],))
    batches = GMMSequence(inner, model=model, ratio=0.25)
    batches.on_epoch_begin()
    batches.on_epoch_end()
    batches.on_epoch_end()
    assert (inner.begun, inner.ended) == (1, 2)


def test_another_dataset_may_be_endless(model, flowers):
    batches = GMMSequence(Batches((flowers[0][:6],), endless=True), model=model, ratio=0.25)
    assert batches.num_batches is None
    assert len(batches[1234]) == 8
    with pytest.raises(TypeError, match="endless"):
        len(batches)


@pytest.mark.parametrize(
    "options", [{"y": [0]}, {"batch_size": 8}, {"shuffle": True}, {"shuffle": False}, {"sample_weight": [1]}]
)
def test_options_for_arrays_are_refused_beside_a_dataset(model, flowers, options):
    with pytest.raises(ValueError, match=f"for arrays.*Received: {next(iter(options))}"):
        GMMSequence(Batches((flowers[0],)), model=model, ratio=0.25, **options)


@pytest.mark.parametrize(
    "batch",
    [{"x": 1}, (1, 2, 3, 4), (None, np.zeros(3)), ({"x": 1},), (np.zeros((2, 8, 8)), np.zeros(3, int))],
)
def test_batches_of_another_kind_are_refused(model, batch):
    with pytest.raises(ValueError, match="Received:"):
        GMMSequence(Batches(batch), model=model, ratio=0.25)


# The contract of keras.utils.PyDataset


class Recorder(keras.Model):
    """Takes the place of a network and keeps what ``fit`` gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[np.ndarray, ...]] = []
        self.compile(run_eagerly=True)

    def train_step(self, data: Any) -> dict[str, float]:
        self.batches.append(tuple(keras.ops.convert_to_numpy(part) for part in data))
        return {"loss": 0.0}


def same(batch: Any, other: Any) -> None:
    assert len(batch) == len(other)
    for part, twin in zip(batch, other, strict=True):
        assert part.dtype == twin.dtype
        np.testing.assert_array_equal(part, twin)


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


def test_a_network_learns_from_the_batches(night_and_day, night_and_day_model):
    x, y = night_and_day
    network = keras.Sequential(
        [keras.layers.Rescaling(1 / 127.5, offset=-1), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    network.compile(
        keras.optimizers.SGD(0.001),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = GMMSequence(x, y, model=night_and_day_model, ratio=0.5, batch_size=16, workers=2)
    network.fit(batches, validation_data=(x, y), epochs=10, verbose=0)
    assert network.evaluate(batches, verbose=0)[1] > 0.9


# The package without its framework


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
