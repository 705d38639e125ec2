"""The label encodings that adapters accept, recognized in one place."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import one_of

LABEL_MODES = (None, "int", "binary", "categorical")
SUM_SLACK = 1e-2  # how far the sum of a one-hot vector may be from 1: half floats round


@dataclass(frozen=True, eq=False)
class LabelEncoding:
    """How a data set writes its labels.

    Attributes:
        codes: The label of each class of the pool, in the data set's dtype: (n,) or (n, 1) for class numbers,
            (n, n_classes) for one-hot vectors.
        n_classes: Number of the data set's classes; the pool may have fewer.
        one_hot: Whether labels are one-hot vectors; otherwise they are class numbers.

    Example:
        >>> labels, names = np.array([[1.0, 0.0], [0.2, 0.8]]), ["rose", "daisy"]
        >>> encoding = LabelEncoding.of(labels, ("daisy", "rose"), class_names=names)
        >>> encoding.codes.tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    codes: NDArray[Any]
    n_classes: int
    one_hot: bool

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        pool_classes: Sequence[str],
        *,
        class_names: Sequence[str] | None = None,
        label_mode: str | None = None,
    ) -> "LabelEncoding":
        """Recognize the encoding of labels.

        Args:
            labels: Class numbers, (n,) or (n, 1), of an integer, bool or float dtype with whole values; or
                one-hot vectors (n, n_classes), also smoothed or mixed; ``codes`` are plain one-hot.
            pool_classes: The pool's classes, in label order.
            class_names: The data set's classes in the order of their numbers. The pool's must be among them.
                May be None for pools of one class, and for those whose classes are called "0", "1", ….
            label_mode: "int" or "binary" for class numbers, "categorical" for one-hot vectors, as in Keras;
                None takes it from shape and values.

        Raises:
            TypeError: The labels are not numbers.
            ValueError: The pool has no classes, the order of the classes is unknown, or the labels have
                another encoding or other classes.
        """
        labels = np.asarray(labels)
        one_of("label_mode", label_mode, LABEL_MODES)
        if not pool_classes:
            raise ValueError(
                "The pool has no classes, so its images have no labels: fit photos in a folder per class, or "
                f"drop the labels. Received: labels of shape {labels.shape}"
            )
        # numpy does not count bfloat16 among its floats.
        if labels.dtype.kind not in "biuf" and labels.dtype.name != "bfloat16":
            raise TypeError(
                "Labels must be numbers: of names, pass class_names.index(name). "
                f"Received: dtype {labels.dtype}"
            )
        numbers, n_classes = _numbers_of(pool_classes, class_names)
        shape = labels.shape[1:]
        candidates: list[tuple[NDArray[Any], bool]] = []
        if labels.ndim in (1, 2) and shape in ((), (1,)) and label_mode != "categorical":
            candidates.append((numbers.reshape(-1, *shape), False))
        # Of one class, (n, 1) is a class number, unless stated otherwise.
        if shape == (n_classes,) and (label_mode == "categorical" or (label_mode is None and n_classes > 1)):
            candidates.append((np.eye(n_classes)[numbers], True))
        for wanted, one_hot in candidates:
            codes = wanted.astype(labels.dtype)
            encoding = cls(codes, n_classes, one_hot)
            # Unequal where the dtype cannot hold each class number.
            if np.array_equal(codes.astype(np.float64), wanted) and encoding.fits(labels):
                return encoding
        raise label_error(labels, pool_classes, n_classes)

    def fits(self, labels: NDArray[Any]) -> bool:
        """Return whether all labels, of any number, are of this encoding."""
        values = labels.astype(np.float64)
        if labels.shape[1:] != self.codes.shape[1:]:
            return False
        if self.one_hot:
            return bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1, rtol=0, atol=SUM_SLACK))
        return bool(np.isin(values, np.arange(self.n_classes)).all())

    def class_of(self, label: ArrayLike) -> int:
        """Return the pool's number of the class of one label, the likeliest of a smoothed one.

        It is -1 for a class of the data set of which the pool has no images.
        """
        value = np.asarray(label, np.float64)
        if self.one_hot:
            value = np.eye(self.n_classes)[value.argmax()]
        same = (self.codes == value).reshape(len(self.codes), -1).all(axis=1)
        return int(same.argmax()) if same.any() else -1


def label_error(labels: NDArray[Any], pool_classes: Sequence[str], n_classes: int) -> ValueError:
    """Make the error for labels that are of no accepted encoding, or not of the one seen first."""
    values = labels.astype(np.float64)
    shown = f", values in [{values.min():g}, {values.max():g}]" if values.size else ""
    return ValueError(
        f"Labels must be class numbers from 0 to {n_classes - 1} of shape (n,) or (n, 1), or one-hot "
        f"vectors (n, {n_classes}) that sum to 1, all alike. The pool's classes are {list(pool_classes)}; if "
        f"the data set has more, pass class_names=[...]. Received: {labels.dtype} labels of shape "
        f"{labels.shape}{shown}"
    )


def read_names(class_names: Sequence[str]) -> list[str]:
    """Return class names as a list.

    Raises:
        ValueError: They are no list, or not different strings.
    """
    unordered = isinstance(class_names, str | Mapping | Set)
    names = [] if unordered or not isinstance(class_names, Iterable) else list(class_names)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(
            "class_names must be a list of different strings, in the order of the class numbers. "
            f"Received: class_names={class_names!r}"
        )
    return [str(name) for name in names]


def agreed_names(stated: Sequence[str] | None, own: Sequence[str] | None) -> Sequence[str] | None:
    """Return the class names that a caller states, or those that the data set has.

    Raises:
        ValueError: They differ.
    """
    if stated is None or own is None or list(stated) == list(own):
        return own if stated is None else stated
    raise ValueError(
        f"class_names must be those of the data set, {list(own)}, or left out. Received: {stated!r}"
    )


def _numbers_of(
    pool_classes: Sequence[str], class_names: Sequence[str] | None
) -> tuple[NDArray[np.intp], int]:
    """Return the data set's number of each class of the pool, and the number of its classes."""
    own = list(pool_classes)
    numbered = own == [str(number) for number in range(len(own))]
    if class_names is None:
        if len(own) > 1 and not numbered:
            raise ValueError(
                "The labels are numbers, and the order of their classes is unknown: pass class_names=[...], "
                "the data set's classes in the order of their numbers; in the pool's order "
                f"class_names={own}. Received: class_names=None"
            )
        return np.arange(len(own)), len(own)
    names = read_names(class_names)
    if numbered and len(names) >= len(own) and not set(own) & set(names):
        return np.arange(len(own)), len(names)
    numbers = {name: number for number, name in enumerate(names)}
    missing = [name for name in own if name not in numbers]
    if missing:
        raise ValueError(
            f"The pool's classes {own} must be among the data set's class_names; missing: {missing}. "
            f"Received: class_names={names}"
        )
    return np.array([numbers[name] for name in own]), len(names)
