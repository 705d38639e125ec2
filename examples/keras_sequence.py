"""Mix synthetic images into the batches of a Keras PyDataset over arrays.

    python examples/keras_sequence.py [PHOTOS]

PHOTOS is a folder with a sub-folder per class; without it, flowers are drawn.
"""

from common import IMAGE_SIZE, photo_folder, small_classifier

from gmmaug_plugin import fit
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.photos import load_photos

photos = load_photos(photo_folder(), image_size=IMAGE_SIZE)
pool = fit(photos, measure=False)

# A quarter of every batch comes from the pool; `workers` threads make batches while the classifier trains.
x, y, names = photos.images[..., None], photos.labels, photos.class_names
train = GMMSequence(x, y, model=pool, ratio=0.25, batch_size=32, class_names=names, workers=2)
classifier = small_classifier(len(photos.class_names))
classifier.fit(train, epochs=2, verbose=2)
