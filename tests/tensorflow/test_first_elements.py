"""How many elements of a dataset are read before it is iterated, and what for."""

import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_pool

POOL = random_pool(60)
SHAPE = (16, 16, 1)


class Source:
    """A dataset that counts the images read from it: the first ``n_black`` are black, the others are not."""

    def __init__(self, n, n_black=0, dtype="float32", white=255.0, label=0):
        self.n_read = 0

        def images():
            for index in range(n):
                self.n_read += 1
                yield np.full(SHAPE, 0 if index < n_black else 0.7 * white, dtype), label

        spec = tf.TensorSpec(SHAPE, dtype), tf.TensorSpec((), tf.int64)
        self.dataset = tf.data.Dataset.from_generator(images, output_signature=spec)


@pytest.mark.parametrize("white", [1.0, 255.0])
@pytest.mark.parametrize(
    ("n_black", "batch", "n_read"), [(0, None, 16), (40, None, 48), (0, 8, 16), (31, 8, 32)]
)
def test_images_are_read_until_they_show_the_value_range(white, n_black, batch, n_read):
    source = Source(100, n_black, white=white)
    dataset = source.dataset if batch is None else source.dataset.batch(batch)
    mixed = mix(dataset, POOL, ratio=0.5, batch_size=8)
    assert source.n_read == n_read
    synthetic = max(float(tf.reduce_max(images)) for images, _ in mixed)
    assert 0.9 * white < synthetic <= white


@pytest.mark.parametrize(("batch", "n_read"), [(None, 1000), (1, 64), (32, 2048)])
def test_reading_ends_even_if_all_images_are_black(batch, n_read):
    source = Source(5000, 5000)
    dataset = source.dataset if batch is None else source.dataset.batch(batch)
    with pytest.raises(ValueError, match=rf"pass value_range=.*the first {n_read} image"):
        mix(dataset, POOL, ratio=0.5, batch_size=8)
    assert source.n_read == n_read


def test_values_that_were_read_on_the_way_count():
    images = np.full((40, *SHAPE), 0.7, np.float32)
    images[:20] = -0.3
    with pytest.raises(ValueError, match=r"cannot be known from values in \[-0\.3, 0\.7\]"):
        mix(tf.data.Dataset.from_tensor_slices(images), POOL, ratio=0.5, batch_size=8)


STATED = {"value_range": 255, "label_mode": "int"}


@pytest.mark.parametrize(
    ("dtype", "stated", "batch", "n_read"),
    [
        ("float32", STATED, {}, 0),
        ("float32", STATED, {"batch_size": 4, "drop_remainder": True}, 0),
        ("float32", STATED, {"batch_size": 4}, 8),
        ("float32", {"value_range": 255}, {}, 16),
        ("float32", {"label_mode": "int"}, {}, 16),
        ("uint8", {"label_mode": "int"}, {}, 0),
        ("uint8", {}, {}, 16),
    ],
)
def test_mix_reads_nothing_that_is_stated(dtype, stated, batch, n_read):
    source = Source(40, dtype=dtype)
    dataset = source.dataset.batch(**batch) if batch else source.dataset
    mixed = mix(dataset, POOL, ratio=0.5, batch_size=8, **stated)
    assert source.n_read == n_read
    assert len(list(mixed)) == 10


def test_gmm_dataset_always_checks_the_first_images():
    source = Source(40)
    gmm_dataset(POOL, 8, like=source.dataset, **STATED)
    assert source.n_read == 16
    with pytest.raises(ValueError, match=r"range \[0, 1\].*in the first 16 image"):
        gmm_dataset(POOL, 8, like=source.dataset, value_range=1, label_mode="int")
    with pytest.raises(ValueError, match=r"numbers from 0 to 1.*values in \[5, 5\]"):
        gmm_dataset(POOL, 8, like=Source(40, label=5).dataset, **STATED)


def test_a_short_batch_that_comes_first_does_not_set_the_batch_size():
    dataset = Source(40).dataset.batch(16)
    moved = dataset.skip(2).concatenate(dataset.take(2))
    assert [len(images) for images, _ in mix(moved, POOL, ratio=0.25)] == [16, 16, 16, 5]
