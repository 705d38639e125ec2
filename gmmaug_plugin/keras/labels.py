"""Labels of a batch: class numbers, and the way back into their encoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labels:
    """Labels as class numbers, and the way back into their encoding.

    Attributes:
        classes: Class numbers, int64 (n,).
        codes: How each class is written, one row per class, in the dtype and shape of the labels.
    """

    classes: NDArray[np.int64]
    codes: NDArray[Any]

    @classmethod
    def of(cls, y: NDArray[Any], class_names: Sequence[str]) -> "Labels":
        """Read labels, telling their encoding by shape and dtype.

        Raises:
            ValueError: They are in no encoding known, or not of the model's classes.
        """
        K = len(class_names)
        if y.dtype.kind in "biuf" and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] in (1, K))):
            numbered = y.ndim == 1 or y.shape[1] == 1
            codes = np.arange(K).reshape(K, *y.shape[1:]) if numbered else np.eye(K)
            values = np.nan_to_num(y.astype(np.float64)).reshape(len(y), -1)
            classes = np.clip(values[:, 0], 0, K - 1).astype(np.int64) if numbered else values.argmax(axis=1)
            written = codes.astype(y.dtype)
            # Floats may be the targets of one sigmoid, which knows two classes.
            fits = np.array_equal(written, codes) and not (numbered and y.dtype.kind == "f" and K > 2)
            soft = not numbered and y.dtype.kind == "f" and _are_shares(values)
            if fits and (soft or np.array_equal(written[classes], y)):
                return cls(classes, written)
        values_seen = f", values in [{y.min()}, {y.max()}]" if y.dtype.kind in "biuf" and y.size else ""
        raise ValueError(
            f"Labels must be whole numbers from 0 to {K - 1} of shape (n,) or (n, 1), one-hot (n, {K}), or "
            f"for two classes 0.0 and 1.0. The model's classes are {list(class_names)}. "
            f"Received: {y.dtype} {y.shape}{values_seen}"
        )

    def encode(self, classes: NDArray[np.int32]) -> NDArray[Any]:
        """Write class numbers the way the labels are written."""
        return self.codes[classes]


def _are_shares(labels: NDArray[np.float64]) -> bool:
    """Whether every row is a smoothed or mixed one-hot label: of its class the greatest share."""
    return bool((labels >= 0).all() and np.allclose(labels.sum(axis=1), 1.0, atol=1e-2))
