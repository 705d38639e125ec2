"""Photos in ``.npy`` and ``.npz`` files: which arrays are images, labels and class names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.photos.skipped import PhotoError, printable

_PAIRS = {
    **{"images": "labels", "x": "y", "data": "target", "arr_0": "arr_1"},
    **{
        "x_train": "y_train",
        "train_images": "train_labels",
        "trainx": "trainy",
        "training_images": "training_labels",
    },
}
"""Names of images and of their labels, in lower case."""


class Arrays(NamedTuple):
    """Arrays of a file, unchecked, and a sentence on arrays of it that were left out."""

    images: NDArray[Any]
    labels: NDArray[Any] | None = None
    class_names: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()


def read_arrays(path: Path) -> Arrays:
    """Read the photos of a ``.npy`` or ``.npz`` file. No pickled object is loaded.

    An ``.npz`` file has images, and optionally labels and class names, under names that Keras, medmnist and
    others use. Other arrays, as ``x_test``, are not read. A file of a single array needs no names.

    Raises:
        PhotoError: The file cannot be read, or it is not clear which array holds the images.

    Example:
        >>> np.savez("mnist.npz", x_train=np.zeros((2, 8, 8), np.uint8), y_train=[0, 1], x_test=[0])
        >>> arrays = read_arrays(Path("mnist.npz"))
        >>> arrays.images.shape, arrays.labels.tolist(), arrays.notes
        ((2, 8, 8), [0, 1], ('Only x_train and y_train of the file are used; left out: x_test.',))
    """
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return Arrays(loaded)
            found, keys = loaded.files, _chosen(loaded.files)
            if keys:
                others = [key for key in found if key not in keys.values()]
                used = " and ".join(keys.values())
                note = f"Only {used} of the file are used; left out: {', '.join(others)}."
                arrays = {role: np.asarray(loaded[key]) for role, key in keys.items()}
                return Arrays(**arrays, notes=(printable(note),) if others else ())
    except Exception as error:  # NumPy and zipfile raise many kinds for damaged files
        raise PhotoError(
            f"The file cannot be read as arrays: {printable(str(error)[:200])}. Received: {str(path)!r}"
        ) from error
    raise PhotoError(
        f"An .npz file needs one array named {', '.join(_PAIRS)}; it may have labels, as y_train, and "
        f"class_names. Received: {printable(', '.join(found))[:300]}, in {str(path)!r}"
    )


def _chosen(keys: Sequence[str]) -> dict[str, str]:
    """Keys of the arrays to use, by role; nothing if it is not clear which."""
    if len(keys) == 1:
        return {"images": keys[0]}
    own = {key.lower(): key for key in keys}
    images = [name for name in _PAIRS if name in own]
    if len(images) != 1 or "arr_2" in own:
        return {}
    wanted = {"images": images[0], "labels": _PAIRS[images[0]], "class_names": "class_names"}
    return {role: own[name] for role, name in wanted.items() if name in own}
