"""What one machine makes: artifacts of drawn flowers, or images of artifacts.

``reliability.machines`` runs this in processes that each take the processor for another one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models import ImageModel
from gmmaug_plugin.models.noise import NoiseStream

IMAGE_SIZE = 32
FITS = {
    "pca": {"model": "pca", "n_components": "auto"},
    "multiscale": {"n_components": [2, 5], "templates": 4, "strength": 0.5},
    "seed": {"recipe": "seed", "n_components": [2, 5]},
}

Images = dict[str, NDArray[np.generic]]


def photos(n: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Drawn flowers of two classes and their labels."""
    images, labels, _ = make_flowers(n, image_size=IMAGE_SIZE, n_classes=2)
    return images, labels


def fit_all(folder: Path, n_photos: int, kinds: list[str]) -> None:
    """Write an artifact of each kind."""
    for kind in kinds:
        model = fit(*photos(n_photos), quiet=True, allow_copies=True, **FITS[kind])
        model.save(folder / f"{kind}.safetensors")


def draw_all(folder: Path, target: Path, n: int, tensorflow: bool) -> None:
    """Write images of all artifacts of a folder to one file."""
    made: Images = {}
    for path in sorted(folder.glob("*.safetensors")):
        drawn = with_tensorflow(load_model(path), n) if tensorflow else with_numpy(load_model(path), n)
        made |= {f"{path.stem} {name}": images for name, images in drawn.items()}
    np.savez(target, **made)


def with_numpy(model: ImageModel, n: int) -> Images:
    """Samples, variations, and the photos' log-densities."""
    flowers, labels = photos(n)
    return {
        "sample": model.sample(n, seed=0)[0],
        "vary": model.vary(flowers, label=labels, strength=0.5, seed=0),
        "score": model.score_samples(flowers),
    }


def with_tensorflow(model: ImageModel, n: int) -> Images:
    """The same samples and variations, and those of a dataset with noise of TensorFlow's own."""
    import tensorflow as tf

    from gmmaug_plugin.tensorflow import gmm_dataset
    from gmmaug_plugin.tensorflow.engine import TensorFlowEngine

    flowers, labels = photos(n)
    engine, stream = TensorFlowEngine(), NoiseStream(0)
    widths = {"width": model.noise_width, "uniforms": model.uniform_width, "block": model.noise_block}
    uniform, normal = map(tf.constant, stream.draw(start=0, n=n, **widths))
    rows, strength = model.label_rows(None, n), model.synthesis_strengths(None, n)
    images, _ = model.synthesize(engine, tf.constant(rows), tf.constant(strength), uniform, normal)
    halves = tf.fill([n], tf.constant(0.5, tf.float64))
    moved = model.move(
        engine,
        tf.cast(flowers, tf.float32),
        halves,
        tf.constant(model.label_rows(labels, n)),
        uniform,
        normal,
    )
    moved = tf.clip_by_value(tf.floor(moved + 0.5), 0.0, 255.0)
    dataset = np.stack([image[..., 0] for image, _ in gmm_dataset(model, n, seed=0).as_numpy_iterator()])
    return {"sample": images.numpy(), "vary": tf.cast(moved, tf.uint8).numpy(), "gmm_dataset": dataset}


def main() -> int:
    """Read the command line, write files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of artifacts")
    parser.add_argument("--fit", nargs="+", choices=FITS, help="write artifacts of these kinds there")
    parser.add_argument("--draw", type=Path, metavar="NPZ", help="write images of those that are there")
    parser.add_argument("--tensorflow", action="store_true", help="draw with TensorFlow")
    parser.add_argument("-n", type=int, default=200, help="photos or images")
    arguments = parser.parse_args()
    if arguments.fit:
        fit_all(arguments.folder, arguments.n, arguments.fit)
    if arguments.draw:
        draw_all(arguments.folder, arguments.draw, arguments.n, arguments.tensorflow)
    return 0


if __name__ == "__main__":
    sys.exit(main())
