"""Photos in: folders, files and arrays become grayscale images, labels, class names, and what was skipped."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.images.errors import PhotoError
from gmmaug_plugin.images.files import (
    PhotoFile,
    SkippedPhoto,
    printable,
    read_array_file,
    strict_error,
)
from gmmaug_plugin.images.finding import find_files
from gmmaug_plugin.images.grayscale import to_grayscale
from gmmaug_plugin.images.labels import Labels, encode_labels
from gmmaug_plugin.images.reading import read_file, read_photos_of
from gmmaug_plugin.images.storage import blocks, take_rows
from gmmaug_plugin.resizing import Resize, check_resize, resize_images

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | NDArray[Any]

_FILE_IMAGE_SIZE = 128


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Grayscale photos of one size.

    Attributes:
        images: uint8 (n, image_size, image_size), values 0..255. Shares memory with the source where that
            was such an array already; a read-only ``np.memmap`` where they lie in a file.
        labels: int32 (n,), indices into ``class_names``; None for photos without classes.
        class_names: Names in label order, each with at least one photo; empty for photos without classes.
        skipped: What was left out, and why.
        resize: How the photos were made square.
        digests: What tells one photo from another, whatever set it is in: SHA-256, 64 hexadecimal digits, of
            each file's content, or of shape and pixels where photos come as an array. Taken from the images
            where none are given.

    Raises:
        ValueError: If digests are given, but not one per photo.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None
    class_names: tuple[str, ...]
    skipped: tuple[SkippedPhoto, ...]
    resize: Resize = "stretch"
    digests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.digests:
            object.__setattr__(self, "digests", digests_of(self.images))
        if len(self.digests) != len(self.images):
            raise ValueError(
                f"digests must be one per photo, {len(self.images)}. Received: {len(self.digests)}"
            )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the photos' digests in ascending order: which photos these are, in any order."""
        return hashlib.sha256("".join(sorted(self.digests)).encode()).hexdigest()

    def take(self, indices: ArrayLike) -> "PhotoSet":
        """Some of the photos, in the order asked for.

        Args:
            indices: Positions, integers (m,); or a mask, bool (n,).

        Returns:
            Their images, labels and digests. The class names stay all there, even of classes without a
            photo left; so does what was skipped.

        Raises:
            IndexError: If a position is out of range or a mask of the wrong length.
            TypeError: If ``indices`` are neither integers nor bool.
            ValueError: If ``indices`` have another number of axes than one.

        Example:
            >>> photos = load_photos(np.zeros((3, 4, 4), np.uint8), ["rose", "daisy", "rose"])
            >>> photos.take([2, 1]).labels.tolist()
            [1, 0]
        """
        chosen = np.asarray(indices)
        if chosen.ndim != 1:
            raise ValueError(f"indices must have one axis. Received: shape {chosen.shape}")
        if chosen.size == 0:
            chosen = chosen.astype(np.intp)
        elif chosen.dtype.kind not in "iub":
            raise TypeError(f"indices must be integers or bool. Received: dtype {chosen.dtype}")
        positions = np.arange(len(self.images))[chosen]
        return replace(
            self,
            images=take_rows(self.images, positions),
            labels=None if self.labels is None else self.labels[positions],
            digests=tuple(self.digests[position] for position in positions),
        )


def digests_of(images: NDArray[np.uint8]) -> tuple[str, ...]:
    """SHA-256 of every image's shape and pixels, 64 hexadecimal digits each.

    Args:
        images: uint8 (n, height, width).

    Example:
        >>> digests_of(np.zeros((1, 2, 2), np.uint8))[0][:8]
        '660c5b93'
    """
    shape = f"{images.shape[1:]}".encode()
    return tuple(
        hashlib.sha256(shape + image.tobytes()).hexdigest() for block in blocks(images) for image in block
    )


@dataclass(frozen=True)
class _Options:
    image_size: int | None
    resize: Resize
    strict: bool
    min_photos: int
    quiet: bool
    cache: bool


