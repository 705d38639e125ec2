"""Batches of real images with synthetic ones among them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.checks import seed_entropy
from gmmaug_plugin.pool import Pool, Seed, as_pool
from gmmaug_plugin.ratio import split_batch, synthetic_beside
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
    value_range: float | None = None,
) -> Any:
    """Batch a dataset with a fixed share of synthetic images in every batch.

    A batch of B images has round(ratio x B) synthetic ones at random places. Every real image is used once an
    epoch, in the dataset's order. If the real images do not fill the last batch, it is shorter, with its
    share of synthetic images.

    The first epoch's synthetic images are those of ``pool.sample(n, seed=seed)``, in order. Every epoch
    continues the pool's order where the one before ended, or far from it if the dataset's length is unknown.

    Structure, image size, channels, dtype, value range and label encoding are the dataset's; synthetic images
    have sample weight 1. Each epoch is reproducible from run to run, and can be checkpointed midway. Apply
    ``repeat`` to the mixture before ``prefetch``: otherwise a checkpoint may lose the count of epochs, as it
    does for ``shuffle``. The dataset may be endless. Its first batch (or first 16 images) is read here, as by
    :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.

    The number of batches is known if the number of the dataset's images is: if it has a cardinality and, if
    batched, a static batch size. The batch size is static if all batches are full.

    In a ``tf.data`` service with dynamic sharding every worker has a last batch of its own: pass
    ``static_shape=False``, or its real images are dropped. There, ``repeat`` the dataset, not the mixture:
    TensorFlow's workers leave an epoch of several sources at different moments, and would skip real images
    and repeat synthetic ones.

    Args:
        dataset: A ``tf.data.Dataset`` like ``like`` in :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.
            Shuffle it before. A batched one is batched again, unless its batches have the number of real
            images needed: these are kept, so that their number stays known.
        pool: A pool, or the path of its file.
        ratio: Share of synthetic images in a batch, in [0, 1).
        batch_size: Images in a batch, real and synthetic together; None takes the dataset's own.
        seed: A non-negative int or several; None takes another at every call. Processes that each take a
            share of one mixture's batches need the same seed; processes that each mix a share of the real
            images need different seeds.
        static_shape: Make the batch size static where all batches are full. Such batches drop a remainder,
            which a dataset has if it is sharded after this call.
        value_range: White of the dataset's float images, as for ``gmm_dataset``.

    Returns:
        A ``tf.data.Dataset`` of batches.

    Raises:
        ArtifactError, TypeError: As for :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.
        ValueError: ``ratio`` or ``batch_size`` is invalid, or the dataset is, as for ``gmm_dataset``.

    Example:
        >>> train = mix(train, "flowers.safetensors", ratio=0.25, batch_size=32)  # doctest: +SKIP
        >>> classifier.fit(train, epochs=10)  # doctest: +SKIP
    """
    pool = as_pool(pool)
    structure = Structure.of(dataset, pool, value_range)
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
        parts = tf.nest.flatten(element)
        n = parts[0].shape[0]
        count = n_synthetic if n else tf.gather(counts, _checked_size(parts[0], n_real))
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


def _checked_size(images: Any, most: int) -> Any:
    """Return the number of images in a batch of the dataset's own batching.

    Evaluating it raises ``tf.errors.InvalidArgumentError`` if there are more than in its first batch.
    """
    n = tf.shape(images)[0]
    message = f"Every batch of the dataset except the last must have {most} images: unbatch it."
    with tf.control_dependencies([tf.debugging.assert_less_equal(n, most, message=message)]):
        return tf.identity(n)


def _shuffle_in(made: Sequence[Any], parts: Sequence[Any], seeds: Sequence[Any]) -> list[Any]:
    """Return the parts of a batch with those of synthetic images at random places between them."""
    count = tf.shape(made[0])[0]
    total = tf.shape(parts[0])[0] + count
    chosen = tf.argsort(tf.random.stateless_uniform([total], seeds, alg="philox")) < count
    before = tf.cumsum(tf.cast(chosen, tf.int32))
    source = tf.where(chosen, total - count + before - 1, tf.range(total) - before)
    return [tf.gather(tf.concat(both, 0), source) for both in zip(parts, made, strict=True)]
