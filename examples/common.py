"""A folder of photos and a small classifier for the examples."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from drawn_flowers import make_flowers

from gmmaug_plugin.pictures import write_class_folders

IMAGE_SIZE = int(os.environ.get("IMAGE_SIZE", "64"))
"""Height and width in pixels."""


def photo_folder(arguments: Sequence[str] | None = None) -> Path:
    """The folder given on the command line (a sub-folder per class), or one of drawn flowers."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments:
        return Path(arguments[0])
    folder = Path(tempfile.mkdtemp(prefix="flowers-"))
    write_drawn_flowers(folder, n_samples=200, n_classes=3)
    return folder


def write_drawn_flowers(folder: Path, *, n_samples: int, n_classes: int, random_state: int = 0) -> None:
    """Draw flowers into a folder per class."""
    images, labels, class_names = make_flowers(
        n_samples, image_size=IMAGE_SIZE, n_classes=n_classes, random_state=random_state
    )
    write_class_folders(images, labels, class_names, folder)


def small_classifier(n_classes: int) -> keras.Model:
    """A small convolutional network for gray images in 0..255."""
    model = keras.Sequential(
        [
            keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(64, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
