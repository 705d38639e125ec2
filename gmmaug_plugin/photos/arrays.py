"""Array files and labels in: .npy and .npz contents; integers or strings become codes and class names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.photos.errors import PhotoError
from gmmaug_plugin.photos.files import printable

Labels = Sequence[int] | Sequence[str] | NDArray[Any]


def read_array_file(path: Path) -> dict[str, NDArray[Any]]:
    """Read a .npy or .npz file of photos, without ever unpickling.

    Args:
        path: The file.

    Returns:
        ``images``, and of an .npz file ``labels`` and ``class_names`` where it has them, unchecked.

    Raises:
        PhotoError: If the file cannot be read or has no images.

    Example:
        >>> sorted(read_array_file(Path("flowers.npz")))  # doctest: +SKIP
        ['images', 'labels']
    """
    if not path.is_file():
        raise PhotoError(f"There is no such file. Received: {str(path)!r}")
    try:
        if path.suffix.lower() == ".npy":
            # Mapped first: that checks the size in its header against the file before memory is taken.
            return {"images": np.array(np.load(path, mmap_mode="r", allow_pickle=False))}
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"images": loaded}
            names = {"images": ("images", "x"), "labels": ("labels", "y"), "class_names": ("class_names",)}
            keys = {
                name: next((key for key in options if key in loaded), None) for name, options in names.items()
            }
            contents = {name: loaded[key] for name, key in keys.items() if key is not None}
    except Exception as error:
        raise PhotoError(
            f"The file cannot be read as arrays: {printable(str(error)[:200])}. Received: {str(path)!r}"
        ) from error
    if "images" not in contents:
        raise PhotoError(f"An .npz file of photos needs the key 'images' or 'x'. Received: {str(path)!r}")
    return contents


def encode_labels(
    labels: Labels | None, n_photos: int, names: NDArray[Any] | None = None
) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Turn labels into int32 codes and class names; ``names`` sets the names or, of strings, the order."""
    if labels is None:
        if names is not None:
            raise ValueError(f"Class names need labels. Received: {len(names)} class names")
        return None, ()
    given = _label_array(labels, n_photos)
    values, codes = np.unique(given, return_inverse=True)
    classes: list[Any] = values.tolist()
    if given.dtype.kind != "U" and classes != list(range(len(classes))):
        gap = next(code for code, value in enumerate(classes) if code != value)
        raise ValueError(
            "Integer labels must be 0, 1, … without a gap, each with a photo. "
            f"Received: labels from {classes[0]} to {classes[-1]}, none equal to {gap}"
        )
    class_names = tuple(str(value) for value in classes)
    if names is None:
        return codes.astype(np.int32), class_names
    wanted = _check_names(names)
    if len(wanted) != len(classes) or (given.dtype.kind == "U" and set(wanted) != set(class_names)):
        raise ValueError(f"Class names must name the {len(classes)} classes. Received: {', '.join(wanted)}")
    if given.dtype.kind == "U":
        codes = np.array([wanted.index(name) for name in class_names])[codes]
    return codes.astype(np.int32), wanted


def _label_array(labels: Labels, n_photos: int) -> NDArray[Any]:
    try:
        given = np.asarray(labels)
    except ValueError as error:
        raise ValueError(
            f"There must be one label per photo, {n_photos}. Received: lists of different lengths"
        ) from error
    if given.shape != (n_photos,):
        raise ValueError(f"There must be one label per photo, {n_photos}. Received: shape {given.shape}")
    if given.dtype.kind in "iu" or not n_photos:
        return given
    kinds = {type(label) for label in np.asarray(labels, dtype=object)}
    if not all(issubclass(kind, str) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"Labels must be all integers or all strings. Received: {names}")
    return given.astype(np.str_)


def _check_names(names: NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U" or len(set(names.tolist())) != len(names):
        raise ValueError(
            f"Class names must be a list of different strings. Received: {printable(str(names))}"
        )
    return tuple(names.tolist())
