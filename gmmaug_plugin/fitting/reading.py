"""Photos for a fit, at the size at which the mixture draws, and their rows by class."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import image_stack
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.mixtures.options import MAX_SIDE, MIN_SIDE
from gmmaug_plugin.photos import Labels, Photos, PhotoSet, load_photos
from gmmaug_plugin.resizing import resize_images


def read_photos(
    photos: Photos | PhotoSet, labels: Labels | None, options: FitOptions, *, strict: bool, quiet: bool
) -> tuple[PhotoSet, FitOptions]:
    """Read photos at the size at which the mixture draws.

    Returns:
        The photos, and the options with the pool's ``image_size``, ``color`` and ``resize``.

    Raises:
        PhotoError: There is no usable photo, or an unusable one while ``strict``.
        ValueError: A :class:`PhotoSet` is not square, has a class without photos or no color, or comes with
            ``labels``.
    """
    if isinstance(photos, PhotoSet):
        if labels is not None:
            raise ValueError(f"labels of a PhotoSet are its own: give None. Received: {labels!r:.80}")
        _check_photo_set(photos, options)
        photo_set = photos
    else:
        size = options.image_size
        photo_set = load_photos(
            photos,
            labels,
            image_size=None if size is None else drawn_side(size, options.model),
            resize=options.resize,
            color=options.color,
            strict=strict,
            quiet=quiet,
        )
    image_size = options.image_size or photo_set.images.shape[1]
    side = drawn_side(image_size, options.model)
    color = photo_set.images.ndim == 4
    photo_set = replace(photo_set, images=resize_images(photo_set.images, side))
    return photo_set, replace(options, image_size=image_size, color=color, resize=photo_set.resize)


def _check_photo_set(photos: PhotoSet, options: FitOptions) -> None:
    image_stack("photos.images", photos.images)
    _, height, width, *channels = photos.images.shape
    if height != width:
        raise ValueError(f"photos must be square: load them with image_size. Received: {height} x {width}")
    if options.color and not channels:
        raise ValueError("color needs photos loaded with color=True. Received: grayscale photos")
    numbers = [] if photos.labels is None else np.unique(photos.labels).tolist()
    if numbers != list(range(len(photos.class_names))):
        raise ValueError(
            f"photos.labels must number the classes {list(photos.class_names)}, each with a photo. "
            f"Received: {numbers}"
        )


def drawn_side(image_size: int, model: str) -> int:
    """Side at which the mixture draws: for "local" the first of 16, 32, ..., 512 that reaches the size."""
    if model == "pca":
        return image_size
    side = MIN_SIDE
    while side < image_size and side < MAX_SIDE:
        side *= 2
    return side


def rows_by_class(photo_set: PhotoSet) -> dict[str, NDArray[np.intp]]:
    """Rows of each class's photos, by class name in label order; all under "" for photos without classes."""
    if photo_set.labels is None:
        return {"": np.arange(len(photo_set.images))}
    return {name: np.flatnonzero(photo_set.labels == i) for i, name in enumerate(photo_set.class_names)}
