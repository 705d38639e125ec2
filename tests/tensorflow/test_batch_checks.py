"""Real batches that differ from what was stated or seen first: iteration ends and says where and why."""

import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.tensorflow import mix
from gmmaug_plugin.tensorflow.batch_checks import checked
from gmmaug_plugin.tensorflow.structure import Structure
from tests.factories import random_pool

POOL = random_pool(60)
N, BATCH, WRONG = 40, 8, 30
IMAGES = np.random.default_rng(0).random((N, 16, 16, 1)).astype(np.float32)
LABELS = np.arange(N) % 2
Error = tf.errors.InvalidArgumentError
service = tf.data.experimental.service


def changed(rows, value):
    rows = rows.copy()
    rows[WRONG] = value
    return rows


BROKEN = {
    "too bright": (changed(IMAGES, 1.01), LABELS, r"value range \[0, 1\].*Clip.*values in \[\S+, 1\.01\]"),
    "too dark": (changed(IMAGES * 2 - 1, -1.1), LABELS, r"value range \[-1, 1\].*values in \[-1\.1, \S+\]"),
    "half floats": (changed(IMAGES, 2).astype(np.float16), LABELS, r", 2\]"),
    "infinite": (changed(IMAGES, np.inf), LABELS, r"must be finite.*inf\]"),
    "a third class": (IMAGES, changed(LABELS, 2), r"from 0 to 1; .*class_names=\[\.\.\.\]\. Received: \[2\]"),
    "negative label": (IMAGES, changed(LABELS, -1), r"class numbers from 0 to 1.*Received: \[-1\]"),
    "half a label": (IMAGES, changed(LABELS[:, None] * 1.0, 0.5), r"class numbers.*Received: \[0\.5\]"),
    "other picture": (IMAGES, changed(IMAGES, 0.5), r"must equal the images.*mask.*dataset\.map"),
}


def mixed_with(broken="too bright", batch=None):
    dataset = tf.data.Dataset.from_tensor_slices(BROKEN[broken][:2])
    return mix(dataset.batch(batch) if batch else dataset, POOL, ratio=0.5, batch_size=BATCH)


@pytest.mark.parametrize("batch", [None, 4])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_wrong_batch_ends_iteration_with_its_number_and_values(broken, batch):
    batches = iter(mixed_with(broken, batch))
    number = WRONG // 4
    for _ in range(number):
        next(batches)
    with pytest.raises(Error, match=rf"Batch {number} \(the first is 0\): .*{BROKEN[broken][2]}"):
        next(batches)


def test_batches_that_grow_are_refused():
    images = tf.data.Dataset.from_tensor_slices(np.zeros((40, 16, 16, 1), np.uint8))
    uneven = images.batch(6).take(2).concatenate(images.batch(8))
    with pytest.raises(Error, match=r"Batch 2 .*must have 6 images: unbatch them. Received: 8"):
        list(mix(uneven, POOL, ratio=0.25, batch_size=8))


def test_values_that_only_round_are_kept_as_they_are():
    images = changed(IMAGES, 1.00005)
    mixed = mix(tf.data.Dataset.from_tensor_slices(images), POOL, ratio=0.5, batch_size=BATCH)
    found = {image.tobytes() for image in mixed.unbatch().as_numpy_iterator()}
    assert {image.tobytes() for image in images} < found


def test_smoothed_labels_of_half_floats_pass():
    labels = (0.9 * np.eye(2)[LABELS] + 0.05).astype(np.float16)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES.astype(np.float16), labels))
    assert len(list(mix(dataset, POOL, ratio=0.5, batch_size=BATCH))) == 10


def test_every_part_depends_on_every_check():
    images, labels, _ = BROKEN["too bright"]
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    structure = Structure.of(dataset, POOL)
    # A plain graph runs no operation that its result does not depend on.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for part in checked([tf.constant(images), tf.constant(labels)], tf.constant(7), structure, N):
            with pytest.raises(Error, match="Batch 7"):
                session.run(part)


def in_training(dataset):
    import keras

    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    network.fit(dataset, shuffle=False, verbose=0)


def through_a_service(dataset):
    dispatcher = service.DispatchServer()
    config = service.WorkerConfig(dispatcher_address=dispatcher.target.split("://")[1])
    worker = service.WorkerServer(config)
    list(dataset.apply(service.distribute(service.ShardingPolicy.OFF, dispatcher.target)))
    worker.stop()


def on_a_device(dataset):
    list(tf.distribute.OneDeviceStrategy("CPU:0").experimental_distribute_dataset(dataset))


@pytest.mark.parametrize("use", [in_training, through_a_service, on_a_device])
def test_the_checks_travel_with_the_graph(use):
    with pytest.raises(Error, match=r"Batch 7 \(the first is 0\): real images must be finite"):
        use(mixed_with())
