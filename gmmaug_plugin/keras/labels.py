"""Labels of a batch: class numbers, and how each class is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelEncoding:
    """How the labels of a batch are written.

    Attributes:
        codes: How each class is written, one row per class, in the dtype and shape of the labels.
    """

    codes: NDArray[Any]

    @classmethod
    def of(cls, y: NDArray[Any], class_names: Sequence[str]) -> "LabelEncoding":
        """Detect the label encoding from shape, dtype and values.

        Args:
            y: Class numbers (n,) or (n, 1) of any dtype, or one-hot (n, n_classes), soft ones too if float.
            class_names: Names of the classes, in the order of their numbers.

        Raises:
            ValueError: The labels have another encoding, or are not of these classes.
        """
        K = len(class_names)
        if y.dtype.kind in "biuf" and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] in (1, K))):
            numbered = y.ndim == 1 or y.shape[1] == 1
            codes = np.arange(K).reshape(K, *y.shape[1:]) if numbered else np.eye(K)
            written = codes.astype(y.dtype)
            values = np.nan_to_num(y.astype(np.float64)).reshape(len(y), -1)
            classes = np.clip(values[:, 0], 0, K - 1).astype(np.int64) if numbered else values.argmax(axis=1)
            soft = not numbered and y.dtype.kind == "f" and _are_shares(values)
            if np.array_equal(written, codes) and (soft or np.array_equal(written[classes], y)):
                return cls(written)
        values_seen = f", values in [{y.min()}, {y.max()}]" if y.dtype.kind in "biuf" and y.size else ""
        raise ValueError(
            f"Labels must be class numbers from 0 to {K - 1} of shape (n,) or (n, 1), or one-hot (n, {K}). "
            f"The pool's classes are {list(class_names)}. Received: {y.dtype} {y.shape}{values_seen}"
        )

    def encode(self, classes: NDArray[np.int32]) -> NDArray[Any]:
        """Write class numbers the way the labels are written."""
        return self.codes[classes]


def _are_shares(labels: NDArray[np.float64]) -> bool:
    """Whether every row is a smoothed or mixed one-hot label."""
    return bool((labels >= 0).all() and np.allclose(labels.sum(axis=1), 1.0, atol=1e-2))
