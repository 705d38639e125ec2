"""How labels are written in a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class LabelFormat:
    """What the labels of a dataset look like.

    Attributes:
        n_classes: Number of classes.
        shape: Shape of one label.
        dtype: Any integer or float dtype.
        one_hot: Whether a label is a vector with a one at its class, rather than the class's number.
    """

    n_classes: int
    shape: tuple[int, ...]
    dtype: Any
    one_hot: bool

    @classmethod
    def of(cls, spec: Any, examples: np.ndarray, class_names: Sequence[str]) -> "LabelFormat":
        """Read the format of one image's label.

        Args:
            spec: ``tf.TensorSpec`` of one label.
            examples: Some labels of the dataset, (n, *shape).
            class_names: The pool's classes in label order.

        Raises:
            TypeError: Labels are no numbers.
            ValueError: The pool has no classes, labels have another shape than allowed, or an example
                is no class of the pool.
        """
        n_classes = len(class_names)
        received = f"Received: labels of shape {spec.shape} and dtype {spec.dtype.name}"
        if n_classes == 0:
            raise ValueError(
                "The dataset has labels, but the pool has none, as its photos were unlabelled: fit it with a "
                f"folder per class, or drop the labels. {received}"
            )
        if not (spec.dtype.is_integer or spec.dtype.is_floating):
            raise TypeError(f"Labels must be numbers. {received}")
        if spec.shape.rank is None or None in spec.shape.as_list():
            raise ValueError(f"Labels must have a known shape. {received}")
        shape = tuple(spec.shape.as_list())
        one_hot = shape == (n_classes,)
        binary = shape in ((), (1,)) and spec.dtype.is_floating and n_classes <= 2
        number = shape in ((), (1,)) and spec.dtype.is_integer and n_classes - 1 <= spec.dtype.max
        if not (one_hot or binary or number):
            raise ValueError(
                f"Labels must be integer class numbers, one-hot vectors of length {n_classes} or, for "
                f"pools of two classes, float zeros and ones. The pool's classes are "
                f"{list(class_names)}. {received}"
            )
        if not one_hot:
            _check_numbers(examples, class_names)
        return cls(n_classes, shape, spec.dtype, one_hot)

    def encode(self, numbers: Any) -> Any:
        """Write class numbers, int32 (n,), in this format: (n, *shape)."""
        if self.one_hot:
            return tf.one_hot(numbers, self.n_classes, dtype=self.dtype)
        labels = tf.cast(numbers, self.dtype)
        return labels[:, None] if self.shape else labels


def check_class_names(dataset: Any, class_names: Sequence[str]) -> None:
    """Raise :class:`ValueError` if a dataset names classes (as Keras' do) and the pool others."""
    named = getattr(dataset, "class_names", None)
    if named and class_names and list(named) != list(class_names):
        raise ValueError(
            "The dataset and the pool must have the same classes in the same order. "
            f"The pool's are {list(class_names)}. Received: dataset.class_names={list(named)}"
        )


def _check_numbers(examples: np.ndarray, class_names: Sequence[str]) -> None:
    numbers = examples.astype(np.float64)
    if not np.isin(numbers, np.arange(len(class_names))).all():
        raise ValueError(
            f"Labels must be class numbers from 0 to {len(class_names) - 1}; the pool's classes are "
            f"{list(class_names)}. "
            f"Received: labels {np.unique(numbers).tolist()} in the dataset's first elements"
        )
