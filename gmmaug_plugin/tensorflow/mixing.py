"""Batches of real images with synthetic ones among them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.checks import seed_entropy
from gmmaug_plugin.image_layout import ValueRange
from gmmaug_plugin.pool import Pool, Seed, as_pool
from gmmaug_plugin.ratio import split_batch, synthetic_beside
from gmmaug_plugin.tensorflow.batch_checks import checked
from gmmaug_plugin.tensorflow.iterations import Iterations, without_autograph
from gmmaug_plugin.tensorflow.pool_reader import PoolReader
from gmmaug_plugin.tensorflow.structure import Structure

_ENDLESS = 2**62


def mix(
    dataset: Any,
    pool: Pool | str | Path,
    *,
    ratio: float,
    batch_size: int | None = None,
    seed: Seed = 0,
    static_shape: bool = True,
    value_range: ValueRange = None,
    class_names: Sequence[str] | None = None,
    label_mode: str | None = None,
    batched: bool | None = None,
) -> Any:
    """Batch a dataset with a fixed share of synthetic images in every batch.

    A batch of B images has round(ratio x B) synthetic ones at random places. Every real image is used once an
    epoch, in the dataset's order. If the real images do not fill the last batch, it is shorter, with its
    share of synthetic images.

    The first epoch's synthetic images are those of ``pool.sample(n, seed=seed)``, in order. Every epoch
    continues the pool's order where the one before ended, or far from it if the dataset's length is unknown.

    Synthetic images have the dataset's structure, image size, channels, dtype, value range and label
    encoding; their sample weight is 1, and their further keys are 0, False or "". The dataset's elements are:

    - images; (images, labels); (images, labels, sample_weights); (images, images) for an autoencoder; or a
      dict with the keys "image", "images" or "x", "label", "labels" or "y", "sample_weight" or
      "sample_weights", and any further keys. Masks and other second pictures are refused.
    - Single or batched: (h, w), (h, w, channels) or (channels, h, w), with one more axis in batches.
    - uint8 in 0..255, or float16, bfloat16, float32 or float64 in a range that ``value_range`` names.
    - Labels are class numbers of shape () or (1,) and of an integer, bool or float dtype; or one-hot vectors,
      also smoothed or mixed ones. Synthetic images have plain one-hot vectors.

    What an argument states is not guessed. The rest is taken from the first 16 images or two batches, which
    takes as long as a slow source or a long shuffle does. While these are too dark to show the value range,
    more are read, up to 64 batches or 1,000 images. Nothing is read if the range (of floats) and
    ``label_mode`` (of labels) are stated and elements are single or of a static batch size. Every real batch
    is then checked in the graph: if values leave the range, or labels are of another encoding, iteration ends
    with ``tf.errors.InvalidArgumentError``, which says which batch and what was found.

    Each epoch is reproducible from run to run, and can be checkpointed midway. Apply ``repeat`` to the
    mixture before ``prefetch``: otherwise a checkpoint may lose the count of epochs, as it does for
    ``shuffle``. The dataset may be endless.

    The number of batches is known if the number of the dataset's images is: if it has a cardinality and, if
    batched, a static batch size. The batch size is static if all batches are full.

    In a ``tf.data`` service with dynamic sharding pass ``static_shape=False``, and ``repeat`` the dataset,
    not the mixture: otherwise real images are skipped. See docs/scale.md.

    Args:
        dataset: A ``tf.data.Dataset`` as described above. Shuffle it before. A batched one is batched again,
            unless its batches have the number of real images needed: these are kept, so that their number
            stays known.
        pool: A pool, or the path of its file.
        ratio: Share of synthetic images in a batch, in [0, 1).
        batch_size: Images in a batch, real and synthetic together; None takes the dataset's own.
        seed: A non-negative int or several; None takes another at every call. docs/scale.md has those of
            several processes.
        static_shape: Make the batch size static where all batches are full. Such batches drop a remainder,
            which a dataset has if it is sharded after this call.
        value_range: Black and white of float images, (0, 255), (0, 1), (-1, 1) or others; a number is white.
        class_names: The dataset's classes in the order of their numbers; the pool's must be among them. None
            takes the attribute ``class_names`` of Keras' ``image_dataset_from_directory``, which ``map``,
            ``prefetch`` and others lose. Not needed for pools of one class, or of classes "0", "1", ….
        label_mode: "int" or "binary" for class numbers, "categorical" for one-hot vectors.
        batched: Whether elements are batches. None takes it from the shapes, if they allow one reading only;
            batches (n, h, w) without channels show it if n is None.

    Returns:
        A ``tf.data.Dataset`` of batches.

    Raises:
        ArtifactError: The pool's file cannot be read.
        TypeError: The dataset has another structure or dtype than described.
        ValueError: ``ratio`` or ``batch_size`` is invalid; the dataset is empty or has unknown shapes; its
            first elements differ from what is stated or allowed, or do not show it: the error has the
            argument to write.

    Example:
        >>> train = mix(train, "flowers.safetensors", ratio=0.25, batch_size=32)  # doctest: +SKIP
        >>> classifier.fit(train, epochs=10)  # doctest: +SKIP
    """
    pool = as_pool(pool)
    structure = Structure.of(dataset, pool, value_range, class_names, label_mode, batched)
    size = structure.batch_size if batch_size is None else batch_size
    if size is None:
        raise ValueError("batch_size must be given for a dataset of single images. Received: batch_size=None")
    n_real, n_synthetic = split_batch(size, ratio)
    images = dataset if structure.batch_size is None else dataset.unbatch()
    real = dataset
    if structure.batch_size != n_real:
        full = static_shape and _fills_batches(images, structure.static_batch_size, n_real)
        real = images.batch(n_real, drop_remainder=full)
    if n_synthetic == 0:
        return real
    reader = PoolReader(pool, structure, seed)
    # By the number of real images in a batch; a short batch never has more than a full one.
    counts = [synthetic_beside(n, ratio) for n in range(n_real)] + [n_synthetic]
    an_epoch = _images_per_epoch(images, real, counts, reader.period)
    key = int(np.random.SeedSequence(seed_entropy(seed)).generate_state(1, np.uint32)[0])

    def insert(step: Any, iteration: Any, element: Any) -> Any:
        parts = checked(tf.nest.flatten(element), step, structure, n_real)
        n = parts[0].shape[0]
        count = n_synthetic if n else tf.gather(counts, tf.shape(parts[0])[0])
        begin = iteration % reader.period * an_epoch + step * n_synthetic
        made = reader.read(begin + tf.range(tf.cast(count, tf.int64)))
        mixed = _shuffle_in(made, parts, [key + iteration, step])
        for part in mixed:
            part.set_shape([n_real + n_synthetic if n else None, *part.shape[1:]])
        return tf.nest.pack_sequence_as(structure.spec, mixed)

    iterations = Iterations()
    # A repeated long range: Dataset.counter would count from 0 in each worker of a tf.data service with
    # dynamic sharding, which divides the steps of a range between them.
    steps = tf.data.Dataset.range(_ENDLESS).repeat()
    sources = tf.data.Dataset.zip((steps, iterations.numbers, real))
    return iterations.keep(
        sources.map(without_autograph(insert), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    )


def _fills_batches(images: Any, batch_size: int | None, n_real: int) -> bool:
    """Whether images, which came in batches of a size, if any, fill batches of ``n_real`` evenly."""
    n = int(images.cardinality())
    even = n >= 0 and n % n_real == 0
    return even or n == tf.data.INFINITE_CARDINALITY or bool(batch_size and batch_size % n_real == 0)


def _images_per_epoch(images: Any, real: Any, counts: Sequence[int], period: int) -> int:
    """Synthetic images in an epoch; ``counts`` are those of a batch, by its number of real images."""
    n, n_batches = int(images.cardinality()), int(real.cardinality())
    if n > 0:
        full, rest = divmod(n, len(counts) - 1)
        return full * counts[-1] + counts[rest]
    # Unknown: epochs begin a golden section apart, which spreads them evenly over the order.
    return n_batches * counts[-1] if n_batches > 0 else round(0.618 * period)


def _shuffle_in(made: Sequence[Any], parts: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
    """Return the parts of a batch with those of synthetic images at random places between them."""
    count = tf.shape(made[0])[0]
    total = tf.shape(parts[0])[0] + count
    chosen = tf.argsort(tf.random.stateless_uniform([total], seeds, alg="philox")) < count
    before = tf.cumsum(tf.cast(chosen, tf.int32))
    source = tf.where(chosen, total - count + before - 1, tf.range(total) - before)
    return [tf.gather(tf.concat(both, 0), source) for both in zip(parts, made, strict=True)]
