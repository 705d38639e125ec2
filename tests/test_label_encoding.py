"""Label encodings, which all adapters accept and refuse alike."""

from collections.abc import Callable

import numpy as np
import pytest

from gmmaug_plugin.pool import Pool
from tests.factories import random_pool

tf = pytest.importorskip("tensorflow")

from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.tensorflow import gmm_dataset  # noqa: E402

N = 12
IMAGES = np.zeros((N, 8, 8, 1), np.uint8)


def with_keras(pool: Pool, labels: np.ndarray) -> np.ndarray:
    batches = GMMSequence(IMAGES, labels, model=pool, ratio=0.5, batch_size=2 * N, shuffle=False)
    return batches[0][1][N:]


def with_tensorflow(pool: Pool, labels: np.ndarray) -> np.ndarray:
    like = tf.data.Dataset.from_tensor_slices((IMAGES, labels))
    return next(gmm_dataset(pool, N, like=like).batch(N).as_numpy_iterator())[1]


adapters = pytest.mark.parametrize("synthetic", [with_keras, with_tensorflow])

ENCODINGS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "integers": (3, lambda y: y),
    "bytes (1,)": (3, lambda y: y[:, None].astype(np.uint8)),
    "bool": (2, lambda y: y.astype(bool)),
    "bool (1,)": (2, lambda y: y[:, None].astype(bool)),
    "floats": (3, lambda y: y.astype(np.float32)),
    "half floats (1,)": (3, lambda y: y[:, None].astype(np.float16)),
    "bfloat16": (3, lambda y: y.astype(tf.bfloat16.as_numpy_dtype)),
    "one-hot floats": (3, lambda y: np.eye(3, dtype=np.float32)[y]),
    "one-hot integers": (3, lambda y: np.eye(3, dtype=np.int8)[y]),
    "one-hot bool": (3, lambda y: np.eye(3, dtype=bool)[y]),
    "numbers of one class": (1, lambda y: y),
    "numbers of one class (1,)": (1, lambda y: y[:, None]),
    "one-hot of one class": (1, lambda y: np.ones((len(y), 1), np.float32)),
}


@adapters
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_synthetic_labels_are_true_and_in_the_encoding_given(synthetic, encoding):
    n_classes, encode = ENCODINGS[encoding]
    pool = random_pool(image_size=8, n_classes=n_classes)
    labels = encode(np.arange(N) % n_classes)
    expected = encode(pool.sample(N, seed=0)[1])
    found = synthetic(pool, labels)
    assert (found.dtype, found.shape) == (labels.dtype, labels.shape)
    np.testing.assert_array_equal(found, expected)


@adapters
def test_beside_smoothed_labels_synthetic_ones_are_one_hot(synthetic):
    pool = random_pool(image_size=8, n_classes=3)
    smoothed = 0.9 * np.eye(3)[np.arange(N) % 3] + 0.1 / 3
    np.testing.assert_array_equal(synthetic(pool, smoothed), np.eye(3)[pool.sample(N, seed=0)[1]])


@adapters
@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.arange(N) % 4, r"int64 .*values in \[0, 3\]"),
        (np.full(N, -1), r"values in \[-1, -1\]"),
        (np.full(N, 2**63, np.uint64), "uint64"),
        (np.arange(N) % 2 + 0.5, r"values in \[0\.5, 1\.5\]"),
        (np.full(N, np.nan), "nan"),
        (np.arange(N) % 2 == 0, "bool"),
        (np.eye(4)[np.arange(N) % 4], r"\(12, 4\)"),
        (np.full((N, 3), 0.5), r"\(12, 3\)"),
        (np.eye(3)[np.arange(N) % 3] * 2 - 1 / 3, r"\(12, 3\)"),
        (np.ones((N, 3), int), r"\(12, 3\)"),
    ],
)
def test_other_labels_are_refused(synthetic, labels, received):
    pool = random_pool(image_size=8, n_classes=3)
    with pytest.raises(ValueError, match=rf"from 0 to 2 .*\['a', 'b', 'c'\]. Received: .*{received}"):
        synthetic(pool, labels)


@adapters
def test_a_dtype_must_hold_each_class_number(synthetic):
    images = np.zeros((130, 1, 1), np.uint8)
    pool = Pool(images, np.arange(130, dtype=np.int32), tuple(map(str, range(130))))
    assert synthetic(pool, np.zeros(N, np.uint8)).dtype == np.uint8
    with pytest.raises(ValueError, match="Received: int8"):
        synthetic(pool, np.zeros(N, np.int8))


@adapters
def test_labels_are_numbers(synthetic):
    with pytest.raises(TypeError, match=r"Labels must be numbers\. Received: dtype"):
        synthetic(random_pool(image_size=8), np.array(["rose"] * N))


@adapters
def test_labels_need_a_pool_with_classes(synthetic):
    with pytest.raises(ValueError, match=r"The pool has no classes.*folder per class.*Received: labels"):
        synthetic(random_pool(image_size=8, n_classes=0), np.zeros(N, int))
