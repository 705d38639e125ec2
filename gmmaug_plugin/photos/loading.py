"""Photos in: folders, files and arrays become images of one size, with labels and class names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.photos.arrays import Labels, encode_labels, read_array_file
from gmmaug_plugin.photos.errors import PhotoError
from gmmaug_plugin.photos.files import (
    PhotoFile,
    SkippedPhoto,
    printable,
    read_file,
    read_files,
    strict_error,
)
from gmmaug_plugin.photos.finding import find_files
from gmmaug_plugin.photos.photo_set import PhotoSet
from gmmaug_plugin.photos.pixels import to_color, to_grayscale
from gmmaug_plugin.resizing import Resize, check_resize, resize_images

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | NDArray[Any]

_FILE_IMAGE_SIZE = 128


@dataclass(frozen=True)
class _Options:
    image_size: int | None
    resize: Resize
    color: bool
    strict: bool
    min_photos: int
    quiet: bool


def load_photos(
    source: Photos,
    labels: Labels | None = None,
    *,
    image_size: int | None = None,
    resize: Resize = "stretch",
    color: bool = False,
    strict: bool = False,
    min_photos: int = 1,
    quiet: bool = False,
) -> PhotoSet:
    """Read photos from wherever they are into images of one size.

    Args:
        source: One of

            - a folder with a sub-folder per class, labelled in the order of their sorted names, each searched
              with everything below it, as Keras and torchvision do;
            - a folder with photos directly in it, which get no labels;
            - a list of paths, in which, as in any path here, a leading "~" is the home folder;
            - an array as :func:`to_grayscale` takes it;
            - a ``.npy`` file of such an array, or an ``.npz`` file with ``images`` (or ``x``) and, if wanted,
              ``labels`` (or ``y``) and ``class_names``.

            Files may be JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF, JPEG 2000 or PPM, recognised by content.
            Hidden files are passed over; any other file that cannot be used is skipped and named.
        labels: One per photo, for a list of paths or an array: integers 0..n_classes-1, every one of them
            used, whose classes are then called "0", "1", …; or strings, which become class names in
            sorted order.
        image_size: Height and width of the result in pixels. By default 128 for files, while square arrays
            keep their size.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centred square first.
        color: Keep color; grayscale photos then get three equal channels. Otherwise color becomes luma.
        strict: Raise an error for the first file that would be skipped.
        min_photos: Fewest photos to go on with.
        quiet: Show no progress bar.

    Returns:
        The photos, in a fixed order: by class and then by path, or as given.

    Raises:
        PhotoError: If the source is unusable, fewer than ``min_photos`` photos are left, a class is left
            without any, or a file cannot be used while ``strict``.
        ValueError: If an option, an array or labels have a wrong value or shape (PhotoError is one as well).
        TypeError: If source, labels or array are of a wrong type.

    Example:
        >>> import numpy as np
        >>> photos = load_photos(np.zeros((2, 8, 8), np.uint8), ["rose", "daisy"], image_size=4)
        >>> photos.images.shape, photos.labels.tolist(), photos.class_names
        ((2, 4, 4), [1, 0], ('daisy', 'rose'))
    """
    size = _check_size(image_size, resize)
    options = _Options(size, resize, color, strict, whole_number("min_photos", min_photos, 1), quiet)
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if path.suffix.lower() in (".npy", ".npz") and not path.is_dir():
            return _from_array_file(path, labels, options)
        return _from_folder(path, labels, options)
    if isinstance(source, list | tuple):
        return _from_paths(source, labels, options)
    if hasattr(source, "__array__"):
        return _from_array(np.asanyarray(source), labels, None, options)
    raise TypeError(
        f"Photos come as a folder, a .npy or .npz file, a list of paths or an array. Received: {type(source)}"
    )


def read_photo(
    path: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    resize: Resize = "stretch",
    color: bool = False,
) -> NDArray[np.uint8]:
    """Read one photo, upright.

    Args:
        path: The file.
        image_size: Height and width of the result in pixels; None keeps the photo's own.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centred square first.
        color: Keep color; otherwise it becomes luma.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255.

    Raises:
        PhotoError: If the file is no usable photo; says why.
        ValueError: If an option has a wrong value.

    Example:
        >>> read_photo("rose.jpg", image_size=128).shape  # doctest: +SKIP
        (128, 128)
    """
    size = _check_size(image_size, resize)
    try:
        return read_file(Path(path).expanduser(), size=size, resize=resize, color=color)[0]
    except PhotoError as error:
        raise PhotoError(f"The photo cannot be read: {error}. Received: {str(path)!r}") from error


def _check_size(image_size: int | None, resize: Resize) -> int | None:
    check_resize(resize)
    return None if image_size is None else whole_number("image_size", image_size, 1)


def _from_folder(path: Path, labels: Labels | None, options: _Options) -> PhotoSet:
    if labels is not None:
        raise PhotoError(
            f"The sub-folders of a folder are its labels; none can be given besides. Received: {str(path)!r}"
        )
    if not path.is_dir():
        raise PhotoError(f"There must be a folder, a .npy or an .npz file. Received: {str(path)!r}")
    found = find_files(path)
    return _from_files(found.files, found.class_names, found.skipped, str(path), options)


def _from_paths(source: Sequence[Any], labels: Labels | None, options: _Options) -> PhotoSet:
    for entry in source:
        if not isinstance(entry, str | os.PathLike):
            raise TypeError(f"A list of photos holds paths; stack arrays into one. Received: {type(entry)}")
    paths = [Path(entry).expanduser() for entry in source]
    codes, class_names = encode_labels(labels, len(paths))
    given = [0] * len(paths) if codes is None else codes.tolist()
    files = [
        PhotoFile(path, printable(path.as_posix()), label) for path, label in zip(paths, given, strict=True)
    ]
    return _from_files(files, class_names, (), f"{len(files)} paths", options)


def _from_files(
    files: Sequence[PhotoFile],
    class_names: tuple[str, ...],
    passed_over: Sequence[SkippedPhoto],
    received: str,
    options: _Options,
) -> PhotoSet:
    if options.strict and passed_over:
        raise strict_error(passed_over[0])
    images, digests, reasons = read_files(
        files,
        options.image_size or _FILE_IMAGE_SIZE,
        resize=options.resize,
        color=options.color,
        strict=options.strict,
        quiet=options.quiet,
    )
    unread = (SkippedPhoto(file.name, reason) for file, reason in zip(files, reasons, strict=True) if reason)
    skipped = (*passed_over, *unread)
    _check_enough(len(images), skipped, received, options)
    codes = None
    if class_names:
        read = [file.label for file, reason in zip(files, reasons, strict=True) if reason is None]
        codes = np.array(read, np.int32)
        empty = np.flatnonzero(np.bincount(codes, minlength=len(class_names)) == 0)
        if len(empty):
            names = ", ".join(printable(class_names[code]) for code in empty)
            raise PhotoError(
                f"No usable photo is left of: {names}. {_summary(skipped)}Received: {received!r}"
            )
    return PhotoSet(images, codes, class_names, skipped, options.resize, tuple(digests))


def _check_enough(n_photos: int, skipped: Sequence[SkippedPhoto], received: str, options: _Options) -> None:
    if n_photos < options.min_photos:
        raise PhotoError(
            f"Too few usable photos: found {n_photos}, needed at least {options.min_photos}. "
            f"{_summary(skipped)}Received: {received!r}"
        )


def _summary(skipped: Sequence[SkippedPhoto]) -> str:
    if not skipped:
        return ""
    named = ", ".join(map(str, skipped[:3]))
    return f"Skipped {len(skipped)}: {named}{', …' if len(skipped) > 3 else ''}. "


def _from_array_file(path: Path, labels: Labels | None, options: _Options) -> PhotoSet:
    contents = read_array_file(path)
    if labels is not None and "labels" in contents:
        raise PhotoError(f"The file has labels; none can be given besides. Received: {str(path)!r}")
    try:
        given = contents.get("labels") if labels is None else labels
        return _from_array(contents["images"], given, contents.get("class_names"), options)
    except PhotoError:
        raise
    except (TypeError, ValueError) as error:
        raise PhotoError(f"{printable(path.name)}: {error}") from error


def _from_array(
    images: NDArray[Any], labels: Labels | None, names: NDArray[Any] | None, options: _Options
) -> PhotoSet:
    n_photos = len(images) if images.ndim else 0
    _check_enough(n_photos, (), f"an array of shape {images.shape}", options)
    pixels = to_color(images) if options.color else to_grayscale(images)
    height, width = pixels.shape[1:3]
    if options.image_size is None and height != width:
        raise ValueError(
            f"Images that are not square need an image_size. Received: height {height}, width {width}"
        )
    codes, class_names = encode_labels(labels, n_photos, names)
    resized = resize_images(pixels, options.image_size or height, resize=options.resize)
    return PhotoSet(resized, codes, class_names, (), options.resize)
