"""Random numbers that belong to a place in a dataset, not to the moment they are asked for."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import tensorflow as tf

from gmmaug_plugin.checks import seed_entropy
from gmmaug_plugin.models.noise import Seed
from gmmaug_plugin.tensorflow.mapping import synchronous_map

Stream = Literal["component", "normal", "position", "strength"]
Place = tuple[Any, Any]
"""Where noise is drawn: the step of the iteration, and a number that tells iterations apart (int64)."""

_KEYS = np.int64(2**61)
"""Keys stay below this, so that adding the number of an iteration does not overflow."""

_ENDLESS = 2**62

_NO_GLOBAL_SEED = 87654321
"""What TensorFlow takes for the program's seed where none was set."""

_LARGEST_SEED = 2**31 - 1
"""TensorFlow takes seeds modulo this."""


class PlacedNoise:
    """Noise as a pure function of a seed and of places.

    Numbers come from TensorFlow's stateless Philox generators, so a dataset that uses them can be
    checkpointed, serialised, run in parallel and sharded by its steps.

    Args:
        seed: A non-negative int or a sequence of them; None takes fresh entropy.
    """

    def __init__(self, seed: Seed) -> None:
        names: tuple[Stream, ...] = get_args(Stream)
        state = np.random.SeedSequence(seed_entropy(seed)).generate_state(len(names) + 1, np.uint64)
        keys = (state % np.uint64(_KEYS)).astype(np.int64)
        self._keys = dict(zip(names, keys[1:], strict=True))
        self._iteration_key = int(keys[0])

    def places(self, start: int, stop: int) -> Any:
        """Dataset of the places of the steps from ``start`` to ``stop``, alike at every iteration."""
        return synchronous_map(
            tf.data.Dataset.range(start, stop), lambda step: (step, tf.zeros((), tf.int64))
        )

    def fresh_places(self, start: int, stop: int) -> Any:
        """Dataset of places whose noise is fresh at every iteration, yet reproducible; see :meth:`keep`."""
        return tf.data.Dataset.zip((tf.data.Dataset.range(start, stop), self._iterations))

    def endless_fresh_places(self) -> Any:
        """As :meth:`fresh_places`, of infinite cardinality.

        A repeated long range, since ``Dataset.counter`` counts from 0 in each worker of a ``tf.data``
        service with dynamic sharding, where the steps of a range are shared out.
        """
        return tf.data.Dataset.zip((tf.data.Dataset.range(_ENDLESS).repeat(), self._iterations))

    def keep(self, dataset: Any) -> Any:
        """Keep the count of iterations in checkpoints of a dataset that has fresh places.

        The count is saved by whatever iterates over ``self._iterations`` at that moment. Within the
        dataset that ends early, when the last place is prefetched; so it goes along here to the end.
        """
        together = tf.data.Dataset.zip((dataset, self._iterations))
        return synchronous_map(together, lambda element, iteration: element)

    @cached_property
    def _iterations(self) -> Any:
        """Random numbers, fresh at every iteration; one dataset, so that all use one count of iterations.

        As ``Dataset.random``, which however depends on ``tf.random.set_seed`` too: processes with program
        seeds of their own would put the images of one batch in several orders, and sharding by batches
        would then repeat some real images and skip others.
        """
        variant = tf.raw_ops.RandomDatasetV2(
            seed=np.int64(_NO_GLOBAL_SEED),
            seed2=np.int64(self._iteration_key % _LARGEST_SEED),
            seed_generator=tf.raw_ops.DummySeedGenerator(),
            output_types=[tf.int64],
            output_shapes=[tf.TensorShape([])],
            rerandomize_each_iteration=True,
        )
        return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.int64))

    def uniform(self, stream: Stream, place: Place, shape: Sequence[Any]) -> Any:
        """Uniform numbers in [0, 1), float64."""
        return tf.random.stateless_uniform(shape, self._seed(stream, place), dtype=tf.float64, alg="philox")

    def normal(self, stream: Stream, place: Place, shape: Sequence[Any]) -> Any:
        """Standard normal numbers, float32."""
        return tf.random.stateless_normal(shape, self._seed(stream, place), dtype=tf.float32, alg="philox")

    def _seed(self, stream: Stream, place: Place) -> Any:
        step, iteration = place
        return tf.stack([self._keys[stream] + iteration, step])
