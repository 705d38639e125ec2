"""Photos a second: reading JPEG files into small grey images, beside Pillow and TensorFlow.

    python -m benchmarks.decoding [PHOTOS] [--quick]

Without photos, drawn flowers of 512 x 512 are written as JPEG files first. Every way has one thread, and
once more as many as it likes.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tensorflow as tf
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks.common import IMAGE_SIZE, Setting, best_seconds, run_alone
from benchmarks.rows import Beside, Row
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import load_photos, read_photo
from gmmaug_plugin.images.storage import FOLDER_VARIABLE

N_FILES = 600
DRAWN_SIZE = 512
N_DRAWN = 100


def write_jpegs(folder: Path, n: int) -> list[Path]:
    """Drawn flowers as JPEG files, in colour, as photos are."""
    files = []
    for index, image in enumerate(make_flowers(n, image_size=DRAWN_SIZE)[0]):
        files.append(folder / f"{index:04d}.jpg")
        Image.fromarray(image).convert("RGB").save(files[-1], quality=90)
    return files


def with_pillow(files: Sequence[Path]) -> np.ndarray:
    """Decode in full, convert to grey, resize: what a reader writes who knows no draft mode."""
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(np.asarray(image.convert("L").resize((IMAGE_SIZE, IMAGE_SIZE))))
    return np.stack(images)


def decode_with_tensorflow(path: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=1)
    return tf.cast(tf.image.resize(image, (IMAGE_SIZE, IMAGE_SIZE), antialias=True), tf.uint8)


def with_tensorflow(files: Sequence[Path], parallel: int | None) -> np.ndarray:
    """``tf.io.decode_jpeg`` and ``tf.image.resize`` in a ``tf.data`` map."""
    dataset = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
    dataset = dataset.map(decode_with_tensorflow, num_parallel_calls=parallel)
    if parallel is None:
        options = tf.data.Options()
        options.threading.private_threadpool_size = 1
        dataset = dataset.with_options(options)
    return np.stack(list(dataset.as_numpy_iterator()))


def compare(files: list[Path], source: str) -> list[Row]:
    """Photos a second of every way, with one thread and with several."""

    def ours_in_one_thread() -> np.ndarray:
        return np.stack([read_photo(file, image_size=IMAGE_SIZE) for file in files])

    ways: dict[str, Callable[[], object]] = {
        "read_photo": ours_in_one_thread,
        "load_photos": lambda: load_photos(files, image_size=IMAGE_SIZE, quiet=True, cache=False),
        "cached": lambda: load_photos(files, image_size=IMAGE_SIZE, quiet=True),
        "pillow": lambda: with_pillow(files),
        "tf one": lambda: with_tensorflow(files, None),
        "tf many": lambda: with_tensorflow(files, tf.data.AUTOTUNE),
    }
    with threadpool_limits(1):
        found = best_seconds(ways, rounds=3, budget=40.0)
    speeds = {way: len(files) / seconds for way, seconds in found.items()}
    pillow = Beside("Pillow, full decoding and resize, one thread", speeds["pillow"])
    what = f"{len(files)} JPEG files, {source}, to {IMAGE_SIZE} x {IMAGE_SIZE}"
    return [
        Row(
            f"read_photo one by one, {what}",
            speeds["read_photo"],
            "photos/s",
            (pillow, Beside("tf.io.decode_jpeg and resize, one thread", speeds["tf one"])),
            "one thread; draft decoding, and the digest of each file",
        ),
        Row(
            f"load_photos, {what}",
            speeds["load_photos"],
            "photos/s",
            (pillow, Beside("tf.io.decode_jpeg and resize, all threads", speeds["tf many"])),
            "all threads, no cache",
        ),
        Row(
            f"load_photos again, from its cache, {what}",
            speeds["cached"],
            "photos/s",
            (Beside("load_photos without cache", speeds["load_photos"]),),
            "the files are read for their digests",
        ),
    ]


def measure(setting: Setting) -> list[Row]:
    with TemporaryDirectory(prefix="cache-") as folder:
        # Neither filled by earlier runs nor left behind in the user's own.
        os.environ[FOLDER_VARIABLE] = folder
        return measure_files(setting)


def measure_files(setting: Setting) -> list[Row]:
    """Of the photos given, or of drawn ones."""
    most = 80 if setting.quick else N_FILES
    if setting.source is not None:
        files = sorted(file for file in setting.source.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg"))
        if files:
            return compare(files[:most], "as given")
    with TemporaryDirectory(prefix="decoding-") as folder:
        files = write_jpegs(Path(folder), min(most, N_DRAWN))
        return compare(files, f"drawn, {DRAWN_SIZE} x {DRAWN_SIZE}")


if __name__ == "__main__":
    run_alone(measure, __doc__)
