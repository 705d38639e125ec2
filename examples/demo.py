"""The whole path: photos, one file, pictures, a report, and a classifier trained on a mixture.

python examples/demo.py OUT
"""

import shutil
import subprocess
import sys
from pathlib import Path

import keras
from common import IMAGE_SIZE, small_classifier, write_drawn_flowers

from gmmaug_plugin import load_model
from gmmaug_plugin.tensorflow import mix

EPOCHS = 30
BIN = Path(sys.executable).parent


def main() -> None:
    out = Path(sys.argv[1])
    photos, held_back = out / "photos", out / "photos held back"
    for folder in (photos, held_back):
        shutil.rmtree(folder, ignore_errors=True)  # flowers of an earlier demo
    print(f"Drawing 240 flowers into {photos} and 120 others into {held_back}")
    write_drawn_flowers(photos, n_samples=240, n_classes=3, random_state=0)
    write_drawn_flowers(held_back, n_samples=120, n_classes=3, random_state=1)

    model = out / "flowers.safetensors"
    report = out / "report"
    run("gmmaug-fit", photos, "-o", model, "--image-size", IMAGE_SIZE, "--report", report)
    run("gmmaug", "inspect", model)
    run("gmmaug", "sample", model, "-n", 32, "--seed", 0, "-o", out / "samples.png")
    photo = sorted(photos.glob("*/*.png"))[0]
    size = ("--image-size", IMAGE_SIZE)
    run("gmmaug", "vary", photo, "--photos", photos, *size, "-n", 8, "-o", out / "varied.png")
    train(photos, held_back, model)
    print(f"\nOpen {report / 'index.html'} first, then samples.png and varied.png in {out}.")
    print("Whether a pool helps a classifier of your own photos: gmmaug evaluate PHOTOS")


def run(command: str, *arguments: object) -> None:
    print(f"\n$ {command} {' '.join(map(str, arguments))}", flush=True)
    subprocess.run([BIN / command, *map(str, arguments)], check=True)


def train(photos: Path, held_back: Path, model: Path) -> None:
    """Train on batches that are a quarter synthetic, and test on the photos held back."""
    options = {"color_mode": "grayscale", "image_size": (IMAGE_SIZE, IMAGE_SIZE), "batch_size": None}
    real = keras.utils.image_dataset_from_directory(photos, **options)
    test = keras.utils.image_dataset_from_directory(held_back, **options).batch(32)
    mixed = mix(real, load_model(model), ratio=0.25, batch_size=32)
    classifier = small_classifier(len(real.class_names))
    classifier.fit(mixed, validation_data=test, epochs=EPOCHS, verbose=2)


if __name__ == "__main__":
    main()
