"""Re-rendering: the layout of a photo, drawn anew from the other photos of its class."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import real_number, whole_number
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.reading import read_photos, rows_by_class
from gmmaug_plugin.mixtures import LocalMixture, LocalOptions
from gmmaug_plugin.photos import Labels, PhotoError, Photos, PhotoSet, near_duplicates, read_photo
from gmmaug_plugin.pool import Label, class_number
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count, limited_threads

Images = NDArray[np.uint8]

MIN_STRENGTH = 0.05  # less noise reproduces the layout, and so near-duplicates of the photo


def vary(
    photo: str | os.PathLike[str] | Images,
    photos: Photos | PhotoSet,
    labels: Labels | None = None,
    *,
    label: Label | None = None,
    n: int = 1,
    strength: float = 0.5,
    seed: int = 0,
    workers: int | None = None,
    quiet: bool = False,
    **options: Any,
) -> Images:
    """Re-render a photo: keep its layout, draw everything else from other photos of its class.

    Patches of the photo, of its mirror image and of their near-duplicates are left out.

    Args:
        photo: A file, or an image: uint8 (size, size), or (size, size, 3) if the photos are in color.
        photos: Photos to draw from, as :func:`gmmaug_plugin.fit` takes them; the photo may be one of them.
        labels: One per photo, for paths and arrays.
        label: The photo's class, by name or number. None takes the name of its folder, or the class of a
            near-duplicate among the photos.
        n: Number of images, at least 1.
        strength: Distance from the layout, in [0.05, 1]: 0.12 keeps most of it, 0.6 little.
        seed: A non-negative int.
        workers: Threads that draw; one per processor core if None.
        quiet: Show no progress.
        **options: ``image_size``, ``color``, ``symmetry`` and ``resize`` as for :func:`gmmaug_plugin.fit`.

    Returns:
        uint8 (n, image_size, image_size), or (n, image_size, image_size, 3) in color.

    Raises:
        PhotoError: A photo cannot be read, or the class has no other photo.
        TypeError: An option is unknown.
        ValueError: The photo's class is unknown, or the value of an option is not allowed.

    Example:
        >>> varied = vary("photos/daisy/1.jpg", "photos/", n=8)  # doctest: +SKIP
    """
    whole_number("n", n, 1)
    whole_number("seed", seed, 0)
    n_workers = whole_number("workers", core_count() if workers is None else workers, 1)
    real_number("strength", strength, MIN_STRENGTH, 1)
    unknown = sorted(options.keys() - {"image_size", "color", "symmetry", "resize"})
    if unknown:
        raise TypeError(f"Options are image_size, color, symmetry and resize. Received: {', '.join(unknown)}")
    photo_set, fit_options = read_photos(photos, labels, FitOptions(**options), strict=False, quiet=quiet)
    side = int(photo_set.images.shape[1])
    if isinstance(photo, str | os.PathLike):
        original = read_photo(
            photo, image_size=side, resize=fit_options.resize, color=fit_options.color, like=photo_set
        )
    else:
        original = resize_images(np.asarray(photo)[None], side)[0]
    number = _class_of(photo, original, photo_set, label)
    others = photo_set.images[list(rows_by_class(photo_set).values())[number]]
    groups = near_duplicates(np.concatenate([others, original[None]]))
    same = np.flatnonzero(groups[:-1] == groups[-1]).tolist()
    if len(same) == len(others):
        raise PhotoError(
            "Re-rendering needs another photo of the class: add photos. Received: none but the photo itself"
        )
    mirror = fit_options.symmetry == "flip"
    mixture = LocalMixture(others, mirror=mirror, options=LocalOptions(), groups=groups[:-1])

    def draw(index: int) -> Images:
        return mixture.rerender(original, strength, (seed, index), without=same)

    with limited_threads(), ThreadPoolExecutor(n_workers) as threads:
        images = np.stack(list(threads.map(draw, range(n))))
    return resize_images(images, fit_options.image_size or side)


def _class_of(
    photo: str | os.PathLike[str] | Images, original: Images, photo_set: PhotoSet, label: Label | None
) -> int:
    names = photo_set.class_names
    if photo_set.labels is None:
        return 0
    if label is not None:
        return class_number(names, label)
    folder = Path(photo).expanduser().resolve().parent.name if isinstance(photo, str | os.PathLike) else ""
    if folder in names:
        return names.index(folder)
    groups = near_duplicates(np.concatenate([photo_set.images, original[None]]))
    same = np.flatnonzero(groups[:-1] == groups[-1])
    if len(same):
        return int(photo_set.labels[same[0]])
    raise ValueError(f"The photo's class must be given by label, one of {list(names)}. Received: {label!r}")
