"""Load folders, files and arrays of photos into a :class:`PhotoSet`."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import one_of, whole_number
from gmmaug_plugin.photos.array_files import read_arrays
from gmmaug_plugin.photos.decoding import decode_file
from gmmaug_plugin.photos.deep import DeepPhoto, choose_scales
from gmmaug_plugin.photos.finding import FoundFiles, find_files, hint_for
from gmmaug_plugin.photos.labels import Labels, encode_labels
from gmmaug_plugin.photos.photo_set import PhotoSet
from gmmaug_plugin.photos.pixels import to_color, to_grayscale
from gmmaug_plugin.photos.skipped import PhotoError, SkippedPhoto, printable, summary
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import RESIZES, Resize, resize_images
from gmmaug_plugin.threads import core_count

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | NDArray[Any]

_FILE_IMAGE_SIZE = 128
_MAX_THREADS = 8  # each may hold a photo of 100 million pixels


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
    """Load photos as images of one size.

    Args:
        source: One of

            - a folder with a sub-folder per class, labeled in the order of their sorted names, each searched
              with everything below it, as Keras and torchvision do;
            - a folder with photos directly in it, which get no labels;
            - a list of paths;
            - an array as :func:`to_grayscale` takes it;
            - a ``.npy`` file of such an array, or an ``.npz`` file with ``images`` (or ``x``, ``data``) and
              optionally ``labels`` (or ``y``, ``target``) and ``class_names``.

            If the source is split, into folders such as ``train`` and ``test`` or arrays such as ``x_train``
            and ``x_test``, only the training part is used. If one folder contains all class folders, these
            are the classes. The result's ``notes`` say so.

            A leading "~" of a path is the home folder. Files may have any format that Pillow and its plugins
            read, except EPS and others that start programs. HEIF needs the extra ``heif``. Formats are
            recognized by content. Hidden files are passed over; any other file that cannot be used is
            skipped and named.

            Files of more than 8 bits, signed or of floats are scaled by the range of their type. If they use
            a small part of it or go beyond, all are scaled by the range they use, and ``notes`` say so.
        labels: One per photo, for a list of paths or an array: integers 0..n_classes-1, each of them used,
            whose classes are called "0", "1", …; or strings, which become class names in sorted order.
        image_size: Height and width of the result in pixels. By default, files get 128 and square arrays keep
            their size.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centered square first.
        color: Keep color; grayscale photos then get three equal channels. Otherwise color becomes luma.
        strict: Raise an error for the first file that would be skipped.
        min_photos: The smallest number of photos to accept.
        quiet: Show no progress bar.

    Returns:
        The photos in a fixed order: by class and then by path, or as given.

    Raises:
        PhotoError: If the source is unusable, fewer than ``min_photos`` photos are left, a class has no
            photo left, or a file cannot be used in a ``strict`` read.
        ValueError: If an option, an array or labels have a wrong value or shape.
        TypeError: If source, labels or array are of a wrong type.

    Example:
        >>> photos = load_photos(np.zeros((2, 8, 8), np.uint8), ["rose", "daisy"], image_size=4)
        >>> photos.images.shape, photos.labels.tolist(), photos.class_names
        ((2, 4, 4), [1, 0], ('daisy', 'rose'))
    """
    _check_size(image_size, resize)
    whole_number("min_photos", min_photos, 1)
    received = f"a {type(source).__name__}"
    if isinstance(source, str | os.PathLike):
        received = repr(str(source))
        path = Path(source).expanduser()
        if path.suffix.lower() in (".npy", ".npz") and not path.is_dir():
            photos = _from_array_file(path, labels, image_size, resize, color)
        else:
            photos = _from_files(_in_folder(path, labels), image_size, resize, color, strict, quiet)
    elif isinstance(source, list | tuple):
        photos = _from_files(_in_list(source, labels), image_size, resize, color, strict, quiet)
    elif hasattr(source, "__array__"):
        photos = _from_array(np.asarray(source), labels, None, image_size, resize, color)
    else:
        raise TypeError(
            "Photos must be a folder, a .npy or .npz file, a list of paths or an array. "
            f"Received: {type(source)}"
        )
    _check_enough(photos, min_photos, received)
    return photos


def read_photo(
    path: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    resize: Resize = "stretch",
    color: bool = False,
    like: PhotoSet | None = None,
) -> NDArray[np.uint8]:
    """Read one photo, upright.

    Args:
        path: The file.
        image_size: Height and width of the result in pixels; None keeps the photo's own.
        resize: "stretch" ignores the aspect ratio; "crop" cuts out the largest centered square first.
        color: Keep color; otherwise color becomes luma.
        like: Photos whose scale a photo of more than 8 bits gets; by default it is scaled alone.

    Returns:
        uint8 (height, width), or (height, width, 3) with ``color``, values 0..255.

    Raises:
        PhotoError: If the file is not a usable photo, with the reason.
        ValueError: If an option has a wrong value.

    Example:
        >>> read_photo("rose.jpg", image_size=128).shape  # doctest: +SKIP
        (128, 128)
    """
    _check_size(image_size, resize)
    try:
        with _pillow_muted():
            photo, _ = decode_file(Path(path).expanduser(), size=image_size, resize=resize, color=color)
    except PhotoError as error:
        raise PhotoError(f"The photo cannot be read: {error}. Received: {str(path)!r}") from error
    return photo.levels(like.scales if like else {}) if isinstance(photo, DeepPhoto) else photo


def _check_size(image_size: int | None, resize: Resize) -> None:
    one_of("resize", resize, RESIZES)
    if image_size is not None:
        whole_number("image_size", image_size, 1)


@contextmanager
def _pillow_muted() -> Iterator[None]:
    """Ignore warnings that Pillow raises for large pictures and damaged EXIF.

    Warning filters are global, so this is entered around a whole read, not in its threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _in_folder(path: Path, labels: Labels | None) -> FoundFiles:
    if labels is not None:
        raise PhotoError(
            f"A folder has its sub-folders as labels, none may be given. Received: {str(path)!r}"
        )
    return find_files(path)


