"""Convert labels, integers or strings, to class numbers and class names."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = Sequence[int] | Sequence[str] | NDArray[Any]


def encode_labels(
    labels: Labels | None, n_photos: int, class_names: NDArray[Any] | None = None
) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Convert labels to class numbers.

    Args:
        labels: One per photo, (n,) or (n, 1): integers 0..n_classes-1, each of them used; or strings. None
            without classes.
        n_photos: Number of photos.
        class_names: Names in label order. By default "0", "1", …, or the sorted strings.

    Returns:
        int32 (n_photos,), indices into the class names, or None without classes; and the class names.

    Raises:
        ValueError: If the number of labels is wrong, a class has no photo, or names do not fit the labels.
        TypeError: If the labels are neither all integers nor all strings.

    Example:
        >>> codes, names = encode_labels(["rose", "daisy", "rose"], 3)
        >>> codes.tolist(), names
        ([1, 0, 1], ('daisy', 'rose'))
    """
    if labels is None:
        if class_names is not None:
            raise ValueError(f"Class names need labels. Received: {len(class_names)} class names")
        return None, ()
    given = np.asarray(labels, dtype=object)
    if given.shape == (n_photos, 1):
        given = given[:, 0]
    if given.shape != (n_photos,):
        hint = "Of one-hot labels, give labels.argmax(axis=1). " if given.ndim == 2 else ""
        raise ValueError(
            f"There must be one label per photo, {n_photos}. {hint}Received: shape {given.shape}"
        )
    kinds = {type(label) for label in given}
    text = all(issubclass(kind, str) for kind in kinds)
    if not text and not all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds):
        received = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"Labels must be all integers or all strings. Received: {received}")
    values = sorted(set(given.tolist()))
    if not text and values != list(range(len(values))):
        gap = next(code for code, value in enumerate(values) if code != value)
        raise ValueError(
            "Integer labels must be 0, 1, … without a gap, each with a photo. "
            f"Received: labels from {values[0]} to {values[-1]}, none equal to {gap}"
        )
    names = [str(value) for value in values]
    if class_names is not None:
        names = np.atleast_1d(class_names).tolist()
        fit = set(names) == set(values) if text else all(isinstance(name, str) for name in names)
        if not fit or not len(names) == len(set(names)) == len(values):
            wanted = "the labels in some order" if text else f"{len(values)} different strings"
            raise ValueError(f"Class names must be {wanted}. Received: {names}")
    codes = [names.index(label) for label in given] if text else given
    return np.array(codes, np.int32), tuple(names)
