"""Labels of batches: true, and written like those given."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from tests.keras.conftest import SIZE  # noqa: E402
from tests.keras.setting import Batches  # noqa: E402


def is_day(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).mean(axis=1) > 125


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
