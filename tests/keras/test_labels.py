"""Labels of batches: true, and written like the real ones."""

import numpy as np
import pytest

from gmmaug_plugin.keras import GMMSequence
from tests.factories import random_pool
from tests.keras.conftest import SIZE, Batches


def is_bright(images: np.ndarray) -> np.ndarray:
    """Whether images are of the second of a random pool's two classes."""
    return images.reshape(len(images), -1).mean(axis=1) > 127


@pytest.fixture(scope="module")
def two_classes():
    return random_pool(image_size=SIZE)


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
def test_synthetic_labels_are_true_and_written_like_the_real_ones(two_classes, encode):
    x, y = random_pool(image_size=SIZE, seed=1).sample(40, seed=0)
    labels = encode(y)
    batches = GMMSequence(x, labels, model=two_classes, ratio=0.6, batch_size=20)
    written = np.asarray(labels)
    seen = []
    for images, got in batches:
        assert got.dtype == written.dtype
        assert got.shape == (len(images), *written.shape[1:])
        np.testing.assert_array_equal(got, np.asarray(encode(is_bright(images).astype(int))))
        seen.extend(is_bright(images))
    assert 40 < sum(seen) < 60


def test_whole_floats_are_class_numbers(pool, photos):
    x, y = photos
    _, labels = GMMSequence(x, y.astype(np.float32), model=pool, ratio=0.5, batch_size=60)[0]
    assert labels.dtype == np.float32
    assert set(labels) == {0, 1, 2}


def test_smoothed_labels_stay_as_they_are(two_classes):
    x, y = random_pool(image_size=SIZE, seed=1).sample(40, seed=0)
    for images, labels in GMMSequence(
        x, 0.8 * np.eye(2)[y] + 0.1, model=two_classes, ratio=0.5, batch_size=20
    ):
        np.testing.assert_array_equal(is_bright(images), labels.argmax(axis=1))
        assert set(np.round(labels.max(axis=1), 3).tolist()) == {0.9, 1.0}


@pytest.mark.parametrize(
    ("y", "received"),
    [
        (np.arange(60) % 4, r"int64 \(60,\), values in \[0, 3\]"),
        (np.full(60, -1), "values"),
        (np.full(60, 2**63, np.uint64), "values"),
        (np.eye(4)[np.arange(60) % 4], r"float64 \(60, 4\)"),
        (np.full((60, 3), 0.5), "values"),
        (np.ones((60, 3), int), "values"),
        (np.arange(60) % 2 + 0.5, "float64"),
        (np.full(60, np.nan), "nan"),
        (np.arange(60) % 2 == 0, "bool"),
        (np.array(["rose"] * 60), "<U4"),
        (np.zeros((60, 1, 1), int), r"\(60, 1, 1\)"),
        (np.zeros((60, SIZE, SIZE), np.uint8), rf"\(60, {SIZE}, {SIZE}\)"),
    ],
)
def test_labels_that_are_not_the_pools_are_refused(pool, photos, y, received):
    with pytest.raises(ValueError, match=rf"Labels must be .*Received: .*{received}"):
        GMMSequence(photos[0], y, model=pool, ratio=0.2)
    later = GMMSequence(Batches(photos, (photos[0], y)), model=pool, ratio=0.2)
    with pytest.raises(ValueError, match="Labels must be"):
        later[1]


def test_images_without_labels_stay_without(pool, photos):
    for one in (pool, random_pool(n_classes=0)):
        assert GMMSequence(photos[0], model=one, ratio=0.25, batch_size=16)[0].shape == (16, SIZE, SIZE)


def test_an_unlabelled_pool_has_nothing_beside_labels(photos):
    with pytest.raises(ValueError, match=r"folder per class.*Received"):
        GMMSequence(*photos, model=random_pool(n_classes=0), ratio=0.25)
