"""Images of a pool as a ``tf.data.Dataset``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.image_layout import ValueRange
from gmmaug_plugin.pool import Label, Pool, Seed, as_pool
from gmmaug_plugin.tensorflow.iterations import Iterations, without_autograph
from gmmaug_plugin.tensorflow.pool_reader import PoolReader
from gmmaug_plugin.tensorflow.structure import Structure


def gmm_dataset(
    pool: Pool | str | Path,
    n: int,
    *,
    like: Any = None,
    label: Label | None = None,
    seed: Seed = 0,
    rerandomize_each_iteration: bool = False,
    value_range: ValueRange = None,
    class_names: Sequence[str] | None = None,
    label_mode: str | None = None,
    batched: bool | None = None,
) -> Any:
    """Make a dataset of ``n`` images of a pool.

    They are the images of ``pool.sample(n, label=label, seed=seed)``, in the same order at every iteration.
    The dataset consists of native operations: its cardinality and shapes are known, and it can be
    checkpointed, saved, serialized and sent to a ``tf.data`` service.

    With ``like`` the elements are like those of that dataset, as in :func:`~gmmaug_plugin.tensorflow.mix`.
    Its first elements are always read and checked. Later ones are not: ``mix`` alone checks every batch.
    Shuffle the result of ``concatenate`` before batching it, otherwise all-real batches are followed by
    all-synthetic ones.

    If ``tf.distribute`` shards a dataset by ``DATA``, every worker reads all images and keeps its share.
    The workers of a ``tf.data`` service with dynamic sharding each read a part; see docs/scale.md.

    Args:
        pool: A pool, or the path of its file.
        n: Number of images, 0 or more. Beyond the pool's own number images are mirrored, then repeated, with
            a warning.
        like: A ``tf.data.Dataset`` that ``mix`` accepts. None makes single uint8 images (size, size, 1), or
            (size, size, 3) if the pool is in color, with int32 labels if the pool has classes.
        label: Read this class only, by name or number; None reads classes as often as the photos had them.
        seed: A non-negative int or several; None takes another at every call.
        rerandomize_each_iteration: Go on in the pool's order at every iteration, instead of repeating the
            same images. Apply ``repeat`` before ``batch`` and ``prefetch``: otherwise a checkpoint may lose
            the count of iterations, as it does for ``shuffle``. An iteration that is left early counts.
        value_range: Black and white of ``like``'s float images, as for ``mix``.
        class_names: Classes of ``like`` in the order of their numbers, as for ``mix``.
        label_mode: Encoding of ``like``'s labels, as for ``mix``.
        batched: Whether ``like`` has batches, as for ``mix``.

    Returns:
        A ``tf.data.Dataset`` with the ``element_spec`` of ``like``: of ``n`` images, or of batches of
        ``like``'s batch size, the last one shorter if ``n`` does not divide evenly.

    Raises:
        ArtifactError: The file holds no pool.
        TypeError, ValueError: As for ``mix``; or ``n`` or ``label`` is invalid, ``n`` does not fill the
            batches of a ``like`` with a static batch size, or ``like`` is described but not given.

    Example:
        >>> train = tf.keras.utils.image_dataset_from_directory("photos")  # doctest: +SKIP
        >>> train = train.concatenate(gmm_dataset("flowers.safetensors", 500, like=train))  # doctest: +SKIP
    """
    pool = as_pool(pool)
    n = whole_number("n", n, 0)
    stated: dict[str, Any] = {
        "value_range": value_range,
        "class_names": class_names,
        "label_mode": label_mode,
        "batched": batched,
    }
    if like is not None:
        structure = Structure.of(like, pool, **stated, always_read=True)
    elif given := [f"{name}={value!r}" for name, value in stated.items() if value is not None]:
        raise ValueError(f"{', '.join(stated)} describe like. Received: {', '.join(given)}, like=None")
    else:
        structure = Structure.plain(pool)
    single, static = structure.batch_size is None, structure.static_batch_size
    size = structure.batch_size or 1
    if static and n % size:
        raise ValueError(
            f"The batches of like have {size} images each, so n must be a multiple of {size} "
            f"(or batch like with drop_remainder=False). Received: n={n!r}"
        )
    reader = PoolReader(pool, structure, seed, label)
    pool.warn_of_repeats(n, label)

    def element(step: Any, iteration: Any = 0) -> Any:
        begin = iteration % reader.period * n + step * size
        count = size if single or static else tf.minimum(n - step * size, size)
        parts = reader.read(begin + tf.range(count, dtype=tf.int64))
        return tf.nest.pack_sequence_as(structure.spec, [part[0] for part in parts] if single else parts)

    steps = tf.data.Dataset.range(-(-n // size))
    if rerandomize_each_iteration:
        iterations = Iterations()
        steps = tf.data.Dataset.zip((steps, iterations.numbers))
    made = steps.map(without_autograph(element), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return iterations.keep(made) if rerandomize_each_iteration else made
