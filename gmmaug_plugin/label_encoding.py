"""The label encodings that adapters accept, recognized in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class LabelEncoding:
    """How a data set writes its labels.

    Attributes:
        codes: The label of each class, in the data set's dtype: (n_classes,) or (n_classes, 1) for class
            numbers, (n_classes, n_classes) for one-hot vectors.

    Example:
        >>> encoding = LabelEncoding.of(np.array([[1.0, 0.0], [0.2, 0.8]]), ("daisy", "rose"))
        >>> encoding.codes[np.array([1, 1])].tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """

    codes: NDArray[Any]

    @classmethod
    def of(cls, labels: ArrayLike, class_names: Sequence[str]) -> "LabelEncoding":
        """Recognize the encoding of labels.

        Args:
            labels: Class numbers, (n,) or (n, 1), of an integer, bool or float dtype with whole values; or
                one-hot vectors (n, n_classes), also smoothed or mixed; ``codes`` are plain one-hot. With one
                class, (n, 1) zeros are numbers and (n, 1) ones are one-hot.
            class_names: The pool's classes, in label order.

        Raises:
            TypeError: The labels are not numbers.
            ValueError: The pool has no classes, or the labels have another encoding or other classes.
        """
        labels = np.asarray(labels)
        n_classes = len(class_names)
        if n_classes == 0:
            raise ValueError(
                "The pool has no classes, so its images have no labels: fit photos in a folder per class, or "
                f"drop the labels. Received: labels of shape {labels.shape}"
            )
        # numpy does not count bfloat16 among its floats.
        if labels.dtype.kind not in "biuf" and labels.dtype.name != "bfloat16":
            raise TypeError(f"Labels must be numbers. Received: dtype {labels.dtype}")
        shape, values = labels.shape[1:], labels.astype(np.float64)
        candidates: list[NDArray[Any]] = []
        if labels.ndim in (1, 2) and shape in ((), (1,)) and np.isin(values, np.arange(n_classes)).all():
            candidates.append(np.arange(n_classes).reshape(n_classes, *shape))
        if shape == (n_classes,) and (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-2):
            candidates.append(np.eye(n_classes))
        for wanted in candidates:
            codes = wanted.astype(labels.dtype)
            # Unequal where the dtype cannot hold each class number.
            if np.array_equal(codes.astype(np.float64), wanted):
                return cls(codes)
        shown = f", values in [{values.min():g}, {values.max():g}]" if values.size else ""
        raise ValueError(
            f"Labels must be class numbers from 0 to {n_classes - 1} of shape (n,) or (n, 1), or one-hot "
            f"vectors (n, {n_classes}). The pool's classes are {list(class_names)}. "
            f"Received: {labels.dtype} labels of shape {labels.shape}{shown}"
        )
