from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.photos import PhotoError, load_photos
from gmmaug_plugin.photos.array_files import read_arrays

IMAGES = np.arange(3, dtype=np.uint8)[:, None, None].repeat(4, axis=1).repeat(4, axis=2)
LABELS = np.array([1, 0, 1], np.uint8)
PICKLED = np.array([{}, {}])  # cannot be read


@pytest.mark.parametrize(
    ("images", "labels", "others"),
    [
        ("x_train", "y_train", ("x_test", "y_test")),
        ("train_images", "train_labels", ("val_images", "val_labels", "test_images", "test_labels")),
        ("trainX", "trainy", ("testX", "testy")),
        ("X_Train", "Y_Train", ("X_Valid",)),
        ("X", "Y", ()),
        ("data", "target", ()),
        ("arr_0", "arr_1", ()),
    ],
)
def test_only_the_training_part_is_read_and_that_is_said(
    images: str, labels: str, others: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "photos.npz"
    np.savez(path, **{images: IMAGES, labels: LABELS[:, None], **dict.fromkeys(others, PICKLED)})

    photos = load_photos(path)

    np.testing.assert_array_equal(photos.images, IMAGES)
    assert (photos.labels.tolist(), photos.class_names) == ([1, 0, 1], ("0", "1"))
    assert ([] if not others else [*others]) == [name for name in others if name in "".join(photos.notes)]
    assert bool(photos.notes) == bool(others)


def test_other_arrays_are_not_read_and_a_single_one_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", images=IMAGES, latest=PICKLED, class_names=["a"])
    np.savez(tmp_path / "single.npz", IMAGES)

    assert read_arrays(tmp_path / "more.npz").notes[0].endswith("left out: latest.")
    np.testing.assert_array_equal(read_arrays(tmp_path / "single.npz").images, IMAGES)


@pytest.mark.parametrize(
    "keys", [("a", "b"), ("x_test", "y_test"), ("images", "x"), ("arr_0", "arr_1", "arr_2"), ()]
)
def test_unclear_keys_are_listed_with_those_allowed(keys: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "photos.npz", **dict.fromkeys(keys, IMAGES))

    with pytest.raises(
        PhotoError, match=f"named images, x, data, .*x_train.*Received: {', '.join(keys)}, in"
    ):
        read_arrays(tmp_path / "photos.npz")
