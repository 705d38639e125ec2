"""``gmm_dataset``: the images it reads, and elements like those of another dataset."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.tensorflow import gmm_dataset, iterations
from tests.factories import random_pool

SIZE = 16
FROM_SLICES = tf.data.Dataset.from_tensor_slices


@pytest.fixture(scope="module")
def pool():
    return random_pool(60, image_size=SIZE)


def collect(dataset):
    """Everything in a dataset of single elements, part by part."""
    parts = zip(*(tf.nest.flatten(element) for element in dataset.as_numpy_iterator()), strict=True)
    return [np.stack(part) for part in parts]


@pytest.mark.parametrize("n", [0, 1, 60])
def test_it_has_n_single_images_with_labels(pool, n):
    dataset = gmm_dataset(pool, n)
    assert dataset.element_spec == (tf.TensorSpec((SIZE, SIZE, 1), tf.uint8), tf.TensorSpec((), tf.int32))
    assert dataset.cardinality() == n
    assert sum(1 for _ in dataset) == n


@pytest.mark.parametrize(
    ("n_images", "n", "channels", "n_classes", "seed"),
    # Second readings are mirrored, third ones plain again; the order of one image has 256 positions.
    [(40, 130, 1, 2, 0), (40, 130, 3, 2, [1, 0]), (1, 300, 3, 0, 0)],
)
def test_every_iteration_has_the_images_of_the_pools_sample(n_images, n, channels, n_classes, seed):
    pool = random_pool(n_images, image_size=SIZE, channels=channels, n_classes=n_classes)
    with pytest.warns(UserWarning, match=f"{n_images} images.*n={n}"):
        dataset = gmm_dataset(pool, n, seed=seed)
    with pytest.warns(UserWarning, match=f"{n_images} images"):
        expected, labels = pool.sample(n, seed=seed)
    assert len(tf.nest.flatten(dataset.element_spec)) == (2 if n_classes else 1)
    for _ in range(2):
        images, *numbers = collect(dataset)
        np.testing.assert_array_equal(images.reshape(expected.shape), expected)
        if n_classes:
            np.testing.assert_array_equal(numbers[0], labels)


def test_one_class_may_be_read_alone(pool, tmp_path):
    pool.save(tmp_path / "flowers.safetensors", lossless=True)
    by_name = collect(gmm_dataset(tmp_path / "flowers.safetensors", 20, label="1"))
    by_number = collect(gmm_dataset(pool, 20, label=1))
    assert by_name[1].tolist() == [1] * 20
    np.testing.assert_array_equal(by_name[0], by_number[0])
    np.testing.assert_array_equal(by_name[0][..., 0], pool.sample(20, label="1", seed=0)[0])
    with pytest.raises(ValueError, match=r"label must be.*Received: 'rose'"):
        gmm_dataset(pool, 20, label="rose")
    with pytest.warns(UserWarning, match="30 images"):
        gmm_dataset(pool, 31, label="1")


@pytest.mark.parametrize("batched", [False, True])
def test_iterations_may_go_on_in_the_pools_order(pool, batched):
    like = FROM_SLICES(np.zeros((40, SIZE, SIZE, 1), np.uint8)).batch(8) if batched else None

    def made():
        dataset = gmm_dataset(pool, 20, like=like, rerandomize_each_iteration=True)
        assert dataset.cardinality() == (3 if batched else 20)
        return dataset.unbatch() if batched else dataset

    dataset = made()
    epochs = [collect(dataset)[0] for _ in range(3)]
    np.testing.assert_array_equal(np.concatenate(epochs)[..., 0], pool.sample(60, seed=0)[0])
    # An iteration that is left early counts.
    left = made()
    next(iter(left))
    np.testing.assert_array_equal(collect(left)[0], epochs[1])


def test_iterations_beyond_the_numbered_ones_differ_too(pool, monkeypatch):
    monkeypatch.setattr(iterations, "_COUNTED", 2)
    monkeypatch.setattr(iterations, "_first_values", iterations._first_values.__wrapped__)
    dataset = gmm_dataset(pool, 3, rerandomize_each_iteration=True)
    epochs = [collect(dataset)[0].tobytes() for _ in range(6)]
    assert len(set(epochs)) == 6


class Pair(NamedTuple):
    image: object
    label: object


NUMBERS = np.arange(40) % 2
BLACK = np.zeros((40, 12, 20, 3), np.uint8)
LIKES = {
    "a named tuple": (Pair(BLACK, NUMBERS.astype(np.float64)), 1),
    "a dict": ({"y": NUMBERS[:, None], "x": BLACK, "id": np.full(40, "a")}, 2),
    "with weights": ((BLACK, np.eye(2, dtype=np.float32)[NUMBERS], np.full((40, 1), 0.5)), 1),
}
"""Elements, and the place of their labels."""

BATCHINGS = {
    "single": lambda dataset: dataset,
    "batches": lambda dataset: dataset.batch(16),
    "full batches": lambda dataset: dataset.batch(8, drop_remainder=True),
    "endless batches": lambda dataset: dataset.batch(8).repeat(),
}


@pytest.mark.parametrize("structure", LIKES)
@pytest.mark.parametrize("batching", BATCHINGS)
def test_elements_are_like_those_of_the_dataset_given(pool, structure, batching):
    elements, place = LIKES[structure]
    like = BATCHINGS[batching](FROM_SLICES(elements))
    made = gmm_dataset(pool, 24, like=like)
    assert made.element_spec == like.element_spec
    assert like.concatenate(made).element_spec == like.element_spec
    assert made.cardinality() == {"single": 24, "batches": 2}.get(batching, 3)

    parts = collect(made if batching == "single" else made.unbatch())
    labels = parts[place].argmax(axis=1) if structure == "with weights" else parts[place].reshape(-1)
    np.testing.assert_array_equal(labels, pool.sample(24, seed=0)[1])
    if structure == "with weights":
        assert parts[2].tolist() == [[1.0]] * 24


def test_batches_are_as_large_as_those_of_the_dataset_given(pool):
    like = FROM_SLICES((BLACK, NUMBERS)).batch(16)
    assert [len(labels) for _, labels in gmm_dataset(pool, 37, like=like)] == [16, 16, 5]
    full = FROM_SLICES((BLACK, NUMBERS)).batch(16, drop_remainder=True)
    with pytest.raises(ValueError, match=r"n must be a multiple of 16.*Received: n=37"):
        gmm_dataset(pool, 37, like=full)


BLANK = np.zeros((4, 8, 8, 1), np.uint8)
IDS = np.array(["a", "b", "c", "d"])
WRONG = {
    "a dict in a dict": (
        {"x": BLANK, "of": {"id": IDS}},
        TypeError,
        r"dataset.map.*\['image', 'images', 'x'\].*any further keys",
    ),
    "ragged": (tf.RaggedTensor.from_tensor(BLANK), TypeError, "dense tensors"),
    "names as weights": ((BLANK, [0] * 4, IDS), ValueError, "keys of a dict"),
    "masks as weights": ((BLANK, [0] * 4, BLANK[..., 0]), ValueError, "keys of a dict"),
    "integers": (BLANK.astype(np.int32), TypeError, "Received: dtype int32"),
    "no images": (BLANK[:0], ValueError, "Received: an empty dataset"),
    "other targets": (
        (BLANK, BLANK + 1),
        ValueError,
        r"must equal the images.*dataset\.map.*uint8 and uint8",
    ),
    "targets of another dtype": ((BLANK, BLANK * 1.0), ValueError, "Received: uint8 and float64"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_other_datasets_are_refused_with_the_reason(pool, wrong):
    elements, error, reason = WRONG[wrong]
    with pytest.raises(error, match=rf"(?s){reason}") as raised:
        gmm_dataset(pool, 8, like=FROM_SLICES(elements))
    assert "Received: " in str(raised.value)


def test_like_is_a_dataset_and_described_only_if_given(pool):
    with pytest.raises(TypeError, match=r"must be a tf.data.Dataset.*Received: .*ndarray"):
        gmm_dataset(pool, 4, like=BLANK)
    with pytest.raises(ValueError, match=r"like\. Received: value_range=1, batched=False, like=None"):
        gmm_dataset(pool, 4, value_range=1, batched=False)


def test_n_is_a_whole_number(pool):
    with pytest.raises(ValueError, match=r"n must be a whole number, at least 0. Received: -1"):
        gmm_dataset(pool, -1)
