"""Replace some images of an albumentations pipeline by synthetic ones of the same class.

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
from gmmaug_plugin.albumentations import GMMSynthesize
from gmmaug_plugin.photos import load_photos

photos = load_photos(photo_folder(), image_size=IMAGE_SIZE)
file = Path(tempfile.mkdtemp()) / "flowers.safetensors"
fit(photos, measure=False).save(file)

# With class_names, labels may be class numbers.
synthesize = GMMSynthesize(file, p=0.25, class_names=photos.class_names)
augment = A.Compose([synthesize, A.HorizontalFlip()], seed=0)


class AugmentedPhotos(keras.utils.PyDataset):
    """Batches of photos, each augmented on its own; the label says which class to take an image of."""

    def __len__(self) -> int:
        return math.ceil(len(photos.images) / 32)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(32 * index, 32 * index + 32)
        pairs = zip(photos.images[rows], photos.labels[rows], strict=True)
        images = [augment(image=image, label=label)["image"] for image, label in pairs]
        return np.stack(images)[..., None], photos.labels[rows]


classifier = small_classifier(len(photos.class_names))
classifier.fit(AugmentedPhotos(), epochs=2, verbose=2)
