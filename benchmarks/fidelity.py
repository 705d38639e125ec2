"""Fidelity: the same measures for photos and for the images of every mixture.

    python -m benchmarks.fidelity [PHOTOS] [--of CLASS] [--photos-per-class N] [--image-size S]
        [--symmetry none] [--local-only] [--grid FOLDER]

``PHOTOS`` holds a folder per class; flowers are drawn without. Images are drawn from the photos of one class
that are not held back, with options chosen as ``gmmaug-fit`` chooses them; 500 are measured. Features for
precision, recall and the Fréchet distance come from a network that learned to classify all classes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import parser, show
from examples.drawn_flowers import make_flowers
from gmmaug_plugin import fit
from gmmaug_plugin.evaluation.contrast import contrast
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector
from gmmaug_plugin.evaluation.feature_distances import coverage, frechet_distance
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.sliced_wasserstein import sliced_wasserstein
from gmmaug_plugin.photos import PhotoSet, load_photos, split_holdout
from gmmaug_plugin.pictures import grid, save_png

N_IMAGES = 500
HEADINGS = [
    *("images", "copies %, 3 spaces", "sliced Wasserstein, fine to coarse"),
    *("Fréchet", "precision/recall", "contrast, in tiles, flat"),
]
SEED_SHARE = 410 / 762
"""Components of the notebook for each photo."""

Images = np.ndarray


class Measures:
    """Measures images of one class against the photos of that class."""

    def __init__(self, training: PhotoSet, held_back: PhotoSet, label: int) -> None:
        labels, unseen = np.asarray(training.labels), np.asarray(held_back.labels)
        self.photos = training.images[labels == label]
        self.detector = CopyDetector(self.photos)
        self.network = FeatureExtractor(training.images, labels, held_back.images, unseen)

    def row(self, name: str, images: Images, reference: Images | None = None) -> list[str]:
        """Return a row of figures; ``reference`` replaces the photos that images are compared with."""
        against = self.photos if reference is None else reference
        detector = self.detector if reference is None else CopyDetector(reference)
        copies = detector.rates(images).rates
        found, features = self.network(images), self.network(against)
        gray = contrast(images)
        return [
            name,
            "/".join(f"{100 * copies[space]:.1f}" for space in SPACES),
            "/".join(f"{distance:.0f}" for distance in sliced_wasserstein(images, against)),
            f"{frechet_distance(found, features):.2f}",
            f"{100 * coverage(found, features):.0f}/{100 * coverage(features, found):.0f}",
            f"{gray.whole:.1f}/{gray.tile:.1f}/{100 * gray.flat:.0f}%",
        ]


def drawn(photos: Images, *, symmetry: str, local_only: bool) -> dict[str, Images]:
    """Draw images with every mixture."""
    # A new set splits by pixels. By file, all these photos would be on one side of the fit's own holdout.
    alone = PhotoSet(photos)
    options: dict[str, Any] = {"n_images": N_IMAGES, "symmetry": symmetry, "quiet": True}
    pool = fit(alone, **options)
    chosen, redrawn = pool.record.choices["local"]["choice"], sum(pool.record.redrawn.values())
    print(f"Local mixture: {chosen}; {redrawn} draws were copies and drawn again")
    made = {"local mixture": pool.images}
    if local_only:
        return made
    whole: dict[str, Any] = {**options, "model": "pca", "measure": False}
    made["PCA mixture"] = fit(alone, **whole).images
    n_components = max(2, round(SEED_SHARE * len(photos)))
    made["notebook's recipe"] = fit(alone, recipe="seed", n_components=n_components, **whole).images
    return made


def main() -> None:
    """Print the table."""
    options = parser(__doc__)
    options.add_argument("--of", default="daisy", metavar="CLASS", help="the class that is measured")
    options.add_argument("--photos-per-class", type=int, metavar="N", help="draw from N photos only")
    options.add_argument("--image-size", type=int, default=128, help="height and width")
    options.add_argument("--grid", type=Path, metavar="FOLDER", help="write a grid of each there")
    options.add_argument("--symmetry", default="flip", help="none for letters and digits")
    options.add_argument("--local-only", action="store_true", help="measure the local mixture only")
    arguments = options.parse_args()
    size = arguments.image_size
    if arguments.photos is None:
        images, labels, names = make_flowers(1500, image_size=size)
        photos = load_photos(images, [names[label] for label in labels], quiet=True)
    else:
        photos = load_photos(arguments.photos, image_size=size, quiet=True)
    training, held_back = split_holdout(photos, 0.15)
    if arguments.photos_per_class:
        labels = np.asarray(training.labels)
        rows = [np.flatnonzero(labels == one)[: arguments.photos_per_class] for one in np.unique(labels)]
        training = training.take(np.concatenate(rows))
    measures = Measures(training, held_back, photos.class_names.index(arguments.of))
    order = np.random.default_rng(0).permutation(len(measures.photos))
    half = len(order) // 2
    halves = measures.photos[order[:half]], measures.photos[order[half:]]
    rows = [measures.row("real, half against half", *halves)]
    for name, images in drawn(
        measures.photos, symmetry=arguments.symmetry, local_only=arguments.local_only
    ).items():
        rows.append(measures.row(name, images))
        if arguments.grid is not None:
            save_png(grid(images[:40]), arguments.grid / f"{arguments.of}-{name.replace(' ', '-')}.png")
    accuracy = 100 * measures.network.accuracy
    show(
        f"{N_IMAGES} images from {len(measures.photos)} photos of {arguments.of} at {size} x {size}; the "
        f"network is right for {accuracy:.0f}% of unseen photos",
        HEADINGS,
        rows,
    )


if __name__ == "__main__":
    main()
