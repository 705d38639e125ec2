"""From photos to a pool: read, choose options, draw, refuse copies, measure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.fitting.choosing import choose_options
from gmmaug_plugin.fitting.drawing import BLOCK, Block, ClassDrawing, Draw, drawer, local_mixture
from gmmaug_plugin.fitting.measuring import Fit, make_detector, measured
from gmmaug_plugin.fitting.options import FitOptions, MixtureOptions, as_json, read_options
from gmmaug_plugin.fitting.reading import class_counts, class_names, class_rows, read_photos
from gmmaug_plugin.fitting.unfinished import Unfinished
from gmmaug_plugin.mixtures.local import LocalMixture, LocalOptions
from gmmaug_plugin.mixtures.pca import PCAMixture, PCAOptions
from gmmaug_plugin.photos import Labels, Photos, PhotoSet
from gmmaug_plugin.photos.photo_set import digests_of
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.record import FitRecord
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import core_count

FEW_PHOTOS = 8
"""Photos of a class below which the result carries a note on what to expect."""


def fit(
    photos: Photos | PhotoSet,
    labels: Labels | None = None,
    *,
    workers: int | None = None,
    client: Any = None,
    resume: bool = False,
    strict: bool = False,
    quiet: bool = False,
    **options: Any,
) -> Pool:
    """Draw a pool of new images from photos.

    Image i of a class follows from the photos, the options, the seed, the class and i alone: threads, a
    cluster or an interruption change nothing.

    Args:
        photos: A folder (of class folders, or flat), paths, a ``.npy`` or ``.npz`` file, an array (n, h, w),
            (n, h, w, 1) or (n, h, w, 3), uint8 or float in [0, 1], or a loaded
            :class:`~gmmaug_plugin.photos.PhotoSet` of square photos.
        labels: One per photo, for paths and arrays.
        workers: Threads that draw; one per processor core if None.
        client: A ``distributed.Client`` of a Dask cluster that draws instead.
        resume: Reuse images drawn by an interrupted fit of the same photos and options.
        strict: Raise an error for a photo that cannot be used, instead of skipping it.
        quiet: Show no progress.
        **options: Fields of :class:`~gmmaug_plugin.fitting.options.FitOptions` (``model``, ``image_size``,
            ``color``, ``n_images``, ``seed``, ``symmetry``, ``resize``, ``holdout``, ``allow_copies``,
            ``keep_photos``, ``measure``), and of the mixture:
            :class:`~gmmaug_plugin.mixtures.local.LocalOptions` or
            :class:`~gmmaug_plugin.mixtures.pca.PCAOptions`.

    Returns:
        The pool. Its ``record`` holds the options, how they were chosen, and what was measured.

    Raises:
        PhotoError: No usable photo, or an unusable one while ``strict``.
        TypeError: An option is unknown.
        ValueError: An option belongs to the other mixture, or has no allowed value.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32), np.uint8)
        >>> pool = fit(photos, ["rose", "daisy"] * 10, n_images=3, measure=False, quiet=True)
        >>> pool.images.shape
        (6, 32, 32)
    """
    fit_options, mixture_options, given = read_options(options)
    photo_set, fit_options = read_photos(photos, labels, fit_options, strict=strict, quiet=quiet)
    found = fit_photos(
        photo_set,
        fit_options,
        mixture_options,
        given,
        workers=workers,
        client=client,
        resume=resume,
        quiet=quiet,
    )
    found.forget()
    return found.pool


def fit_photos(
    photo_set: PhotoSet,
    options: FitOptions,
    mixture_options: MixtureOptions,
    given: frozenset[str] = frozenset(),
    *,
    workers: int | None = None,
    client: Any = None,
    resume: bool = False,
    features: bool | None = False,
    quiet: bool = False,
) -> Fit:
    """Draw a pool from photos of the side that is drawn; see :func:`fit`.

    ``features`` is for :func:`~gmmaug_plugin.evaluation.measuring.measure_images`: networks are not trained
    unless a report wants their measures.
    """
    n_workers = whole_number("workers", core_count() if workers is None else workers, 1)
    identity = {
        **as_json(options, mixture_options),
        "given": sorted(given),
        "photos": digests_of(photo_set.images),
        "labels": None if photo_set.labels is None else photo_set.labels.tolist(),
        "shape": photo_set.images.shape,
        "versions": _versions(),
    }
    unfinished = Unfinished(identity, resume=resume)
    notes = _notes(photo_set)
    with drawer(n_workers, client) as draw:
        choices: dict[str, Any] = {}
        detector = make_detector(photo_set)
        if isinstance(mixture_options, LocalOptions) and client is None:
            _compile(quiet=quiet)
        if isinstance(mixture_options, LocalOptions) and options.measure:
            mixture_options, choices = choose_options(
                photo_set, options, mixture_options, given, detector, unfinished, draw=draw, quiet=quiet
            )
        mixtures = tuple(_mixtures(photo_set, options, mixture_options, quiet=quiet))
        refusing = None if _keeps_copies(options, mixture_options, notes) else detector
        drawings = [
            ClassDrawing(
                mixture,
                refusing and refusing.of_class(number),
                (options.seed, number),
                options.image_size or 0,
            )
            for number, mixture in enumerate(mixtures)
        ]
        images, redrawn = _draw_all(drawings, photo_set, options, unfinished, notes, draw=draw, quiet=quiet)
    for mixture in mixtures:
        if isinstance(mixture, PCAMixture):
            choices.setdefault("pca", []).append({"choice": mixture.choice, "curve": mixture.curve})
            notes.extend(note for note in mixture.notes if note not in notes)
    local = choices.get("local", {})
    record = FitRecord(
        model=options.model,
        options=as_json(options, mixture_options),
        seed=options.seed,
        photos_per_class=dict(zip(class_names(photo_set), map(int, class_counts(photo_set)), strict=True)),
        n_skipped=len(photo_set.skipped),
        photos=photo_set.fingerprint,
        held_back=local.get("held_back", ""),
        n_held_back=local.get("n_held_back", 0),
        choices=choices,
        redrawn=redrawn,
        notes=tuple(notes),
        versions=_versions(),
    )
    pool = _pool(photo_set, options, mixtures, images, record)
    same_size = pool.image_size == photo_set.images.shape[1]
    finished = Fit(
        pool,
        replace(photo_set, images=resize_images(photo_set.images, pool.image_size)),
        mixtures,
        detector=detector if same_size else None,
        forget=unfinished.remove,
    )
    if options.measure:
        finished = measured(finished, features=features, quiet=quiet)
    return finished


def _compile(*, quiet: bool) -> None:
    """Compile the drawing loop, or load what was compiled before."""
    with progress_bar("Compiling the drawing loop, once", None, quiet=quiet):
        LocalMixture(np.zeros((1, 64, 64), np.uint8)).draw([0])


def _draw_all(
    drawings: Sequence[ClassDrawing],
    photo_set: PhotoSet,
    options: FitOptions,
    unfinished: Unfinished,
    notes: list[str],
    *,
    draw: Draw,
    quiet: bool,
) -> tuple[list[NDArray[np.uint8]], dict[str, int]]:
    """Images of each class, and how many draws of each were refused as copies."""
    numbers = [options.images_of(int(count)) for count in class_counts(photo_set)]
    images: list[NDArray[np.uint8]] = []
    redrawn: dict[str, int] = {}
    shape = (options.image_size, options.image_size, *photo_set.images.shape[3:])
    with progress_bar("Drawing", sum(numbers), quiet=quiet, unit="images") as advance:
        for number, (name, drawing, n) in enumerate(
            zip(class_names(photo_set), drawings, numbers, strict=True)
        ):
            drawn = np.empty((n, *shape), np.uint8)
            n_redrawn = n_copies = 0
            known: list[tuple[tuple[int, int], Block]] = []
            missing = []
            for place in [(begin, min(begin + BLOCK, n)) for begin in range(0, n, BLOCK)]:
                block = unfinished.block(number, place, shape)
                if block is None:
                    missing.append(place)
                else:
                    known.append((place, block))
            for place, block in chain(known, draw(drawing, missing)):
                if place in missing:
                    unfinished.keep(number, place, block)
                drawn[slice(*place)] = block.images
                n_redrawn, n_copies = n_redrawn + block.n_redrawn, n_copies + block.n_copies
                advance(len(block.images))
            images.append(drawn)
            redrawn[name] = n_redrawn
            if n_copies:
                of = f" of {name!r}" if name else ""
                notes.append(
                    f"{n_copies} of {n} images{of} resemble a photo as closely as copies do, "
                    "however often they were drawn: more photos help."
                )
    return images, redrawn


def _pool(
    photo_set: PhotoSet,
    options: FitOptions,
    mixtures: Sequence[LocalMixture | PCAMixture],
    images: Sequence[NDArray[np.uint8]],
    record: FitRecord,
) -> Pool:
    labelled = photo_set.labels is not None
    counts = class_counts(photo_set)
    arrays: dict[str, NDArray[Any]] = {}
    for number, mixture in enumerate(mixtures):
        if isinstance(mixture, PCAMixture):
            arrays |= {f"pca.{number}.{name}": array for name, array in mixture.arrays().items()}
    if options.keep_photos:
        arrays["photos.images"] = photo_set.images
        if photo_set.labels is not None:
            arrays["photos.labels"] = photo_set.labels
    return Pool(
        np.concatenate(images),
        np.repeat(np.arange(len(images), dtype=np.int32), [len(one) for one in images]) if labelled else None,
        photo_set.class_names,
        mirror=options.symmetry == "flip",
        class_shares=tuple(float(count) for count in counts / counts.sum()) if labelled else (),
        record=record,
        arrays=arrays,
    )


def _mixtures(
    photo_set: PhotoSet, options: FitOptions, mixture_options: MixtureOptions, *, quiet: bool
) -> "list[LocalMixture | PCAMixture]":
    """The mixture of each class."""
    mirror = options.symmetry == "flip"
    classes = [
        photo_set.images[class_rows(photo_set, number)] for number in range(len(class_counts(photo_set)))
    ]
    if isinstance(mixture_options, LocalOptions):
        return [local_mixture(photos, options.symmetry, mixture_options) for photos in classes]
    found: list[LocalMixture | PCAMixture] = []
    with progress_bar("Fitting", len(classes), quiet=quiet, unit="classes") as advance:
        for photos in classes:
            found.append(PCAMixture.fit(photos, mixture_options, mirror=mirror, seed=options.seed))
            advance()
    return found


def _keeps_copies(options: FitOptions, mixture_options: MixtureOptions, notes: list[str]) -> bool:
    """Whether copies are kept; notes say why."""
    if options.allow_copies:
        notes.append("Copies were kept: allow_copies is set.")
        return True
    if isinstance(mixture_options, PCAOptions) and mixture_options.recipe is not None:
        notes.append("Copies were kept: the notebook's recipe draws them, and is here to show that.")
        return True
    return False


def _notes(photo_set: PhotoSet) -> list[str]:
    return [
        f"{name or 'The set'} has {count} photo{'s' if count > 1 else ''}: its images can only rearrange "
        "what these show."
        for name, count in zip(class_names(photo_set), class_counts(photo_set), strict=True)
        if count < FEW_PHOTOS
    ]


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in ("gmmaug-plugin", "numpy", "numba", "scikit-learn", "pillow")}
