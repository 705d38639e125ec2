"""Photos for a fit: at the side that is drawn, class by class."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.mixtures.local import MAX_SIDE, MIN_SIDE
from gmmaug_plugin.photos import Labels, Photos, PhotoSet, load_photos
from gmmaug_plugin.resizing import resize_images


def read_photos(
    photos: Photos | PhotoSet, labels: Labels | None, options: FitOptions, *, strict: bool, quiet: bool
) -> tuple[PhotoSet, FitOptions]:
    """Read photos at the side that is drawn, and complete the options by what the photos decide.

    The local mixture draws at sides of 16·2^k pixels. Other sizes are drawn at the next larger side.

    Returns:
        The photos, and the options with the pool's image size, color and resize.
    """
    if isinstance(photos, PhotoSet):
        if labels is not None or strict:
            raise ValueError(
                "labels and strict are for load_photos, not for photos that are loaded. "
                f"Received: {labels=}, {strict=}"
            )
        _check_photo_set(photos, options)
        photo_set = photos
    else:
        size = options.image_size
        photo_set = load_photos(
            photos,
            labels,
            image_size=None if size is None else drawn_side(size, options),
            resize=options.resize,
            color=options.color,
            strict=strict,
            quiet=quiet,
        )
    image_size = options.image_size or int(photo_set.images.shape[1])
    side = drawn_side(image_size, options)
    if photo_set.images.shape[1] != side:
        photo_set = replace(photo_set, images=resize_images(photo_set.images, side))
    color = photo_set.images.ndim == 4
    return photo_set, replace(options, image_size=image_size, color=color, resize=photo_set.resize)


def _check_photo_set(photos: PhotoSet, options: FitOptions) -> None:
    shape = photos.images.shape
    if photos.images.dtype != np.uint8 or len(shape) not in (3, 4) or shape[1] != shape[2] or not shape[0]:
        raise ValueError(
            "A PhotoSet must hold square uint8 photos (n, size, size) or (n, size, size, 3). "
            f"Received: {photos.images.dtype} {shape}"
        )
    if options.color and len(shape) == 3:
        raise ValueError("color needs photos loaded with color=True. Received: grayscale photos")
    n_classes = len(photos.class_names)
    labelled = photos.labels is not None
    if labelled != bool(n_classes) or (
        labelled and np.unique(np.asarray(photos.labels)).tolist() != list(range(n_classes))
    ):
        found = None if photos.labels is None else np.unique(photos.labels).tolist()
        raise ValueError(
            f"Labels must be class numbers, each class with a photo; classes are {list(photos.class_names)}. "
            f"Received: labels {found}"
        )


def drawn_side(image_size: int, options: FitOptions) -> int:
    """Side that images of a size are drawn at, in pixels."""
    if options.model == "pca":
        return image_size
    side = MIN_SIDE
    while side < image_size and side < MAX_SIDE:
        side *= 2
    return side


def class_names(photo_set: PhotoSet) -> tuple[str, ...]:
    """Class names; one empty name for photos without classes."""
    return photo_set.class_names or ("",)


def class_counts(photo_set: PhotoSet) -> NDArray[np.int64]:
    """Photos of each class."""
    if photo_set.labels is None:
        return np.array([len(photo_set.images)])
    return np.bincount(photo_set.labels, minlength=len(photo_set.class_names))


def class_rows(photo_set: PhotoSet, number: int) -> NDArray[np.intp]:
    """Positions of a class's photos."""
    if photo_set.labels is None:
        return np.arange(len(photo_set.images))
    return np.flatnonzero(photo_set.labels == number)
