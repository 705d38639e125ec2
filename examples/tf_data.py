"""Mix images of a pool into a tf.data pipeline.

    python examples/tf_data.py [PHOTOS]

PHOTOS is a folder with a sub-folder per class; without it, flowers are drawn.
"""

import keras
from common import IMAGE_SIZE, photo_folder, small_classifier

from gmmaug_plugin import fit
from gmmaug_plugin.tensorflow import gmm_dataset, mix

photos = photo_folder()
pool = fit(photos, image_size=IMAGE_SIZE, measure=False)

real = keras.utils.image_dataset_from_directory(
    photos, color_mode="grayscale", image_size=(IMAGE_SIZE, IMAGE_SIZE), batch_size=None, seed=0
)

# A quarter of every batch is synthetic …
train = mix(real, pool, ratio=0.25, batch_size=32)
classifier = small_classifier(len(pool.class_names))
classifier.fit(train, epochs=2, shuffle=False, verbose=2)

# … or add synthetic images to the data, with the structure and dtype of the real ones.
more = real.concatenate(gmm_dataset(pool, 100, like=real)).shuffle(2000)
print(f"{real.cardinality()} real images, {more.cardinality()} with synthetic ones")