def _in_list(source: Sequence[Any], labels: Labels | None) -> FoundFiles:
    for entry in source:
        if not isinstance(entry, str | os.PathLike):
            raise TypeError(
                f"A list of photos must hold paths; stack arrays into one. Received: {type(entry)}"
            )
    paths = [Path(entry).expanduser() for entry in source]
    names = [printable(path.as_posix()) for path in paths]
    return FoundFiles(paths, names, *encode_labels(labels, len(paths)))


def _from_files(
    found: FoundFiles, size: int | None, resize: Resize, color: bool, strict: bool, quiet: bool
) -> PhotoSet:
    """Decode files in threads, with a progress bar."""
    n, side = len(found.paths), size or _FILE_IMAGE_SIZE
    images = np.empty((n, side, side, 3) if color else (n, side, side), np.uint8)
    digests = [""] * n
    deep: dict[int, DeepPhoto] = {}
    skipped, kept = list(found.skipped), []

    def read(index: int) -> str | None:
        """Decode one file, and return why it cannot be used."""
        try:
            photo, digests[index] = decode_file(found.paths[index], size=side, resize=resize, color=color)
            if isinstance(photo, DeepPhoto):
                deep[index] = photo  # scaled once the whole set is known
            else:
                images[index] = photo
        except PhotoError as error:
            return str(error)
        finally:
            advance()
        return None

    with (
        _pillow_muted(),
        progress_bar("Reading photos", n, quiet=quiet, unit="photos") as advance,
        ThreadPoolExecutor(min(_MAX_THREADS, core_count())) as threads,
    ):
        for index, reason in enumerate(threads.map(read, range(n))):
            if reason is None:
                kept.append(index)
            else:
                skipped.append(SkippedPhoto(found.names[index], reason))
            if strict and skipped:
                raise PhotoError(f"Strict reading allows usable photos only. Received: {skipped[0]}")
    scales, notes = choose_scales(deep.values())
    for index, photo in deep.items():
        images[index] = photo.levels(scales)
    return PhotoSet(
        images if len(kept) == n else images[kept],
        None if found.labels is None else found.labels[kept],
        found.class_names,
        tuple(skipped),
        resize,
        tuple(digests[index] for index in kept),
        (*found.notes, *notes),
        scales,
    )


def _from_array_file(
    path: Path, labels: Labels | None, size: int | None, resize: Resize, color: bool
) -> PhotoSet:
    arrays = read_arrays(path)
    if labels is not None and arrays.labels is not None:
        raise PhotoError(f"The file has labels; none may be given. Received: {str(path)!r}")
    try:
        given = arrays.labels if labels is None else labels
        photos = _from_array(arrays.images, given, arrays.class_names, size, resize, color)
    except (TypeError, ValueError) as error:
        raise PhotoError(f"{printable(path.name)}: {error}") from error
    return replace(photos, notes=(*arrays.notes, *photos.notes))


def _from_array(
    images: NDArray[Any],
    labels: Labels | None,
    class_names: NDArray[Any] | None,
    size: int | None,
    resize: Resize,
    color: bool,
) -> PhotoSet:
    pixels = to_color(images) if color else to_grayscale(images)
    height, width = pixels.shape[1:3]
    if size is None and height != width:
        raise ValueError(
            f"Images that are not square need an image_size. Received: height {height}, width {width}"
        )
    codes, names = encode_labels(labels, len(pixels), class_names)
    pixels = resize_images(pixels, size or height, resize=resize)
    return PhotoSet(pixels, codes, names, resize=resize)


def _check_enough(photos: PhotoSet, min_photos: int, received: str) -> None:
    """Raise if there are too few photos, or a class has none left."""
    skipped = summary(photos.skipped)
    if not len(photos.images):
        skipped += hint_for([photo.path for photo in photos.skipped])
    if len(photos.images) < min_photos:
        raise PhotoError(
            f"Too few usable photos: found {len(photos.images)}, needed at least {min_photos}. "
            f"{skipped}Received: {received}"
        )
    present = set() if photos.labels is None else set(photos.labels.tolist())
    empty = [printable(name) for code, name in enumerate(photos.class_names) if code not in present]
    if empty:
        raise PhotoError(f"No usable photo is left of: {', '.join(empty)}. {skipped}Received: {received}")
