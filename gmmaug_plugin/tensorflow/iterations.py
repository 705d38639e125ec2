"""A number for every iteration over a dataset, without state that could not be serialised."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_COUNTED = 4096  # iterations numbered 0, 1, 2, …; later ones, and some in a service, have arbitrary numbers
_SEEDS = np.int64(87654321), np.int64(1)


def without_autograph(function: Callable[..., Any]) -> Any:
    """Keep AutoGraph from converting a function, which costs time at every trace."""
    return tf.autograph.experimental.do_not_convert(function)


class Iterations:
    """Counts the iterations over a dataset.

    A reseeding dataset of random numbers is TensorFlow's only dataset that differs between iterations, can be
    checkpointed and works in a ``tf.data`` service. TensorFlow reseeds it by a count of its iterators, so the
    first random number of an iteration identifies its place in that count.

    A dataset must use ``numbers`` once and pass through :meth:`keep` at its end: every iteration then makes
    two iterators over the random numbers.
    """

    def __init__(self) -> None:
        self._values = _random_values()

    @property
    def numbers(self) -> Any:
        """Endless int64 dataset that repeats the number of the current iteration."""

        def number(known: Any, value: Any) -> Any:
            found = tf.cond(known < 0, lambda: _number_of(value), lambda: known)
            return found, found

        return self._values.scan(np.int64(-1), without_autograph(number))

    def keep(self, dataset: Any) -> Any:
        """Keep the count in checkpoints of a dataset that uses ``numbers``.

        A checkpoint saves the count with an iterator over the random numbers. The one inside the dataset ends
        early, when the last element is prefetched; the one added here lives to the end.
        """
        together = tf.data.Dataset.zip((dataset, self._values))
        return together.map(without_autograph(lambda element, value: element), synchronous=True)


def _number_of(value: Any) -> Any:
    """Return the number of the iteration that begins with this random number."""
    same = tf.equal(_first_values(), value)
    place = tf.argmax(same)
    # An iteration has two iterators, so places are even. In a tf.data service each iterator has its own count
    # and places may be odd: numbers then still differ, but do not follow each other.
    later = tf.where(tf.reduce_any(same), place, value)
    return tf.where(tf.reduce_any(same) & (place % 2 == 0), place // 2, 2 * _COUNTED + later)


@lru_cache(maxsize=1)
def _first_values() -> NDArray[np.int64]:
    n = 2 * _COUNTED
    with tf.init_scope():
        values = next(iter(_random_values().take(1).repeat(n).batch(n))).numpy()
    return np.asarray(values, np.int64)


def _random_values() -> Any:
    """Make a ``Dataset.random`` that does not depend on ``tf.random.set_seed``."""
    variant = tf.raw_ops.RandomDatasetV2(
        seed=_SEEDS[0],
        seed2=_SEEDS[1],
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        output_types=[tf.int64],
        output_shapes=[tf.TensorShape([])],
        rerandomize_each_iteration=True,
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.int64))
