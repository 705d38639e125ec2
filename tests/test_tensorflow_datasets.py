"""``gmm_dataset``: what it makes, and that it comes as the dataset it is like."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.tensorflow import gmm_dataset
from tests.factories import fit_all as fit

SIZE = 16
FROM_SLICES = tf.data.Dataset.from_tensor_slices


@pytest.fixture(scope="module")
def flowers():
    return make_flowers(60, image_size=SIZE, n_classes=2)


@pytest.fixture(scope="module")
def model(flowers):
    images, labels, names = flowers
    return fit(images, [names[label] for label in labels], n_components=2, quiet=True)


@pytest.fixture(scope="module")
def unlabelled(flowers):
    return fit(flowers[0], n_components=2, quiet=True)


def collect(dataset):
    """Everything in a dataset of single elements, part by part."""
    parts = zip(*(tf.nest.flatten(element) for element in dataset.as_numpy_iterator()), strict=True)
    return [np.stack(part) for part in parts]


@pytest.mark.parametrize("n", [0, 1, 64, 130])
def test_it_has_n_single_images_with_labels(model, n):
    dataset = gmm_dataset(model, n)
    assert dataset.element_spec == (
        tf.TensorSpec((SIZE, SIZE, 1), tf.uint8),
        tf.TensorSpec((), tf.int32),
    )
    assert dataset.cardinality() == n
    assert sum(1 for _ in dataset) == n


def test_a_model_without_classes_makes_images_alone(unlabelled):
    dataset = gmm_dataset(unlabelled, 3)
    assert dataset.element_spec == tf.TensorSpec((SIZE, SIZE, 1), tf.uint8)
    assert sum(1 for _ in dataset) == 3


def test_images_follow_the_law_of_the_model(model):
    images, labels = collect(gmm_dataset(model, 1500))
    expected, expected_labels = model.sample(1500, seed=0)
    assert len(np.unique(images, axis=0)) == 1500
    assert labels.mean() == pytest.approx(expected_labels.mean(), abs=0.06)
    for label in (0, 1):
        made = images[labels == label, ..., 0].astype(float)
        known = expected[expected_labels == label].astype(float)
        np.testing.assert_allclose(made.mean(axis=0), known.mean(axis=0), atol=20)
        assert np.abs(made.mean(axis=0) - known.mean(axis=0)).mean() < 4
        assert made.std() == pytest.approx(known.std(), rel=0.05)


def test_one_class_may_be_asked_for(model, tmp_path):
    model.save(tmp_path / "flowers.safetensors")
    by_name = collect(gmm_dataset(tmp_path / "flowers.safetensors", 20, label="dandelion"))
    by_number = collect(gmm_dataset(model, 20, label=1))
    assert by_name[1].tolist() == [1] * 20
    np.testing.assert_array_equal(by_name[0], by_number[0])
    with pytest.raises(ValueError, match=r"No such class.*Received: label='rose'"):
        gmm_dataset(model, 20, label="rose")


def test_the_seed_tells_the_images_and_every_iteration_has_the_same(model):
    dataset = gmm_dataset(model, 70, seed=3)
    images, labels = collect(dataset)
    for again in (dataset, gmm_dataset(model, 70, seed=3)):
        np.testing.assert_array_equal(collect(again)[0], images)
    np.testing.assert_array_equal(collect(gmm_dataset(model, 5, seed=3))[1], labels[:5])
    assert (collect(gmm_dataset(model, 70, seed=4))[0] != images).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("batched", [False, True])
def test_iterations_may_be_fresh_yet_reproducible(model, flowers, batched):
    like = FROM_SLICES(flowers[0]).batch(32) if batched else None

    def epochs():
        dataset = gmm_dataset(model, 70, like=like, rerandomize_each_iteration=True)
        assert dataset.cardinality() == (3 if batched else 70)
        images = dataset.unbatch() if batched else dataset.map(lambda image, label: image)
        return [collect(images)[0] for _ in range(3)]

    first, second = epochs(), epochs()
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(np.concatenate(first), axis=0)) == 210


@pytest.mark.parametrize(("n", "batched"), [(128, False), (70, True), (70, False)])
def test_an_iteration_after_one_that_was_left_early_is_fresh(model, flowers, n, batched):
    """Where blocks fill the dataset it is the second one; otherwise no block of the first comes again."""
    like = FROM_SLICES(flowers[0]).batch(32) if batched else None

    def made():
        dataset = gmm_dataset(model, n, like=like, rerandomize_each_iteration=True)
        return dataset.unbatch() if batched else dataset.map(lambda image, label: image)

    whole, left = made(), made()
    first, second = collect(whole)[0], collect(whole)[0]
    for _ in left.take(10):
        break
    after = collect(left)[0]
    assert len(np.unique(np.concatenate([first, after]), axis=0)) == 2 * n
    if n == 128 or batched:
        np.testing.assert_array_equal(after, second)


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
    "uint8 labels (1,)": lambda: FROM_SLICES(
        (pictures(40, (12, 20, 3), "float32", 255), NUMBERS[:, None].astype(np.uint8))
    ),
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
def test_it_comes_as_the_dataset_it_is_like(model, structure, batching):
    like = BATCHINGS[batching](LIKES[structure]())
    made = gmm_dataset(model, 24, like=like)
    assert made.element_spec == like.element_spec
    assert like.concatenate(made).element_spec == like.element_spec
    assert made.cardinality() == {"single": 24, "batches": 2}.get(batching, 3)

    parts = collect(made if batching == "single" else made.unbatch())
    images = parts[0].astype(float)
    white = 255 if tf.nest.flatten(like.element_spec)[0].dtype == tf.uint8 else None
    white = white or (255 if "uint8 labels" in structure or "dict" in structure else 1)
    assert images.min() >= 0
    assert images.max() <= white
    assert 0.25 * white < images.mean() < 0.75 * white
    if images.shape[-1] == 3:
        assert (images == images[..., :1]).all()

    # The same noise as for plain images, so that every image can be compared with its like.
    if batching == "single":
        plain, numbers = collect(gmm_dataset(model, 24))
        if images.shape[1:3] == (SIZE, SIZE):
            step = white / 255 * (1.01 if parts[0].dtype == np.float16 else 1e-3)
            np.testing.assert_allclose(images.squeeze(), plain.squeeze() * (white / 255), atol=step)
        if len(parts) > 1:
            hot = "one-hot" in structure
            read = parts[1].argmax(axis=1) if hot else parts[1].reshape(-1)
            np.testing.assert_array_equal(read, numbers)
    if len(parts) > 2:
        assert parts[2].tolist() == [1.0] * 24


def test_batches_are_as_large_as_those_it_is_like(model):
    like = LIKES["int64 labels"]().batch(16)
    assert [len(labels) for _, labels in gmm_dataset(model, 37, like=like)] == [16, 16, 5]
    full = LIKES["int64 labels"]().batch(16, drop_remainder=True)
    with pytest.raises(ValueError, match=r"n must be a multiple of 16.*Received: n=37"):
        gmm_dataset(model, 37, like=full)


def test_a_labelled_model_makes_no_labels_for_a_dataset_without(model):
    made = gmm_dataset(model, 5, like=FROM_SLICES(np.zeros((4, 8, 8, 3), np.uint8)))
    assert made.element_spec == tf.TensorSpec((8, 8, 3), tf.uint8)


def spec_only(shape, dtype="float32", label=None):
    """A dataset that says no more about its shapes than given."""
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
    "a list of images": (lambda: FROM_SLICES({"picture": BLANK}), TypeError, r"\['image', 'label'\]"),
    "four parts": (lambda: FROM_SLICES((BLANK,) * 4), TypeError, "sample_weights"),
    "nested": (lambda: FROM_SLICES(({"image": BLANK}, NUMBERS[:4])), TypeError, "Elements must be"),
    "ragged": (lambda: FROM_SLICES(tf.RaggedTensor.from_tensor(BLANK)), TypeError, "dense tensors"),
    "integers": (lambda: FROM_SLICES(BLANK.astype(np.int32)), TypeError, "Received: dtype int32"),
    "text labels": (lambda: labelled(np.array(["a", "b"])), TypeError, "Labels must be numbers"),
    "unknown size": (lambda: spec_only((None, None, 3)), ValueError, "known height, width"),
    "unknown channels": (lambda: spec_only((8, 8, None), label=0), ValueError, "known height, width"),
    "two channels": (lambda: spec_only((8, 8, 2), label=0), ValueError, "1 or 3 channels"),
    "video": (lambda: spec_only((2, 8, 8, 8, 3)), ValueError, "Images must be"),
    "transparency or batch": (lambda: spec_only((8, 8, 4)), ValueError, "cannot be told apart"),
    "channels first or batch": (lambda: spec_only((3, 8, 8)), ValueError, "cannot be told apart"),
    "batch beside one label": (lambda: spec_only((4, 8, 8, 1), label=0), ValueError, "Images must be"),
    "unequal batches": (
        lambda: spec_only((4, 8, 8, 1), label=np.zeros(5, int)),
        ValueError,
        "same first axis",
    ),
    "empty": (lambda: FROM_SLICES(BLANK).take(0), ValueError, "Received: an empty dataset"),
    "negative": (lambda: floats(-1, 1), ValueError, r"values in \[-1, 1\]"),
    "overshoot": (lambda: floats(0, 1.5), ValueError, r"values in \[0, 1\.5\]"),
    "too large": (lambda: floats(0, 65535), ValueError, r"values in \[0, 65535\]"),
    "not finite": (lambda: floats(0, np.nan), ValueError, r"values in \[nan, nan\]"),
    "wrong depth": (lambda: labelled(np.eye(3)), ValueError, r"one-hot vectors of length 2.*\(3,\)"),
    "out of range": (lambda: labelled(np.array([0, 2])), ValueError, r"from 0 to 1.*\[0\.0, 2\.0\]"),
    "no zeros and ones": (lambda: labelled(np.array([0.0, 0.5])), ValueError, r"\[0\.0, 0\.5\]"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_other_datasets_are_refused_with_the_reason(model, wrong):
    make, error, reason = WRONG[wrong]
    with pytest.raises(error, match=rf"(?s){reason}") as raised:
        gmm_dataset(model, 8, like=make())
    assert "Received: " in str(raised.value)


def test_labels_need_a_model_with_classes(unlabelled):
    with pytest.raises(ValueError, match="fit it with a folder per class"):
        gmm_dataset(unlabelled, 8, like=labelled(np.array([0, 1])))


@pytest.mark.parametrize("n", [-1, 2.5])
def test_n_is_a_whole_number(model, n):
    with pytest.raises(ValueError, match=f"n must be a whole number, at least 0. Received: {n}"):
        gmm_dataset(model, n)


@pytest.fixture(scope="module")
def photo_folder(flowers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    images, labels, names = flowers
    for index in range(22):
        target = folder / names[labels[index]]
        target.mkdir(exist_ok=True)
        Image.fromarray(images[index]).save(target / f"{index}.png")
    return folder


@pytest.mark.parametrize("mode", ["int", "categorical", "binary", None])
@pytest.mark.parametrize("colors", ["rgb", "grayscale"])
def test_it_is_like_what_keras_reads_from_folders(model, photo_folder, mode, colors):
    import keras

    train = keras.utils.image_dataset_from_directory(
        photo_folder, label_mode=mode, color_mode=colors, image_size=(20, 24), batch_size=8, verbose=False
    )
    made = gmm_dataset(model, 20, like=train)
    assert made.element_spec == train.element_spec
    assert train.concatenate(made).element_spec == train.element_spec
    element = next(iter(made))
    images = element if mode is None else element[0]
    assert len(images) == 8
    assert 50 < images.numpy().mean() < 200


def test_the_classes_of_a_keras_dataset_must_be_those_of_the_model(model, photo_folder):
    import keras

    train = keras.utils.image_dataset_from_directory(photo_folder, image_size=(16, 16), verbose=False)
    train.class_names = ["dandelion", "daisy"]
    with pytest.raises(ValueError, match=r"\['daisy', 'dandelion'\].*\['dandelion', 'daisy'\]"):
        gmm_dataset(model, 20, like=train)
