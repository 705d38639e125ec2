"""The whole path: photos, one file, pictures, and a classifier trained on varied batches.

python examples/demo.py OUT
"""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from common import IMAGE_SIZE, small_classifier, write_drawn_flowers

from gmmaug_plugin import load_model
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.pictures import grid, save_png
from gmmaug_plugin.tensorflow import mix

EPOCHS = 15
BIN = Path(sys.executable).parent


def main() -> None:
    out = Path(sys.argv[1])
    photos, held_back = out / "photos", out / "photos held back"
    print(f"Drawing 800 flowers into {photos}, and 200 others into {held_back}")
    write_drawn_flowers(photos, n_samples=800, n_classes=5, random_state=0)
    write_drawn_flowers(held_back, n_samples=200, n_classes=5, random_state=1)

    artifact = out / "flowers.safetensors"
    report = out / "report"
    size, templates = ("--image-size", IMAGE_SIZE), ("--templates", 200)
    run("gmmaug-fit", photos, "-o", artifact, *size, *templates, "--report", report)
    run("gmmaug", "inspect", artifact)
    run("gmmaug", "sample", artifact, "-n", 32, "--seed", 0, "-o", out / "samples.png")
    write_variations(photos, artifact, out / "variations.png")
    train(photos, held_back, artifact)
    print(f"\nThe artifact, the pictures and the report, {report / 'index.html'}, are in {out}")


def run(command: str, *arguments: object) -> None:
    print(f"\n$ {command} {' '.join(map(str, arguments))}", flush=True)
    subprocess.run([BIN / command, *map(str, arguments)], check=True)


def write_variations(photos: Path, artifact: Path, picture: Path) -> None:
    """A row of photos, and below it the same photos varied ever more strongly."""
    loaded = load_photos(photos, image_size=IMAGE_SIZE, quiet=True)
    chosen = np.linspace(0, len(loaded.images) - 1, 8).astype(int)
    images, labels = loaded.images[chosen], loaded.labels[chosen]
    model = load_model(artifact)
    rows = [model.vary(images, strength=a, label=labels, seed=0) for a in (0.3, 0.5, 0.7, 0.85)]
    save_png(grid(np.concatenate([images, *rows]), columns=8), picture)


def train(photos: Path, held_back: Path, artifact: Path) -> None:
    """Train on batches of which half is varied, and test on photos that nothing was fitted on."""
    options = {"color_mode": "grayscale", "image_size": (IMAGE_SIZE, IMAGE_SIZE), "batch_size": None}
    real = keras.utils.image_dataset_from_directory(photos, **options)
    test = keras.utils.image_dataset_from_directory(held_back, **options).batch(32)
    mixed = mix(real, load_model(artifact), ratio=0.5, batch_size=32, mode="vary")
    classifier = small_classifier(len(real.class_names))
    # One iterator for all epochs: to start one takes TensorFlow longer than these few batches.
    steps = len(mixed)
    classifier.fit(mixed.repeat(), steps_per_epoch=steps, validation_data=test, epochs=EPOCHS, verbose=2)


if __name__ == "__main__":
    main()
