"""The fit: read photos, choose options, draw, refuse copies, measure, save."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.copies import CopyDetector, NoDifferentPhotosError
from gmmaug_plugin.evaluation.measuring import FEWEST_PHOTOS, Measurements, measure_images
from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.fitting.choosing import choose_options
from gmmaug_plugin.fitting.drawing import ClassDrawing, Draw, drawer
from gmmaug_plugin.fitting.options import FitOptions, as_json, read_options
from gmmaug_plugin.fitting.reading import read_photos, rows_by_class
from gmmaug_plugin.fitting.resume import Block, Unfinished
from gmmaug_plugin.mixtures import LocalMixture, LocalOptions, Mixture, MixtureOptions, make_mixture
from gmmaug_plugin.photos import Labels, Photos, PhotoSet, near_duplicates
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count

FEW_PHOTOS = 8  # classes with fewer photos get a note on what to expect
MIN_MEASURED = 2  # images of a pool


def fit(
    photos: Photos | PhotoSet,
    labels: Labels | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    lossless: bool = False,
    workers: int | None = None,
    client: Any = None,
    resume: bool = False,
    strict: bool = False,
    quiet: bool = False,
    **options: Any,
) -> Pool:
    """Draw a pool of new images from photos.

    Image i of a class depends on the photos, the options, the seed, the class and i only: not on the number
    of threads, on a cluster or on interruptions.

    Args:
        photos: A folder (of class folders, or flat), paths, a ``.npy`` or ``.npz`` file, an array (n, h, w),
            (n, h, w, 1) or (n, h, w, 3), uint8 or float in [0, 1], or a loaded
            :class:`~gmmaug_plugin.photos.PhotoSet` of square photos.
        labels: One per photo, for paths and arrays.
        output: File to save the pool to. An interrupted fit can be resumed until this file is written.
        lossless: Save every gray level; see :meth:`~gmmaug_plugin.pool.Pool.save`.
        workers: Threads that draw; one per processor core if None.
        client: A ``distributed.Client``: its Dask cluster draws.
        resume: Reuse images drawn by an interrupted fit of the same photos and options.
        strict: Raise an error for a photo that cannot be used, instead of skipping it.
        quiet: Show no progress.
        **options: Fields of :class:`~gmmaug_plugin.fitting.options.FitOptions` (``image_size``, ``color``,
            ``n_images``, ``seed``, …), and of :class:`~gmmaug_plugin.mixtures.options.LocalOptions` or, with
            ``model="pca"``, :class:`~gmmaug_plugin.mixtures.options.PCAOptions`.

    Returns:
        The pool. Its ``record`` holds the options, how they were chosen, and measures.

    Raises:
        PhotoError: There is no usable photo, or an unusable one while ``strict``.
        TypeError: An option is unknown.
        ValueError: An option belongs to the other mixture, or its value is not allowed.
        OSError: Workers of the cluster died, or ``output`` cannot be written.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32), np.uint8)
        >>> pool = fit(photos, ["rose", "daisy"] * 10, n_images=3, measure=False, quiet=True)
        >>> pool.images.shape
        (6, 32, 32)
    """
    n_workers = whole_number("workers", core_count() if workers is None else workers, 1)
    given = frozenset(name for name, value in options.items() if value is not None)
    fit_options, mixture_options = read_options(options)
    photo_set, fit_options = read_photos(photos, labels, fit_options, strict=strict, quiet=quiet)
    settings = {**as_json(fit_options, mixture_options), "given": sorted(given), "versions": _versions()}
    unfinished = Unfinished(settings, photo_set, resume=resume)
    detector = make_detector(photo_set)
    choices: dict[str, Any] = {}
    if fit_options.model == "local" and client is None:
        with progress_bar("Compiling the drawing loop, once", None, quiet=quiet):
            LocalMixture(np.zeros((1, 64, 64), np.uint8)).draw([0])
    with drawer(n_workers, client, unfinished) as draw:
        if isinstance(mixture_options, LocalOptions) and fit_options.measure:
            mixture_options, choices["local"] = choose_options(
                photo_set, fit_options, mixture_options, given, detector, draw, quiet=quiet
            )
        drawn = _draw_classes(photo_set, fit_options, mixture_options, detector, draw, quiet=quiet)
    if fit_options.model == "pca":
        choices["pca"] = [mixture.choice for mixture, _ in drawn]
    record = _make_record(photo_set, fit_options, mixture_options, choices, drawn)
    pool = _make_pool(photo_set, fit_options, drawn, record)
    if fit_options.measure:
        pool = _with_measures(pool, photo_set, detector, quiet=quiet)
    if output is not None:
        pool.save(output, lossless=lossless)
    unfinished.remove()
    return pool


def make_detector(photo_set: PhotoSet) -> CopyDetector | None:
    """A detector of copies of photos; None if no class has two different photos."""
    try:
        return CopyDetector(photo_set.images, photo_set.labels)
    except NoDifferentPhotosError:
        return None


def measure_pool(
    pool: Pool, photo_set: PhotoSet, detector: CopyDetector | None, *, features: bool | None, quiet: bool
) -> Measurements | None:
    """Measure a pool and its photos, both of one size; None if there are too few images or photos."""
    if len(photo_set.images) < FEWEST_PHOTOS or len(pool) < MIN_MEASURED:
        return None
    return measure_images(
        pool.images, pool.labels, photo_set, detector=detector, features=features, quiet=quiet
    )


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("gmmaug-plugin", "numpy", "numba", "scikit-learn", "pillow")}


def _draw_classes(
    photo_set: PhotoSet,
    options: FitOptions,
    mixture_options: MixtureOptions,
    detector: CopyDetector | None,
    draw: Draw,
    *,
    quiet: bool,
) -> list[tuple[Mixture, Block]]:
    """Make the mixture of each class and draw its images."""
    classes = list(rows_by_class(photo_set).values())
    n_images = [options.images_of(len(rows)) for rows in classes]
    mirror, size = options.symmetry == "flip", options.image_size or 0
    if options.allow_copies or mixture_options.draws_copies:
        detector = None
    drawn = []
    with progress_bar("Drawing", sum(n_images), quiet=quiet, unit="images") as advance:
        for number, (rows, n) in enumerate(zip(classes, n_images, strict=True)):
            photos = photo_set.images[rows]
            groups = near_duplicates(photos)
            mixture = make_mixture(photos, mixture_options, mirror=mirror, seed=options.seed, groups=groups)
            refusing = detector and detector.of_class(number)
            drawing = ClassDrawing(f"class{number}", mixture, refusing, (options.seed, number), size)
            drawn.append((mixture, draw(drawing, n, advance)))
    return drawn


def _make_record(
    photo_set: PhotoSet,
    options: FitOptions,
    mixture_options: MixtureOptions,
    choices: Mapping[str, Any],
    drawn: Sequence[tuple[Mixture, Block]],
) -> FitRecord:
    photos_per_class = {name: len(rows) for name, rows in rows_by_class(photo_set).items()}
    blocks = {name: block for name, (_, block) in zip(photos_per_class, drawn, strict=True)}
    notes = [*photo_set.notes]
    notes += [
        f"{name or 'The set'} has few photos, {n}: its images can only rearrange them. Add photos."
        for name, n in photos_per_class.items()
        if n < FEW_PHOTOS
    ]
    if options.allow_copies:
        notes.append("Copies were kept: allow_copies is set.")
    elif mixture_options.draws_copies:
        notes.append("Copies were kept: the notebook's recipe draws them, and is here to show that.")
    notes += dict.fromkeys(note for mixture, _ in drawn for note in mixture.notes)
    notes += [
        f"{block.n_copies} of {len(block.images)} images{f' of {name!r}' if name else ''} resemble a photo "
        "as closely as copies do, however often they were drawn: add photos."
        for name, block in blocks.items()
        if block.n_copies
    ]
    return FitRecord(
        model=options.model,
        options=as_json(options, mixture_options),
        seed=options.seed,
        photos_per_class=photos_per_class,
        n_skipped=len(photo_set.skipped),
        photos=photo_set.fingerprint,
        choices=choices,
        redrawn={name: block.n_redrawn for name, block in blocks.items()},
        notes=tuple(notes),
        versions=_versions(),
    )


def _make_pool(
    photo_set: PhotoSet, options: FitOptions, drawn: Sequence[tuple[Mixture, Block]], record: FitRecord
) -> Pool:
    arrays: dict[str, NDArray[Any]] = {}
    for number, (mixture, _) in enumerate(drawn):
        arrays |= mixture.arrays(f"pca.{number}.")
    if options.keep_photos:
        arrays["photos.images"] = photo_set.images
    labels, shares = None, ()
    if photo_set.labels is not None:
        n_images = [len(block.images) for _, block in drawn]
        labels = np.repeat(np.arange(len(drawn), dtype=np.int32), n_images)
        shares = tuple((np.bincount(photo_set.labels) / len(photo_set.labels)).tolist())
        if options.keep_photos:
            arrays["photos.labels"] = photo_set.labels
    return Pool(
        np.concatenate([block.images for _, block in drawn]),
        labels,
        photo_set.class_names,
        mirror=options.symmetry == "flip",
        class_shares=shares,
        record=record,
        arrays=arrays,
    )


def _with_measures(pool: Pool, photo_set: PhotoSet, detector: CopyDetector | None, *, quiet: bool) -> Pool:
    """The pool with measures in its record. Only reports measure in the features of a network."""
    record = pool.record
    if pool.image_size != photo_set.images.shape[1]:
        photo_set = replace(photo_set, images=resize_images(photo_set.images, pool.image_size))
        detector = make_detector(photo_set)
    found = measure_pool(pool, photo_set, detector, features=False, quiet=quiet)
    if found is None:
        note = f"Nothing was measured: that needs {FEWEST_PHOTOS} photos and {MIN_MEASURED} images."
        return replace(pool, record=replace(record, notes=(*record.notes, note)))
    return replace(pool, record=replace(record, measures=tuple(one.as_json() for one in found.measures)))
