"""Copies: how near the samples of the sound mixture and of the notebook's recipe are to training photos.

    python -m benchmarks.copies [PHOTOS] [--pictures]

``--pictures`` writes grids of samples to docs/pictures.
"""

from pathlib import Path

import numpy as np

from benchmarks.common import parse_photos, read_photos, show
from gmmaug_plugin import fit
from gmmaug_plugin.models.symmetry import symmetric_copies
from gmmaug_plugin.pictures import grid, save_png

N_SAMPLES = 500
COPY = 0.94
"""Correlation from which the notebook's published images are told to be copies (docs/model.md)."""

SEED_SHARE = 410 / 593
"""Components per photo: the notebook's 410 for the 593 photos of daisies measured in docs/model.md."""

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def nearest_correlation(images: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Greatest correlation of every image with a photo, or its mirror image, (n,)."""
    return (_standardise(images) @ _standardise(symmetric_copies(photos, "flip")).T).max(axis=1)


def _standardise(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def main() -> None:
    arguments = parse_photos(__doc__, pictures="write the grids to docs/pictures")
    photos = read_photos(arguments.photos)
    held_back, training = photos[::7], np.delete(photos, np.s_[::7], axis=0)
    n_components = round(SEED_SHARE * len(training))
    models = {
        "sound": fit(training, quiet=True),
        "seed_recipe": fit(training, recipe="seed", n_components=n_components, quiet=True),
    }
    samples = {"photos held back": held_back}
    samples |= {name: model.sample(N_SAMPLES, seed=0)[0] for name, model in models.items()}
    rows = []
    for name, images in samples.items():
        nearest = nearest_correlation(images, training)
        rows.append([name, f"{100 * (nearest > COPY).mean():.1f}", f"{np.median(nearest):.2f}"])
    show(
        f"Nearest of {len(training)} training photos",
        ["images", f"% correlate above {COPY}", "median correlation"],
        rows,
    )
    if arguments.pictures:
        source = "photos" if arguments.photos else "drawn"
        rows_of_variations = [held_back[:8]]
        for strength in (0.1, 0.3, 0.5, 0.8):
            rows_of_variations.append(models["sound"].vary(held_back[:8], strength=strength, seed=0))
        save_png(grid(np.concatenate(rows_of_variations), columns=8), PICTURES / f"{source}-variations.png")
        for name in models:
            save_png(grid(samples[name][:24], columns=8), PICTURES / f"{source}-{name.replace('_', '-')}.png")


if __name__ == "__main__":
    main()
