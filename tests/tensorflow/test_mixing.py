"""``mix``: the number of synthetic images in a batch, and that real ones are unchanged."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gmmaug_plugin.ratio import split_batch, synthetic_beside
from gmmaug_plugin.tensorflow import mix
from tests.factories import random_pool

SIZE = 16
FROM_SLICES = tf.data.Dataset.from_tensor_slices


@pytest.fixture(scope="module")
def pool():
    return random_pool(60, image_size=SIZE)


def marked(n):
    """Real images, each of one gray level, which no synthetic image is: image i has gray level i.

    Its label is i's last bit and its weight i + 2, which shows that the parts stay together.
    """
    numbers = np.arange(n)
    images = np.broadcast_to(numbers[:, None, None, None], (n, SIZE, SIZE, 1)).astype(np.uint8)
    return FROM_SLICES((images, (numbers % 2).astype(np.int64), (numbers + 2).astype(np.float32)))


def is_real(images):
    return np.ptp(images.reshape(len(images), -1), axis=1) == 0


@settings(max_examples=12, deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    ratio=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.9]), st.floats(0, 0.95)),
    own_batch=st.sampled_from([None, 4, 7]),
)
def test_every_batch_has_its_share_and_every_real_image_is_used_once(pool, n, batch_size, ratio, own_batch):
    assume(round(ratio * batch_size) < batch_size)
    n_real, n_synthetic = split_batch(batch_size, ratio)
    dataset = marked(n) if own_batch is None else marked(n).batch(own_batch)
    mixed = mix(dataset, pool, ratio=ratio, batch_size=batch_size)
    batches = list(mixed.as_numpy_iterator())

    full, left = divmod(n, n_real)
    short = [(left, synthetic_beside(left, ratio))] if left else []
    counts = [(is_real(images).sum(), (~is_real(images)).sum()) for images, _, _ in batches]
    assert counts == [(n_real, n_synthetic)] * full + short

    images, labels, weights = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    real = is_real(images)
    numbers = images[real, 0, 0, 0]
    assert numbers.tolist() == list(range(n))
    assert (labels[real] == numbers % 2).all()
    assert (weights[real] == numbers + 2).all()
    assert (weights[~real] == 1).all()
    assert np.isin(labels[~real], (0, 1)).all()


def test_synthetic_images_stand_anywhere_and_keep_their_labels(pool):
    places = np.zeros(8)
    for batch, numbers, _ in mix(marked(90), pool, ratio=0.25, batch_size=8).as_numpy_iterator():
        synthetic = ~is_real(batch)
        places[: len(synthetic)] += synthetic
        np.testing.assert_array_equal(batch[synthetic].mean(axis=(1, 2, 3)) > 127, numbers[synthetic] == 1)
    assert places.sum() == 30
    assert (places > 0).all()


def synthetic_of(mixed):
    """Synthetic images of an epoch, sorted within their batch: their places are random."""
    batches = [part[0] for part in mixed.as_numpy_iterator()]
    return [sorted(image.tobytes() for image in batch[~is_real(batch)]) for batch in batches]


def test_epochs_read_the_pool_in_the_order_of_the_seed():
    pool = random_pool(120, image_size=SIZE)
    expected = [image.tobytes() for image in pool.sample(120, seed=3)[0]]
    mixed = mix(marked(60), pool, ratio=0.25, batch_size=8, seed=3)
    epochs = [batch for _ in range(3) for batch in synthetic_of(mixed)]
    assert epochs == [sorted(expected[i : i + 2]) for i in range(0, 60, 2)]
    # With an unknown number of images the first epoch is the same, and others differ.
    unknown = mix(marked(60).filter(lambda *_: True), pool, ratio=0.25, batch_size=8, seed=3)
    first, second = synthetic_of(unknown), synthetic_of(unknown)
    assert first == epochs[:10]
    assert first != second


@pytest.mark.parametrize(
    ("make", "cardinality", "batch"),
    [
        (lambda: marked(24), 4, 8),
        (lambda: marked(25), 5, None),
        (lambda: marked(24).batch(12, drop_remainder=True), 4, 8),
        # The number of images in batches without a static size is unknown before they are read.
        (lambda: marked(24).batch(12), tf.data.UNKNOWN_CARDINALITY, None),
        (lambda: marked(24).filter(lambda *_: True), tf.data.UNKNOWN_CARDINALITY, None),
        (lambda: marked(5).repeat(), tf.data.INFINITE_CARDINALITY, 8),
        (lambda: marked(5).batch(4).repeat(), tf.data.INFINITE_CARDINALITY, 8),
    ],
)
def test_cardinality_and_shapes_are_known_where_they_can_be(pool, make, cardinality, batch):
    mixed = mix(make(), pool, ratio=0.25, batch_size=8)
    assert mixed.cardinality() == cardinality
    assert mixed.element_spec == (
        tf.TensorSpec((batch, SIZE, SIZE, 1), tf.uint8),
        tf.TensorSpec((batch,), tf.int64),
        tf.TensorSpec((batch,), tf.float32),
    )
    assert len(next(iter(mixed))[0]) == 8


def test_the_batch_size_is_the_datasets_own_by_default(pool):
    mixed = mix(marked(40).batch(10), pool, ratio=0.2)
    assert [len(labels) for _, labels, _ in mixed] == [10] * 5
    with pytest.raises(ValueError, match=r"batch_size must be given.*Received: batch_size=None"):
        mix(marked(40), pool, ratio=0.2)


def test_every_run_is_the_same(pool):
    def run(seed):
        mixed = mix(marked(20), pool, ratio=0.5, batch_size=10, seed=seed)
        return [np.concatenate([batch[0] for batch in mixed.as_numpy_iterator()]) for _ in range(3)]

    epochs = run(seed=1)
    np.testing.assert_array_equal(epochs, run(seed=1))
    assert (epochs[0] != epochs[1]).any()
    assert (epochs[0] != run(seed=2)[0]).any()
