"""A number for every iteration over a dataset, without state that could not be serialised."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_COUNTED = 4096
"""Iterations that are numbered 0, 1, 2, …; later ones, and some in a service, have arbitrary numbers."""

_SEEDS = np.int64(87654321), np.int64(1)


def as_it_is(function: Callable[..., Any]) -> Any:
    """Keep AutoGraph from rewriting a function, which costs time at every trace."""
    return tf.autograph.experimental.do_not_convert(function)


class Iterations:
    """Counts the iterations over a dataset.

    TensorFlow has one dataset that differs from iteration to iteration, can be checkpointed and is allowed
    in a ``tf.data`` service: random numbers, freshly seeded by an inner count. The first random number of an
    iteration gives its place in that count away.

    A dataset must use ``numbers`` once and pass through :meth:`keep` at its end: this makes two iterators
    over the random numbers in every iteration.
    """

    def __init__(self) -> None:
        self._values = _random_values()

    @property
    def numbers(self) -> Any:
        """Endless int64 dataset of the present iteration's number."""

        def number(known: Any, value: Any) -> Any:
            found = tf.cond(known < 0, lambda: _number_of(value), lambda: known)
            return found, found

        return self._values.scan(np.int64(-1), as_it_is(number))

    def keep(self, dataset: Any) -> Any:
        """Keep the count in checkpoints of a dataset that uses ``numbers``.

        The count is saved by whatever iterates over the random numbers at that moment. Within the dataset
        that ends early, when the last element is prefetched; here it goes along to the end.
        """
        together = tf.data.Dataset.zip((dataset, self._values))
        return together.map(as_it_is(lambda element, value: element), synchronous=True)


def _number_of(value: Any) -> Any:
    """The number of the iteration that begins with this random number."""
    same = tf.equal(_first_values(), value)
    place = tf.argmax(same)
    # An iteration has two iterators. Only in a tf.data service, which gives each a count of its own, is a
    # place odd: then numbers stay different, though they do not follow each other.
    later = tf.where(tf.reduce_any(same), place, value)
    return tf.where(tf.reduce_any(same) & (place % 2 == 0), place // 2, 2 * _COUNTED + later)


@lru_cache(maxsize=1)
def _first_values() -> NDArray[np.int64]:
    n = 2 * _COUNTED
    with tf.init_scope():
        values = next(iter(_random_values().take(1).repeat(n).batch(n))).numpy()
    return np.asarray(values, np.int64)


def _random_values() -> Any:
    """As ``Dataset.random``, which however depends on the program's seed, ``tf.random.set_seed``, too."""
    variant = tf.raw_ops.RandomDatasetV2(
        seed=_SEEDS[0],
        seed2=_SEEDS[1],
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        output_types=[tf.int64],
        output_shapes=[tf.TensorShape([])],
        rerandomize_each_iteration=True,
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.int64))
