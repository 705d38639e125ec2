"""Fidelity: samples and variations of all models beside photos, the same measures for all.

    python -m benchmarks.fidelity [PHOTOS] [--of CLASS] [--pictures]

``PHOTOS`` holds a folder per class; the models are fitted on the photos of one class that ``gmmaug-fit``
would fit on, 500 images of each are measured. The features behind precision, recall and Fréchet distance are
those of a network that learned to tell all classes apart. ``--pictures`` writes grids to docs/pictures.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import AS_IT_IS, show
from benchmarks.copies import SEED_SHARE
from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.frechet import frechet_distance
from gmmaug_plugin.evaluation.likelihood import bits_per_pixel
from gmmaug_plugin.evaluation.manifolds import coverage
from gmmaug_plugin.evaluation.sliced_wasserstein import sliced_wasserstein
from gmmaug_plugin.evaluation.strength import measure_synthesis_strength, measure_variation_strength
from gmmaug_plugin.evaluation.subject import VariedPhotos
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.images.holdout import split_holdout
from gmmaug_plugin.pictures import grid, save_png

N_SAMPLES = 500
N_TEMPLATES = 410
STRENGTHS = (0.3, 0.5, 0.6, 0.7, 0.85)
COLUMNS = 10
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"

Images = np.ndarray


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path, help="folder of class folders; drawn flowers without")
    parser.add_argument("--of", default="daisy", metavar="CLASS", help="the class that is measured")
    parser.add_argument("--pictures", action="store_true", help="write grids to docs/pictures")
    return parser.parse_args()


class Measures:
    """Measures images of one class against the photos fitted on."""

    def __init__(self, training: PhotoSet, held_back: PhotoSet, label: int) -> None:
        labels, unseen_labels = np.asarray(training.labels), np.asarray(held_back.labels)
        self.photos = training.images[labels == label]
        self.held_back = held_back.images[unseen_labels == label]
        self.detector = CopyDetector(self.photos, held_back=self.held_back)
        self.network = FeatureExtractor(training.images, labels, held_back.images, unseen_labels)
        self._features = self.network(self.photos)

    def row(self, name: str, images: Images, reference: Images | None = None) -> list[str]:
        """A row of figures; ``reference`` stands for the photos, for photos measured against each other."""
        against = self.photos if reference is None else reference
        features = self._features if reference is None else self.network(reference)
        detector = self.detector
        if reference is not None:
            detector = CopyDetector(reference, held_back=self.held_back)
        copies = detector.rates(images).rates
        distances = [one.distance for one in sliced_wasserstein(images, against)]
        found = self.network(images)
        return [
            name,
            "/".join(f"{100 * copies[space]:.1f}" for space in SPACES),
            "/".join(f"{one:.0f}" for one in distances),
            f"{frechet_distance(found, features):.2f}",
            f"{100 * coverage(found, features):.0f}/{100 * coverage(features, found):.0f}",
        ]


def gather(measures: Measures) -> tuple[dict[str, Images], Any, float]:
    """Images of all models: what is measured; the multi-scale mixture; and its automatic strength."""
    photos = measures.photos
    made: dict[str, Images] = {}
    n_components = round(SEED_SHARE * len(photos))
    recipe = fit(photos, recipe="seed", n_components=n_components, **AS_IT_IS)
    made["notebook's recipe"] = recipe.sample(N_SAMPLES, seed=0)[0]
    pca = fit(photos, model="pca", **AS_IT_IS)
    made["PCA mixture"] = pca.sample(N_SAMPLES, seed=0)[0]
    model = fit(photos, model="multiscale", **AS_IT_IS)
    print(f"Held-out bits per pixel: multi-scale {bits_per_pixel(model, measures.held_back):.3f}, ", end="")
    print(f"PCA mixture {bits_per_pixel(pca, measures.held_back):.3f}")
    made["multi-scale, fresh draws"] = model.sample(N_SAMPLES, seed=0)[0]
    photo_set = load_photos(photos, quiet=True)
    found = measure_variation_strength(model, photo_set, measures.detector)
    for strength in sorted({*STRENGTHS, found.strength}):
        name = f"multi-scale, photos varied by {strength:g}"
        name += " (automatic)" * (strength == found.strength)
        made[name] = VariedPhotos(model, photo_set, strength).sample(N_SAMPLES, seed=0)[0]
    kept = fit(photos, model="multiscale", templates=N_TEMPLATES, **AS_IT_IS)
    synthesis = measure_synthesis_strength(kept, measures.detector)
    name = f"multi-scale, from {N_TEMPLATES} templates moved by {synthesis.strength:g} (automatic)"
    made[name] = kept.sample(N_SAMPLES, strength=synthesis.strength, seed=0)[0]
    return made, model, found.strength


def write_variations(source: str, training: PhotoSet, held_back: PhotoSet) -> None:
    """A row of held-back photos of all classes, two of each, and a row for every strength."""
    model = fit(training, model="multiscale", **AS_IT_IS)
    labels = np.asarray(held_back.labels)
    each = COLUMNS // len(held_back.class_names)
    chosen = np.concatenate(
        [np.flatnonzero(labels == label)[:each] for label in range(len(held_back.class_names))]
    )
    photos = held_back.images[chosen]
    rows = [model.vary(photos, strength=a, label=labels[chosen], seed=0) for a in STRENGTHS]
    picture = grid(np.concatenate([photos, *rows]), columns=len(chosen))
    save_png(picture, PICTURES / f"{source}-multiscale-variations.png")


def write_samples(source: str, made: dict[str, Images], automatic: float) -> None:
    """Rows of samples of both models; those of the recipe, which are photos, apart."""
    names = ["PCA mixture", "multi-scale, fresh draws"]
    names.append(f"multi-scale, photos varied by {automatic:g} (automatic)")
    rows = [made[name][:COLUMNS] for name in names]
    save_png(grid(np.concatenate(rows), columns=COLUMNS), PICTURES / f"{source}-models.png")
    copied = made["notebook's recipe"][:COLUMNS]
    save_png(grid(copied, columns=COLUMNS), PICTURES / f"{source}-recipe.png")


def main() -> None:
    arguments = parse()
    if arguments.photos is None:
        images, labels, names = make_flowers(1500, image_size=128)
        everything = load_photos(images, [names[label] for label in labels], quiet=True)
    else:
        everything = load_photos(arguments.photos, image_size=128, quiet=True)
    training, held_back = split_holdout(everything, 0.15)
    measures = Measures(training, held_back, everything.class_names.index(arguments.of))
    print(
        f"{len(measures.photos)} photos of {arguments.of}; the network behind features is right for "
        f"{100 * measures.network.accuracy:.0f}% of photos it has not seen"
    )
    rng = np.random.default_rng(0)
    order = rng.permutation(len(measures.photos))
    half = len(order) // 2
    halves = measures.photos[order[:half]], measures.photos[order[half:]]
    real = measures.row("real, half against half", *halves)
    made, _, automatic = gather(measures)
    rows = [real, *(measures.row(name, images) for name, images in made.items())]
    headings = ["images", "copies, %", "sliced Wasserstein", "Fréchet", "precision/recall"]
    show(f"{N_SAMPLES} images beside photos of {arguments.of}", headings, rows)
    if arguments.pictures:
        source = "photos" if arguments.photos else "drawn"
        write_samples(source, made, automatic)
        write_variations(source, training, held_back)


if __name__ == "__main__":
    main()
