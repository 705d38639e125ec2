"""``gmm_dataset``: the images it reads, and elements like those of another dataset."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gmmaug_plugin.resizing import resize_images
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
    by_name = collect(gmm_dataset(tmp_path / "flowers.safetensors", 20, label="b"))
    by_number = collect(gmm_dataset(pool, 20, label=1))
    assert by_name[1].tolist() == [1] * 20
    np.testing.assert_array_equal(by_name[0], by_number[0])
    np.testing.assert_array_equal(by_name[0][..., 0], pool.sample(20, label="b", seed=0)[0])
    with pytest.raises(ValueError, match=r"label must be.*Received: 'rose'"):
        gmm_dataset(pool, 20, label="rose")
    with pytest.warns(UserWarning, match="30 images"):
        gmm_dataset(pool, 31, label="b")


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


def pictures(n, shape, dtype, white):
    pixels = np.random.default_rng(0).random((n, *shape)) * white
    return tf.cast(pixels, dtype)


NUMBERS = np.arange(40) % 2
ONE_HOT = np.eye(2)[NUMBERS]
WEIGHTS = np.full(40, 0.5, np.float32)
LIKES = {
    "images": lambda: FROM_SLICES(pictures(40, (SIZE, SIZE), "uint8", 255)),
    "int64 labels": lambda: FROM_SLICES((pictures(40, (SIZE, SIZE, 1), "float32", 1), NUMBERS)),
    "images of another size": lambda: FROM_SLICES((pictures(40, (12, 20, 3), "float32", 255), NUMBERS)),
    "one-hot and weights": lambda: FROM_SLICES(
        (pictures(40, (24, 24, 3), "bfloat16", 1), ONE_HOT.astype(np.float32), WEIGHTS)
    ),
    "int one-hot in a dict": lambda: FROM_SLICES(
        {"image": pictures(40, (SIZE, 10), "float16", 255), "label": ONE_HOT.astype(np.int32)}
    ),
    "binary in x and y": lambda: FROM_SLICES(
        {"x": pictures(40, (20, 20, 3), "uint8", 255), "y": NUMBERS[:, None].astype(np.float32)}
    ),
    "a named tuple": lambda: FROM_SLICES(
        Pair(pictures(40, (SIZE, SIZE, 1), "float64", 1), NUMBERS.astype(np.float64))
    ),
}
BATCHINGS = {
    "single": lambda dataset: dataset,
    "batches": lambda dataset: dataset.batch(16),
    "full batches": lambda dataset: dataset.batch(8, drop_remainder=True),
    "endless batches": lambda dataset: dataset.batch(8).repeat(),
}


@pytest.mark.parametrize(
    ("structure", "batching"),
    [(structure, batching) for structure in LIKES for batching in ("single", "batches")]
    + [("one-hot and weights", "full batches"), ("images", "endless batches")],
)
def test_elements_are_like_those_of_the_dataset_given(pool, structure, batching):
    like = BATCHINGS[batching](LIKES[structure]())
    made = gmm_dataset(pool, 24, like=like)
    assert made.element_spec == like.element_spec
    assert like.concatenate(made).element_spec == like.element_spec
    assert made.cardinality() == {"single": 24, "batches": 2}.get(batching, 3)

    parts = collect(made if batching == "single" else made.unbatch())
    images = parts[0].astype(float)
    full_range = parts[0].dtype == np.uint8 or "another size" in structure or "dict" in structure
    white = 255 if full_range else 1
    expected, numbers = pool.sample(24, seed=0)
    resized = resize_images(expected, images.shape[1:3])[..., None] * (white / 255)
    step = white / 255 * {"float16": 0.5, "bfloat16": 1.01}.get(parts[0].dtype.name, 1e-3)
    shape = images.shape if images.ndim == 4 else (*images.shape, 1)
    # Images are mirrored after they are resized, which may round otherwise by a gray level.
    np.testing.assert_allclose(
        images.reshape(shape), np.broadcast_to(resized, shape), atol=step + white / 255
    )
    if len(parts) > 1:
        read = parts[1].argmax(axis=1) if "one-hot" in structure else parts[1].reshape(-1)
        np.testing.assert_array_equal(read, numbers)
    if len(parts) > 2:
        assert parts[2].tolist() == [1.0] * 24


def test_batches_are_as_large_as_those_of_the_dataset_given(pool):
    like = LIKES["int64 labels"]().batch(16)
    assert [len(labels) for _, labels in gmm_dataset(pool, 37, like=like)] == [16, 16, 5]
    full = LIKES["int64 labels"]().batch(16, drop_remainder=True)
    with pytest.raises(ValueError, match=r"n must be a multiple of 16.*Received: n=37"):
        gmm_dataset(pool, 37, like=full)


def spec_only(shape, dtype="float32", label=None):
    """A dataset whose static shape has the unknown sides given as None."""
    image = tf.zeros([side or 8 for side in shape], dtype)
    forget = tf.raw_ops.PlaceholderWithDefault
    dataset = tf.data.Dataset.from_tensors(image).map(lambda one: forget(input=one, shape=shape))
    return dataset if label is None else tf.data.Dataset.zip((dataset, tf.data.Dataset.from_tensors(label)))


def floats(low, high):
    return FROM_SLICES(np.array([[[low, high]] * 2] * 3, np.float32)[..., None])


def labelled(labels):
    return FROM_SLICES((np.zeros((len(labels), 8, 8, 1), np.uint8), labels))


BLANK = np.zeros((4, 8, 8, 1), np.uint8)
WRONG = {
    "an array": (lambda: BLANK, TypeError, "must be a tf.data.Dataset"),
    "another key": (lambda: FROM_SLICES({"picture": BLANK}), TypeError, r"\['image', 'label'\]"),
    "four parts": (lambda: FROM_SLICES((BLANK,) * 4), TypeError, "sample_weights"),
    "ragged": (lambda: FROM_SLICES(tf.RaggedTensor.from_tensor(BLANK)), TypeError, "dense tensors"),
    "integers": (lambda: FROM_SLICES(BLANK.astype(np.int32)), TypeError, "Received: dtype int32"),
    "unknown size": (lambda: spec_only((None, None, 3)), ValueError, "known height, width"),
    "unknown channels": (lambda: spec_only((8, 8, None), label=0), ValueError, "known height, width"),
    "two channels": (lambda: spec_only((8, 8, 2), label=0), ValueError, "1 or 3 channels"),
    "video": (lambda: spec_only((2, 8, 8, 8, 3)), ValueError, "Images must be"),
    "transparency or batch": (lambda: spec_only((8, 8, 4)), ValueError, "are ambiguous"),
    "channels first or batch": (lambda: spec_only((3, 8, 8)), ValueError, "are ambiguous"),
    "batch beside one label": (lambda: spec_only((4, 8, 8, 1), label=0), ValueError, "Images must be"),
    "unequal batches": (
        lambda: spec_only((4, 8, 8, 1), label=np.zeros(5, int)),
        ValueError,
        "same first axis",
    ),
    "empty": (lambda: FROM_SLICES(BLANK).take(0), ValueError, "Received: an empty dataset"),
    "negative": (lambda: floats(-1, 1), ValueError, r"values in \[-1, 1\]"),
    "other labels": (lambda: labelled(np.array([0, 2])), ValueError, r"from 0 to 1.*values in \[0, 2\]"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_other_datasets_are_refused_with_the_reason(pool, wrong):
    make, error, reason = WRONG[wrong]
    with pytest.raises(error, match=rf"(?s){reason}") as raised:
        gmm_dataset(pool, 8, like=make())
    assert "Received: " in str(raised.value)


def test_the_value_range_may_be_stated(pool):
    dark = FROM_SLICES(np.full((4, SIZE, SIZE, 1), 1.5, np.float32))
    images = collect(gmm_dataset(pool, 4, like=dark, value_range=255.0))[0]
    np.testing.assert_array_equal(images[..., 0], pool.sample(4, seed=0)[0])
    with pytest.raises(ValueError, match=r"in \[0, 1\].*Received: values in \[1\.5, 1\.5\]"):
        gmm_dataset(pool, 4, like=dark, value_range=1.0)


@pytest.mark.parametrize("n", [-1, 2.5])
def test_n_is_a_whole_number(pool, n):
    with pytest.raises(ValueError, match=f"n must be a whole number, at least 0. Received: {n}"):
        gmm_dataset(pool, n)


@pytest.fixture(scope="module")
def photo_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for index, image in enumerate(random_pool(22).images):
        target = folder / "ab"[index % 2]
        target.mkdir(exist_ok=True)
        Image.fromarray(image).save(target / f"{index}.png")
    return folder


@pytest.mark.parametrize("mode", ["int", "categorical", "binary", None])
@pytest.mark.parametrize("colors", ["rgb", "grayscale"])
def test_elements_are_like_those_that_keras_reads_from_folders(pool, photo_folder, mode, colors):
    import keras

    train = keras.utils.image_dataset_from_directory(
        photo_folder, label_mode=mode, color_mode=colors, image_size=(20, 24), batch_size=8, verbose=False
    )
    made = gmm_dataset(pool, 20, like=train)
    assert made.element_spec == train.element_spec
    assert train.concatenate(made).element_spec == train.element_spec
    element = next(iter(made))
    images = element if mode is None else element[0]
    assert len(images) == 8
    assert 50 < images.numpy().mean() < 200


def test_the_class_names_of_a_dataset_must_be_those_of_the_pool(pool):
    like = labelled(np.array([0, 1]))
    like.class_names = ["b", "a"]
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*\['b', 'a'\]"):
        gmm_dataset(pool, 20, like=like)
