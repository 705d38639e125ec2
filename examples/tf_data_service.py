"""Make training batches in other processes: a tf.data service with a dispatcher, workers and a trainer.

    python examples/tf_data_service.py [PHOTOS] [--workers 2] [--images 200]

PHOTOS is a folder with a sub-folder per class; without it, flowers are drawn. Here everything runs on one
machine; on several, give workers the address of the dispatcher. With ``--workers 0`` the trainer works alone.
"""

import argparse
import multiprocessing
import time
from collections import Counter
from contextlib import contextmanager

import keras
import tensorflow as tf
from common import IMAGE_SIZE, photo_folder, small_classifier

from gmmaug_plugin import fit
from gmmaug_plugin.tensorflow import gmm_dataset, mix

service = tf.data.experimental.service
EPOCHS, BATCH = 2, 32


def work(dispatcher_address, ready):
    """Run a worker."""
    worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=dispatcher_address))
    ready.set()
    worker.join()


@contextmanager
def running_service(n_workers):
    """Start workers in processes of their own; yields a transformation that distributes a dataset."""
    dispatcher = service.DispatchServer()
    address = dispatcher.target.removeprefix("grpc://")
    context = multiprocessing.get_context("spawn")
    signs = [context.Event() for _ in range(n_workers)]
    workers = [context.Process(target=work, args=(address, sign), daemon=True) for sign in signs]
    for worker in workers:
        worker.start()
    try:
        if not all(sign.wait(120) for sign in signs):
            raise RuntimeError("The workers did not start.")
        yield service.distribute(service.ShardingPolicy.DYNAMIC, dispatcher.target)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def count(synthetic):
    """Print how many images come, how many of them twice, and how fast after the first batch."""
    came = Counter()
    for number, (images, _) in enumerate(synthetic.batch(BATCH)):
        if number == 0:
            began, first = time.perf_counter(), len(images)
        came.update(image.tobytes() for image in images.numpy())
    seconds = time.perf_counter() - began
    twice = came.total() - len(came)
    print(f"{came.total()} images came, {twice or 'none'} twice")
    print(f"{(came.total() - first) / seconds:.0f} images a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, default=200)
    options, photos = parser.parse_known_args()
    photos = photo_folder(photos)
    pool = fit(photos, image_size=IMAGE_SIZE, measure=False)
    real = keras.utils.image_dataset_from_directory(
        photos, color_mode="grayscale", image_size=(IMAGE_SIZE, IMAGE_SIZE), batch_size=None, seed=0
    )
    steps = len(real) // BATCH
    synthetic = gmm_dataset(pool, options.images)
    # Repeat before mixing: every new iterator of a service starts at the pool's first images.
    train = mix(real.repeat(), pool, ratio=0.25, batch_size=BATCH, class_names=real.class_names)
    if options.workers == 0:
        count(synthetic)
        return
    with running_service(options.workers) as shared_out:
        count(synthetic.apply(shared_out))
        classifier = small_classifier(len(real.class_names))
        classifier.fit(
            train.apply(shared_out), steps_per_epoch=steps, epochs=EPOCHS, shuffle=False, verbose=2
        )


if __name__ == "__main__":
    main()
