"""Vary images in an albumentations pipeline, and synthesise some from templates.

    python examples/albumentations_transforms.py [PHOTOS]

PHOTOS is a folder with a sub-folder per class; without it, flowers are drawn.
"""

import math
import tempfile
from pathlib import Path

import albumentations as A
import keras
import numpy as np
from common import IMAGE_SIZE, photo_folder, small_classifier

from gmmaug_plugin import fit
from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary
from gmmaug_plugin.images import load_photos

photos = load_photos(photo_folder(), image_size=IMAGE_SIZE)
artifact = Path(tempfile.mkdtemp()) / "flowers.safetensors"
# Templates are encodings of photos, for synthesis to start from; to vary photos takes none.
fit(photos, templates=60).save(artifact)

augment = A.Compose(
    [GMMSynthesize(artifact, p=0.1), GMMVary(artifact, strength=(0.3, 0.6), p=0.5), A.HorizontalFlip()],
    seed=0,
)


class AugmentedPhotos(keras.utils.PyDataset):
    """Batches of photos, each augmented on its own; the label says which class to draw from."""

    def __len__(self) -> int:
        return math.ceil(len(photos.images) / 32)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(32 * index, 32 * index + 32)
        pairs = zip(photos.images[rows], photos.labels[rows], strict=True)
        images = [augment(image=image, label=label)["image"] for image, label in pairs]
        return np.stack(images)[..., None], photos.labels[rows]


classifier = small_classifier(len(photos.class_names))
classifier.fit(AugmentedPhotos(), epochs=2, verbose=2)