def load_photos(
    source: Photos,
    labels: Labels | None = None,
    *,
    image_size: int | None = None,
    resize: Resize = "stretch",
    strict: bool = False,
    min_photos: int = 2,
    quiet: bool = False,
    cache: bool = True,
) -> PhotoSet:
    """Read photos from wherever they are into grayscale images of one size.

    Args:
        source: One of

            - a folder with a sub-folder per class, labelled in the order of their sorted names, each searched
              with everything below it, as Keras and torchvision do;
            - a folder with photos directly in it, which get no labels;
            - a list of paths;
            - an array as :func:`to_grayscale` takes it;
            - a ``.npy`` file of such an array, or an ``.npz`` file with ``images`` (or ``x``) and, if wanted,
              ``labels`` (or ``y``) and ``class_names``.

            Files may be JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF, JPEG 2000 or PPM, told by content. Hidden
            files are passed over; any other file that cannot be used is skipped and named.
        labels: One per photo, for a list of paths or an array: integers 0..n_classes-1, every one of them
            used, whose classes are then called "0", "1", …; or strings, which become class names in
            sorted order.
        image_size: Height and width of the result in pixels. By default 128 for files, while square arrays
            keep their size.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centred square first.
        strict: Raise an error for the first file that would be skipped.
        min_photos: Fewest photos to go on with.
        quiet: Show no progress bar.
        cache: Keep decoded files in the cache folder (``GMMAUG_CACHE``, by default that of the user), and
            take those from there that were decoded before: told by content, not by names or times.

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
    check_resize(resize)
    size = None if image_size is None else whole_number("image_size", image_size, 1)
    options = _Options(size, resize, strict, whole_number("min_photos", min_photos, 1), quiet, cache)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
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
    path: str | os.PathLike[str], *, image_size: int | None = None, resize: Resize = "stretch"
) -> NDArray[np.uint8]:
    """Read one photo, upright and in grayscale.

    Args:
        path: The file.
        image_size: Height and width of the result in pixels; None keeps the photo's own.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centred square first.

    Returns:
        uint8 (height, width), values 0..255.

    Raises:
        PhotoError: If the file is no usable photo; says why.
        ValueError: If an option has a wrong value.

    Example:
        >>> read_photo("rose.jpg", image_size=128).shape  # doctest: +SKIP
        (128, 128)
    """
    check_resize(resize)
    size = None if image_size is None else whole_number("image_size", image_size, 1)
    try:
        return read_file(Path(path), size=size, resize=resize)[0]
    except PhotoError as error:
        raise PhotoError(f"The photo cannot be read: {error}. Received: {str(path)!r}") from error


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
    paths = [Path(entry) for entry in source]
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
    size = options.image_size or _FILE_IMAGE_SIZE
    read = read_photos_of(
        files,
        image_size=size,
        resize=options.resize,
        strict=options.strict,
        quiet=options.quiet,
        cache=options.cache,
    )
    unread = (
        SkippedPhoto(file.name, reason) for file, reason in zip(files, read.reasons, strict=True) if reason
    )
    skipped = (*passed_over, *unread)
    _check_enough(len(read.images), skipped, received, options)
    if not class_names:
        return PhotoSet(read.images, None, (), skipped, options.resize, read.digests)
    labels = [file.label for file, reason in zip(files, read.reasons, strict=True) if reason is None]
    codes = np.array(labels, np.int32)
    empty = np.flatnonzero(np.bincount(codes, minlength=len(class_names)) == 0)
    if len(empty):
        names = ", ".join(printable(class_names[code]) for code in empty)
        raise PhotoError(f"No usable photo is left of: {names}. {_summary(skipped)}Received: {received!r}")
    return PhotoSet(read.images, codes, class_names, skipped, options.resize, read.digests)


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
    gray = to_grayscale(images)
    _, height, width = gray.shape
    if options.image_size is None and height != width:
        raise ValueError(
            f"Images that are not square need an image_size. Received: height {height}, width {width}"
        )
    codes, class_names = encode_labels(labels, n_photos, names)
    resized = resize_images(gray, options.image_size or height, resize=options.resize)
    return PhotoSet(resized, codes, class_names, (), options.resize)
