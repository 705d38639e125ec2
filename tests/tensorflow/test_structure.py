"""Layouts of images, and datasets that Keras makes from folders."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gmmaug_plugin.image_layout import ImageLayout, reshape_images
from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_pool

SIZE, N = 16, 40
FROM_SLICES = tf.data.Dataset.from_tensor_slices
NAMED = dataclasses.replace(random_pool(60, image_size=SIZE), class_names=("rose", "daisy"))
PHOTOS = random_pool(N, image_size=SIZE, seed=1)


@pytest.mark.parametrize("color", ["gray", "color"])
@pytest.mark.parametrize("axes", ["hw", "hw1", "hw3", "hw5", "1hw", "3hw", "5hw"])
@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [
        ("uint8", None),
        ("bfloat16", (0, 255)),
        ("float16", (0, 1)),
        ("float32", (-1, 1)),
        ("float64", (-2, 5)),
    ],
)
def test_images_are_those_that_every_adapter_makes(color, axes, dtype, value_range):
    pool = random_pool(20, image_size=SIZE, channels=3 if color == "color" else 1)
    shape = [{"h": 12, "w": 20}.get(axis) or int(axis) for axis in axes]
    real = np.zeros((4, *shape)).astype(tf.as_dtype(dtype).as_numpy_dtype)
    with pytest.warns(UserWarning, match="20 images"):
        made = gmm_dataset(pool, 30, like=FROM_SLICES((real, [0] * 4)), value_range=value_range)
    found, _ = next(made.batch(30).as_numpy_iterator())
    layout = ImageLayout.of(real, value_range=value_range)
    with pytest.warns(UserWarning, match="20 images"):
        pixels = pool.sample(30, seed=0)[0]
    expected = layout.encode(reshape_images(pixels, layout.size, layout.channels))
    assert (found.dtype, found.shape) == (real.dtype, (30, *shape))
    np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module")
def photo_folder(tmp_path_factory):
    """Photos in folders daisy and rose, in this order to Keras; the pool has roses first."""
    folder = tmp_path_factory.mktemp("photos")
    for index, image in enumerate(PHOTOS.images):
        target = folder / NAMED.class_names[PHOTOS.labels[index]]
        target.mkdir(exist_ok=True)
        Image.fromarray(image).save(target / f"{index}.png")
    return folder


def read(folder, **options):
    import keras

    options = {"image_size": (20, 24), "batch_size": 8, "shuffle": False, "verbose": False, **options}
    return keras.utils.image_dataset_from_directory(folder, **options)


@pytest.mark.parametrize("mode", ["int", "categorical", "binary", None])
@pytest.mark.parametrize(
    "options",
    [
        {"color_mode": "rgb"},
        {"color_mode": "grayscale", "batch_size": None},
        {"color_mode": "rgba"},
        {"color_mode": "rgb", "data_format": "channels_first"},
        {"color_mode": "grayscale", "data_format": "channels_first", "batch_size": None},
    ],
    ids=str,
)
def test_elements_are_like_those_that_keras_reads_from_folders(photo_folder, mode, options):
    train = read(photo_folder, label_mode=mode, **options)
    single = options.get("batch_size", 8) is None
    stated = {"batched": False} if single else {}
    made = gmm_dataset(NAMED, N, like=train, **stated)
    assert made.element_spec == train.element_spec
    assert train.concatenate(made).element_spec == train.element_spec
    rows = list((made if single else made.unbatch()).as_numpy_iterator())
    assert len(rows) == N
    mixed = next(mix(train, NAMED, ratio=0.25, batch_size=8, **stated).as_numpy_iterator())
    if mode is None:
        assert mixed.shape[1:] == rows[0].shape
        assert 50 < np.mean([row[..., :3] for row in rows]) < 200
        return
    # The brightness of an image names its class in the pool, where roses are darker.
    for image, label in [*rows, *zip(*mixed, strict=True)]:
        daisy = label[0] if mode == "categorical" else 1 - label
        visible = image[..., :3] if options["color_mode"] == "rgba" else image
        assert (visible.mean() > 127) == daisy


def test_class_names_are_the_datasets_own_or_stated(photo_folder):
    train = read(photo_folder)
    with pytest.raises(ValueError, match=r"class_names=\['rose', 'daisy'\]\. Received: class_names=None"):
        gmm_dataset(NAMED, N, like=train.map(lambda image, label: (image / 255, label)))
    with pytest.raises(ValueError, match=r"those of the data set, \['daisy', 'rose'\]"):
        gmm_dataset(NAMED, N, like=train, class_names=["rose", "daisy"])
    made = gmm_dataset(NAMED, N, like=train.skip(0), class_names=["x", "y", "daisy", "rose"]).unbatch()
    assert {int(label) for _, label in made} == {2, 3}
