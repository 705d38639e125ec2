"""What a dataset's first batch shows, holds for all its batches; synthetic parts beside further keys."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gmmaug_plugin.keras import GMMSequence
from tests.factories import random_pool
from tests.keras.conftest import SIZE, Batches

GRAY = np.random.default_rng(2).integers(0, 256, (6, SIZE, SIZE, 1), np.uint8)
LABELS = np.arange(6) % 3
FLOATS, ONE_HOT = GRAY / np.float32(255), np.eye(3, dtype=np.float32)[LABELS]


@pytest.mark.parametrize(
    ("batch", "received"),
    [
        ((GRAY, None, LABELS), "1: 'NoneType'"),
        (([GRAY, LABELS], LABELS), "0: 'list'"),
        ((GRAY, LABELS[:5]), r"shapes {0: \(6, 32, 32, 1\), 1: \(5,\)}"),
        ({"image": GRAY, "epoch": 3}, r"'epoch': \(\)"),
    ],
)
def test_batches_of_another_structure_are_refused(pool, batch, received):
    with pytest.raises((TypeError, ValueError), match=f"Received: .*{received}"):
        GMMSequence(Batches(batch), model=pool, ratio=0.25)


def test_parts_of_none_at_the_end_are_left_out(pool):
    for batch, n_parts in (((GRAY, None), 1), ([GRAY, LABELS, None], 2)):
        mixed = GMMSequence(Batches(batch), model=pool, ratio=0.25)[0]
        assert (type(mixed), len(mixed)) == (type(batch), n_parts)


def test_further_keys_keep_their_order_and_are_blank_for_synthetic_images(pool):
    batch = {
        "path": np.array([f"{i}.png" for i in range(6)], object),
        "bytes": np.array([b"a"] * 6, object),
        "name": ["daisy"] * 6,
        "label": LABELS,
        "image": GRAY,
        "sample_weight": np.full((6, 1), 2, np.float32),
    }
    mixed = GMMSequence(Batches(batch), model=pool, ratio=0.25)[0]
    assert list(mixed) == list(batch)
    made = mixed["sample_weight"][:, 0] == 1
    assert made.sum() == 2
    for key, value in {"path": "", "bytes": b"", "name": ""}.items():
        assert set(mixed[key][made].ravel().tolist()) == {value}
        assert sorted(mixed[key][~made]) == sorted(batch[key])


LATER: dict[str, tuple[Any, Any, str]] = {
    "dtype": ((GRAY, LABELS), (FLOATS, LABELS), "'uint8'.*Received: .*'float32'"),
    "integers": ((FLOATS, LABELS), (GRAY, LABELS), "'float32'.*Received: .*'uint8'"),
    "channels": ((GRAY, LABELS), (GRAY.repeat(3, -1), LABELS), "channels=1,.*Received: .*channels=3"),
    "channels first": (np.moveaxis(GRAY, -1, 1), GRAY, "first=True.*Received: .*first=False"),
    "no labels": ((GRAY, LABELS), (GRAY,), "labels=1,.*Received: .*labels=None"),
    "further keys": ({"x": GRAY}, {"x": GRAY, "id": LABELS}, r"Received: .*others=\('id',\)"),
    "one-hot": ((GRAY, LABELS), (GRAY, ONE_HOT), r"labels of shape \(6, 3\).*int64 class numbers"),
    "label dtype": ((GRAY, LABELS), (GRAY, LABELS.astype(np.int8)), "int8 labels.*int64 class numbers"),
    "a target": ((GRAY, GRAY), (GRAY, 255 - GRAY), "Received: other images in 1"),
    "copies": ((GRAY, LABELS), (GRAY, GRAY), "Received: .*copy=1"),
}


@pytest.mark.parametrize("case", LATER)
def test_the_format_of_the_first_batch_is_asserted_on_every_other(pool, case):
    first, later, received = LATER[case]
    batches = GMMSequence(Batches(first, first, later), model=pool, ratio=0.25)
    batches[1]
    with pytest.raises(ValueError, match=rf"{received}.*, in batch 2 \(from 0\)$"):
        batches[2]


@pytest.mark.parametrize(("mode", "first", "kind"), [(None, 0, "class"), ("categorical", 1, "one-hot")])
def test_vectors_of_one_class_are_class_numbers_unless_stated(mode, first, kind):
    pool = random_pool(image_size=SIZE, n_classes=1)
    inner = Batches((GRAY, np.full((6, 1), first)), (GRAY, np.full((6, 1), 1 - first)))
    batches = GMMSequence(inner, model=pool, ratio=0.25, label_mode=mode)
    assert set(batches[0][1].ravel()) == {first}
    with pytest.raises(ValueError, match=f"the first batch has int64 {kind}.*batch 1"):
        batches[1]


@pytest.mark.parametrize("endless", [False, True])
@pytest.mark.parametrize(("n_black", "clear", "n_read"), [(2, FLOATS, 3), (7, FLOATS * 255, 8), (3, GRAY, 1)])
def test_batches_are_read_until_the_range_of_floats_is_clear(pool, endless, n_black, clear, n_read):
    inner = Batches(*[clear * 0] * n_black, clear, endless=endless)
    batches = GMMSequence(inner, model=pool, ratio=0.25)
    assert inner.read == list(range(n_read))
    assert batches[0].max() > 0.9 * clear.max()


def test_no_more_than_eight_batches_are_read_for_the_range(pool):
    inner = Batches(*[FLOATS * 0] * 8, FLOATS)
    with pytest.raises(ValueError, match=r"pass value_range=\(0, 255\), \(0, 1\) or"):
        GMMSequence(inner, model=pool, ratio=0.25)
    GMMSequence(inner, model=pool, ratio=0.25, value_range=1)
    assert inner.read == [*range(8), 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """10 images in each of two folders; those in "light" are lighter."""
    path = tmp_path_factory.mktemp("photos")
    for name, level in (("dark", 50), ("light", 200)):
        (path / name).mkdir()
        for i in range(10):
            Image.fromarray(np.full((SIZE, SIZE), level + i, np.uint8)).save(path / name / f"{i}.png")
    return path


@pytest.mark.parametrize("classes", [None, ["light", "dark"]])
@pytest.mark.parametrize("rescale", [None, 1 / 255])
@pytest.mark.parametrize("mode", ["sparse", "binary", "categorical"])
def test_flows_of_keras_bring_the_order_of_their_classes(folder, mode, rescale, classes):
    # In this pool class 0 is darker.
    pool = replace(random_pool(40, image_size=SIZE), class_names=("dark", "light"))
    flow = tf.keras.preprocessing.image.ImageDataGenerator(rescale=rescale).flow_from_directory(
        folder,
        target_size=(SIZE, SIZE),
        color_mode="grayscale",
        class_mode=mode,
        classes=classes,
        batch_size=4,
    )
    for images, labels in GMMSequence(flow, model=pool, ratio=0.5):
        numbers = labels.argmax(axis=1) if mode == "categorical" else labels
        light = images.mean(axis=(1, 2, 3)) / (rescale or 1) > 127
        np.testing.assert_array_equal(light, numbers == flow.class_indices["light"])


@pytest.mark.parametrize(
    "known", [{"class_names": np.array(["light", "dark"])}, {"class_indices": {"dark": 1, "light": 0}}]
)
def test_an_order_of_classes_is_read_where_the_dataset_has_one(known):
    pool = replace(random_pool(image_size=SIZE), class_names=("dark", "light"))
    inner = Batches((GRAY, LABELS % 2, np.zeros(6)))
    for unknown in ({"class_names": None}, {"class_indices": {"light": 0, "dark": 2}}):
        vars(inner).update(unknown)
        with pytest.raises(ValueError, match=r"class_names=\['dark', 'light'\]"):
            GMMSequence(inner, model=pool, ratio=0.5)
    vars(inner).update(known)
    images, labels, weights = GMMSequence(inner, model=pool, ratio=0.5)[0]
    light = images.mean(axis=(1, 2, 3)) > 127
    np.testing.assert_array_equal(light[weights == 1], labels[weights == 1] == 0)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("workers", [{}, {"workers": 2, "use_multiprocessing": True}])
def test_fit_ends_with_the_error_of_a_worker(pool, workers):
    inner = Batches(*[(GRAY, LABELS)] * 9, (GRAY, LABELS + 1))
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    network.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"values in \[1, 3\].*in batch 9"):
        network.fit(GMMSequence(inner, model=pool, ratio=0.25, **workers), shuffle=False, verbose=0)


@pytest.mark.parametrize("dtype", ["float16", tf.bfloat16.as_numpy_dtype])
def test_a_network_of_mixed_precision_trains(pool, dtype):
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, dtype="mixed_bfloat16")])
    network.compile(loss="mse")
    batches = GMMSequence(FLOATS.astype(dtype), ONE_HOT, model=pool, ratio=0.25)
    assert network.fit(batches, verbose=0).history["loss"][0] > 0
