"""Long batches a part at a time, in one loop that a graph can hold."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any
"""A ``tf.Tensor``."""


def in_parts(
    function: Callable[..., Sequence[Tensor]], batch: Sequence[Tensor], dtypes: Sequence[Any], size: int
) -> tuple[Tensor, ...]:
    """Apply a function to parts of a batch, one after another, and join what it makes of them.

    A loop rather than several calls: a graph grows no longer with the batch, whose length it need not know.

    Args:
        function: Of tensors (n, …), to as many tensors (n, …) as there are ``dtypes``.
        batch: Tensors (N, …), N at least 1.
        dtypes: What the function's results are.
        size: The greatest n.

    Returns:
        Tensors (N, …).
    """
    n = tf.shape(batch[0])[0]
    n_parts = (n + (size - 1)) // size

    def body(index: Tensor, *made: Any) -> tuple[Any, ...]:
        results = function(*(one[index * size : (index + 1) * size] for one in batch))
        return index + 1, *(array.write(index, result) for array, result in zip(made, results, strict=True))

    arrays = [tf.TensorArray(dtype, n_parts, infer_shape=False) for dtype in dtypes]
    _, *made = tf.while_loop(
        lambda index, *_: index < n_parts, body, (tf.constant(0), *arrays), parallel_iterations=1
    )
    return tuple(array.concat() for array in made)
