"""Batches of real images with synthetic ones among them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gmmaug_plugin.artifact import as_pool
from gmmaug_plugin.checks import seed_entropy, whole_number
from gmmaug_plugin.mixing import split_batch, synthetic_beside
from gmmaug_plugin.pool import Pool, Seed
from gmmaug_plugin.tensorflow.iterations import Iterations, as_it_is
from gmmaug_plugin.tensorflow.reading import PoolReader
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
    """Batch a dataset with synthetic images among the real ones, a fixed share of every batch.

    A batch of B has round(ratio x B) images of the pool beside real ones; every real image is used once an
    epoch, in the dataset's order, and the synthetic ones stand at random places between them. If the real
    images do not come out even, the last batch is shorter, with its share of synthetic ones.

    The first epoch's synthetic images are those of ``pool.sample(n, seed=seed)``, in order; every epoch goes
    on in the pool's order where the one before ended. (Where the number of the dataset's images is unknown,
    it goes on elsewhere.)

    Structure, image size, channels, dtype, value range and labels stay as the dataset's; synthetic images
    have sample weight 1. Each epoch is reproducible from run to run, and can be checkpointed midway
    (to ``repeat`` the mixture, do so before ``prefetch``: a checkpoint may lose the count of epochs
    otherwise, as it does that of ``shuffle``). The dataset may be repeated without end. Its first batch
    (or first 16 images) is read here, as by :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.

    The number of batches is known if the number of the dataset's images is: if it has a cardinality, and a
    static batch size where it is batched. Where all batches are full the batch size is static.

    In a ``tf.data`` service with dynamic sharding every worker has a last batch of its own: give
    ``static_shape=False``, or its real images are dropped. There, ``repeat`` the dataset, not the mixture:
    TensorFlow's workers leave an epoch of several sources at different moments, and would skip real images
    and repeat synthetic ones.

    Args:
        dataset: A ``tf.data.Dataset`` as :func:`~gmmaug_plugin.tensorflow.gmm_dataset` takes for
            ``like``. Shuffle it before. A batched one is batched anew, unless its batches have as many
            real images as are needed: these stay as they are, so that their number stays known.
        pool: A pool, or the path of its file.
        ratio: Share of synthetic images in a batch, in [0, 1).
        batch_size: Images in a batch, synthetic ones included; None takes the dataset's own.
        seed: A non-negative int or several; None takes another at every call. Processes that each take a
            share of one mixture's batches need the same seed; processes that mix a share of the real images
            each need seeds of their own.
        static_shape: Make the batch size static where all batches are full. Such batches drop a remainder
            where there is one after all, in a dataset that was sharded after this call.
        value_range: The white of the dataset's float images, as for ``gmm_dataset``.

    Returns:
        A ``tf.data.Dataset`` of batches.

    Raises:
        ArtifactError: The file holds no pool.
        TypeError: The dataset has another structure or dtype than described.
        ValueError: ``ratio`` or ``batch_size`` is not as described, or the dataset is not, as for
            :func:`~gmmaug_plugin.tensorflow.gmm_dataset`.

    Example:
        >>> train = mix(train, "flowers.safetensors", ratio=0.25, batch_size=32)  # doctest: +SKIP
        >>> classifier.fit(train, epochs=10)  # doctest: +SKIP
    """
    pool = as_pool(pool)
    structure = Structure.of(dataset, pool, value_range)
    n_real, n_synthetic = split_batch(_batch_size(structure, batch_size), ratio)
    real = _rebatch(dataset, structure, n_real, static_shape)
    if n_synthetic == 0:
        return real
    reader = PoolReader(pool, structure, seed)
    # Of a short batch as many as of the dataset's last one: never more than of a full batch.
    beside = [synthetic_beside(n, ratio) for n in range(n_real)] + [n_synthetic]
    an_epoch = _synthetic_images(dataset, real, structure, reader.period, beside)
    key = int(np.random.SeedSequence(seed_entropy(seed)).generate_state(1, np.uint32)[0])

    def insert(step: Any, iteration: Any, element: Any) -> Any:
        parts = structure.take_apart(element)
        n = parts[0].shape[0]
        count = n_synthetic if n else tf.gather(beside, _checked_size(parts[0], n_real))
        begin = iteration % reader.period * an_epoch + step * n_synthetic
        made = reader.read(begin + tf.range(tf.cast(count, tf.int64)))
        size = (n or tf.shape(parts[0])[0]) + count
        random = tf.random.stateless_uniform([size], [key + iteration, step], alg="philox")
        chosen = tf.argsort(random) < count
        before = tf.cumsum(tf.cast(chosen, tf.int32))
        source = tf.where(chosen, size - count + before - 1, tf.range(size) - before)
        mixed = [tf.gather(tf.concat(both, 0), source) for both in zip(parts, made, strict=True)]
        for part in mixed:
            part.set_shape([n_real + n_synthetic if n else None, *part.shape[1:]])
        return structure.put_together(mixed)

    iterations = Iterations()
    # A repeated long range, since Dataset.counter counts from 0 in each worker of a tf.data service with
    # dynamic sharding, where the steps of a range are shared out.
    steps = tf.data.Dataset.range(_ENDLESS).repeat()
    sources = tf.data.Dataset.zip((steps, iterations.numbers, real))
    return iterations.keep(
        sources.map(as_it_is(insert), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    )


def _synthetic_images(
    dataset: Any, real: Any, structure: Structure, period: int, beside: Sequence[int]
) -> int:
    """How far an epoch goes on in the pool's order; ``beside`` counts by real images of a batch."""
    n_real, n_synthetic = len(beside) - 1, beside[-1]
    images = dataset if structure.batch_size is None else dataset.unbatch()
    n = int(images.cardinality())
    if n > 0:
        full, rest = divmod(n, n_real)
        return full * n_synthetic + (beside[rest] if rest else 0)
    n_batches = int(real.cardinality())
    # Unknown: steps of the golden section come near everywhere in the order before they come near again.
    return n_batches * n_synthetic if n_batches > 0 else round(0.618 * period)


def _rebatch(dataset: Any, structure: Structure, size: int, static_shape: bool) -> Any:
    """The dataset's images in batches of ``size``, static if wanted, and every batch is sure to be full."""
    if structure.batch_size == size:
        return dataset
    images = dataset if structure.batch_size is None else dataset.unbatch()
    n, together = int(images.cardinality()), structure.static_batch_size
    endless = n == tf.data.INFINITE_CARDINALITY
    even = endless or (n >= 0 and n % size == 0) or bool(together and together % size == 0)
    return images.batch(size, drop_remainder=static_shape and even)


def _checked_size(images: Any, most: int) -> Any:
    """Number of images in a batch that is kept as the dataset made it.

    Evaluating it raises ``tf.errors.InvalidArgumentError`` if there are more than in its first batch.
    """
    n = tf.shape(images)[0]
    message = f"Every batch of the dataset except the last must have {most} images: unbatch it."
    with tf.control_dependencies([tf.debugging.assert_less_equal(n, most, message=message)]):
        return tf.identity(n)


def _batch_size(structure: Structure, batch_size: int | None) -> int:
    size = structure.batch_size if batch_size is None else batch_size
    if size is None:
        raise ValueError("batch_size must be given for a dataset of single images. Received: batch_size=None")
    return whole_number("batch_size", size, 1)
