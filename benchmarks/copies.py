"""Copies: how many samples of the sound mixture and of the notebook's recipe are training photos again.

    python -m benchmarks.copies [PHOTOS] [--pictures]

Beside the models stand real photos: those held back, which give the thresholds; one half of the others
against the other half; and each of the others against all the rest. ``--pictures`` writes grids of samples to
docs/pictures.
"""

from pathlib import Path

import numpy as np

from benchmarks.common import WHOLE_IMAGES, parse_photos, read_photos, show
from gmmaug_plugin import fit
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector
from gmmaug_plugin.pictures import grid, save_png

N_SAMPLES = 500
N_SPLITS = 4

SEED_SHARE = 410 / 593
"""Components per photo: the notebook's 410 for the 593 photos of daisies measured in docs/model.md."""

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def half_against_half(photos: np.ndarray, held_back: np.ndarray) -> dict[str, float]:
    """Shares of one half of the photos that pass for copies of the other, mean over random halves."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(N_SPLITS):
        order = rng.permutation(len(photos))
        one, other = photos[order[::2]], photos[order[1::2]]
        rates.append(CopyDetector(one, held_back=held_back).rates(other).rates)
    return {space: float(np.mean([rate[space] for rate in rates])) for space in SPACES}


def write_pictures(source: str, models: dict, samples: dict[str, np.ndarray], held_back: np.ndarray) -> None:
    """Grids of samples, and of photos held back (first row) varied ever more strongly."""
    variations = [held_back[:8]]
    for strength in (0.1, 0.3, 0.5, 0.8):
        variations.append(models["sound mixture"].vary(held_back[:8], strength=strength, seed=0))
    save_png(grid(np.concatenate(variations), columns=8), PICTURES / f"{source}-variations.png")
    for name, file in {"sound mixture": "sound", "notebook's recipe": "seed-recipe"}.items():
        save_png(grid(samples[name][:24], columns=8), PICTURES / f"{source}-{file}.png")


def main() -> None:
    arguments = parse_photos(__doc__, pictures="write the grids to docs/pictures")
    photos = read_photos(arguments.photos)
    held_back, training = photos[::7], np.delete(photos, np.s_[::7], axis=0)
    n_components = round(SEED_SHARE * len(training))
    models = {
        "sound mixture": fit(training, **WHOLE_IMAGES),
        "notebook's recipe": fit(training, recipe="seed", n_components=n_components, **WHOLE_IMAGES),
    }
    samples = {name: model.sample(N_SAMPLES, seed=0)[0] for name, model in models.items()}
    detector = CopyDetector(training, held_back=held_back)
    found = {name: detector.rates(images) for name, images in samples.items()}
    rates = {
        "photos held back": detector.rates(held_back).rates,
        "real half against half": half_against_half(training, held_back),
        "real photos, each against the rest": detector.real_rates,
    }
    rates |= {name: copies.rates for name, copies in found.items()}
    verdicts = {name: ", ".join(copies.exceeds()) or "in no space" for name, copies in found.items()}
    show(
        f"Copies of {len(training)} training photos, %",
        ["images", "raw", "contrast", "high pass", "more than real photos"],
        [
            [name, *(f"{100 * shares[space]:.1f}" for space in SPACES), verdicts.get(name, "")]
            for name, shares in rates.items()
        ],
    )
    if arguments.pictures:
        write_pictures("photos" if arguments.photos else "drawn", models, samples, held_back)


if __name__ == "__main__":
    main()
