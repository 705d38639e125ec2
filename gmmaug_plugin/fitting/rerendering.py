"""Re-rendering: a photo's layout, drawn anew from the other photos of its class."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.fitting.drawing import local_mixture
from gmmaug_plugin.fitting.options import FitOptions, local_options
from gmmaug_plugin.fitting.reading import class_rows, drawn_side, read_photos
from gmmaug_plugin.photos import Labels, PhotoError, Photos, PhotoSet, near_duplicates, read_photo
from gmmaug_plugin.pool import Label, class_number
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count, limited_threads

Images = NDArray[np.uint8]

MIN_STRENGTH = 0.05
"""Less noise gives the layout back, and its photo's near-duplicates."""


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

    The photo's own patches, their mirror images and those of its near-duplicates are left out, so the result
    holds no piece of it.

    Args:
        photo: A file, or an image of the photos' kind: uint8 (size, size) or (size, size, 3).
        photos: Photos to draw from, as :func:`gmmaug_plugin.fit` takes them; the photo may be one of them.
        labels: One per photo, for paths and arrays.
        label: The photo's class, by name or number. None takes the name of its folder, or the class of a
            near-duplicate among the photos.
        n: Number of images, at least 1.
        strength: How far from the layout, in [0.05, 1]: about 0.12 keeps it, 0.6 keeps little of it.
        seed: A non-negative int.
        workers: Threads that draw; one per processor core if None.
        quiet: Show no progress.
        **options: ``image_size``, ``color``, ``symmetry`` and ``resize`` as for :func:`gmmaug_plugin.fit`.

    Returns:
        uint8 (n, image_size, image_size), or (n, image_size, image_size, 3) in color.

    Raises:
        PhotoError: A photo cannot be read, or no other photo of its class is left.
        ValueError: The photo's class is unknown, or an option has no allowed value.

    Example:
        >>> varied = vary("photos/daisy/1.jpg", "photos/", n=8)  # doctest: +SKIP
    """
    whole_number("n", n, 1)
    whole_number("seed", seed, 0)
    n_workers = whole_number("workers", core_count() if workers is None else workers, 1)
    if isinstance(strength, bool) or not MIN_STRENGTH <= strength <= 1:
        raise ValueError(f"strength must be from {MIN_STRENGTH} to 1. Received: {strength!r}")
    unknown = sorted(options.keys() - {"image_size", "color", "symmetry", "resize"})
    if unknown:
        raise TypeError(f"Options are image_size, color, symmetry and resize. Received: {', '.join(unknown)}")
    photo_set, fit_options = read_photos(photos, labels, FitOptions(**options), strict=False, quiet=quiet)
    original = _original(photo, fit_options)
    number = _class_of(photo, original, photo_set, label)
    others = photo_set.images[class_rows(photo_set, number)]
    groups = near_duplicates(np.concatenate([others, original[None]]))
    same = np.flatnonzero(groups[:-1] == groups[-1]).tolist()
    if len(same) == len(others):
        raise PhotoError("Re-rendering needs another photo of the class. Received: none but the photo itself")
    mixture = local_mixture(others, fit_options.symmetry)

    def draw(index: int) -> Images:
        return mixture.rerender(original, strength, (seed, index), without=same)

    with limited_threads(), ThreadPoolExecutor(n_workers) as threads:
        drawn = np.stack(list(threads.map(draw, range(n))))
    return resize_images(drawn, fit_options.image_size or 0)


def _original(photo: str | os.PathLike[str] | Images, options: FitOptions) -> Images:
    """The photo at the side that is drawn."""
    side = drawn_side(options.image_size or 0, options)
    if isinstance(photo, str | os.PathLike):
        return read_photo(photo, image_size=side, resize=options.resize, color=options.color)
    resized: Images = resize_images(np.asarray(photo)[None], side)[0]
    return resized


def _class_of(
    photo: str | os.PathLike[str] | Images, original: Images, photo_set: PhotoSet, label: Label | None
) -> int:
    names = photo_set.class_names
    if photo_set.labels is None:
        return 0
    if label is not None:
        return class_number(names, label)
    folder = Path(photo).resolve().parent.name if isinstance(photo, str | os.PathLike) else ""
    if folder in names:
        return names.index(folder)
    groups = near_duplicates(np.concatenate([photo_set.images, original[None]]))
    same = np.flatnonzero(groups[:-1] == groups[-1])
    if len(same):
        return int(photo_set.labels[same[0]])
    raise ValueError(f"The photo's class must be given by label, one of {list(names)}. Received: {label!r}")


SLIDER = (0.2, 0.5, 0.8)
"""Strengths that a report shows."""

_SHOWN = 8
"""Photos that a report re-renders, at most."""


def rerendered_rows(
    photo_set: PhotoSet, options: Mapping[str, Any], *, seed: int
) -> tuple[NDArray[np.intp], dict[float, Images]]:
    """Some photos of all classes, re-rendered at rising strengths with the options of a pool's record.

    Returns:
        Positions of the photos (m,), and by strength their re-renderings, uint8 (m, size, size[, 3]).
        Classes of one photo, or of near-duplicates of one, are left out.
    """
    size = int(photo_set.images.shape[1])
    side = drawn_side(size, FitOptions())
    symmetry, own = options.get("symmetry", "flip"), local_options(options)
    n_classes = max(1, len(photo_set.class_names))
    chosen: list[int] = []
    drawn: dict[float, list[Images]] = {strength: [] for strength in SLIDER}
    for number in range(n_classes):
        rows = class_rows(photo_set, number)
        photos = resize_images(photo_set.images[rows], side)
        mixture = local_mixture(photos, symmetry, own)
        groups = mixture.groups
        some = np.random.default_rng([seed, number]).permutation(len(rows))[: max(1, _SHOWN // n_classes)]
        for one in np.sort(some):
            same = np.flatnonzero(groups == groups[one]).tolist()
            if len(same) == len(rows):
                continue
            chosen.append(int(rows[one]))
            for strength in SLIDER:
                image = mixture.rerender(photos[one], strength, (seed, int(rows[one])), without=same)
                drawn[strength].append(resize_images(image[None], size)[0])
    if not chosen:
        return np.empty(0, np.intp), {}
    return np.array(chosen), {strength: np.stack(images) for strength, images in drawn.items()}
