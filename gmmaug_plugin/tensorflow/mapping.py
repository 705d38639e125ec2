"""Mapped functions: in order, and traced as they are, since AutoGraph need not rewrite models' code."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def parallel_map(dataset: Any, function: Callable[..., Any]) -> Any:
    """Map several elements at a time."""
    plain = tf.autograph.experimental.do_not_convert(function)
    return dataset.map(plain, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def synchronous_map(dataset: Any, function: Callable[..., Any]) -> Any:
    """Map an element when it is asked for, and no sooner."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function), synchronous=True)
