"""Labels to class numbers and names."""

import numpy as np
import pytest

from gmmaug_plugin.photos.labels import encode_labels


@pytest.mark.parametrize(
    ("labels", "names", "expected", "expected_names"),
    [
        (np.array([1, 0, 1], np.uint8), None, [1, 0, 1], ("0", "1")),
        (np.array([[1], [0], [1]]), None, [1, 0, 1], ("0", "1")),
        ([np.int64(0), 0, 1], ["tulip", "rose"], [0, 0, 1], ("tulip", "rose")),
        (["tulip", "Rose", "tulip"], None, [1, 0, 1], ("Rose", "tulip")),
        (np.array(["b", "a", "a"], object), ["b", "a"], [0, 1, 1], ("b", "a")),
    ],
)
def test_integers_and_strings_become_class_numbers(
    labels: object, names: list[str] | None, expected: list[int], expected_names: tuple[str, ...]
) -> None:
    codes, found = encode_labels(labels, 3, None if names is None else np.array(names))

    assert codes.dtype == np.int32
    assert codes.tolist() == expected
    assert found == expected_names


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1], ValueError, r"one label per photo, 3. Received: shape \(2,\)"),
        (np.eye(3, dtype=int), ValueError, r"argmax\(axis=1\)\. Received: shape \(3, 3\)"),
        ([0, -1, 1], ValueError, "labels from -1 to 1, none equal to 0"),
        ([0, 2, 2], ValueError, "labels from 0 to 2, none equal to 1"),
        ([1, 2, 3], ValueError, "none equal to 0"),
        ([0.0, 1.0, 2.0], TypeError, "Received: float"),
        ([True, False, True], TypeError, "Received: bool"),
        (["rose", 1, 2], TypeError, "Received: int, str"),
        ([[1], [1, 2], [3]], TypeError, "Received: list"),
    ],
)
def test_wrong_labels_are_refused(labels: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encode_labels(labels, 3)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (None, ["a"], "Class names need labels"),
        ([0, 1, 0], ["a"], r"2 different strings\. Received: \['a'\]"),
        ([0, 1, 0], ["a", "a"], "2 different strings"),
        ([0, 1, 0], [1, 2], "2 different strings"),
        (["a", "b", "a"], ["a", "c"], "the labels in some order"),
    ],
)
def test_class_names_must_fit_the_labels(labels: object, names: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_labels(labels, 3, np.array(names))
