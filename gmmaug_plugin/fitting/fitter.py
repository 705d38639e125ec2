"""The front door of fitting."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.kinds import labels_of
from gmmaug_plugin.fitting.maximisation import CovarianceType
from gmmaug_plugin.fitting.multiscale.multiscale_fitter import HELD_OUT
from gmmaug_plugin.fitting.options import (
    Criterion,
    FitOptions,
    ModelKind,
    NComponents,
    Recipe,
    options_for,
)
from gmmaug_plugin.fitting.parts import kept_parts
from gmmaug_plugin.fitting.selection import N_FOLDS
from gmmaug_plugin.fitting.trial import Trial, split_photos, try_fit
from gmmaug_plugin.fitting.workers import Client
from gmmaug_plugin.images import Labels, PhotoError, Photos, PhotoSet, Resize, load_photos
from gmmaug_plugin.models.basis import MAX_IMAGE_SIZE
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.multiscale import Sharing
from gmmaug_plugin.models.multiscale.conditional import MAX_COMPONENTS
from gmmaug_plugin.models.multiscale.pyramid import IMAGE_SIZES, n_levels
from gmmaug_plugin.models.symmetry import Symmetry, part_shape
from gmmaug_plugin.resizing import resize_images

MIN_PHOTOS = 4
"""Fewest photos to fit on: the noise floor is measured on halves."""


def fit(
    photos: Photos | PhotoSet,
    labels: Labels | None = None,
    *,
    model: ModelKind | None = None,
    recipe: Recipe | None = None,
    image_size: int | None = None,
    n_components: NComponents = "auto",
    criterion: Criterion | None = None,
    sharing: Sharing | None = None,
    variance: float | None = None,
    whiten: bool | None = None,
    symmetry: Symmetry | None = None,
    covariance_type: CovarianceType | None = None,
    max_iter: int = 100,
    tol: float = 1e-3,
    n_init: int | None = None,
    block_size: int | None = None,
    templates: int = 0,
    strength: float | str = "auto",
    holdout: float = 0.15,
    refit: bool = True,
    allow_copies: bool = False,
    resize: Resize = "stretch",
    random_state: int = 0,
    client: Client = None,
    strict: bool = False,
    quiet: bool = False,
    cache: bool = True,
    resume: bool = False,
) -> ImageModel:
    """Learn a mixture model of photos.

    What kinds of model there are and how they share classes is told by :class:`MultiscaleMixture` and
    :class:`PCAMixture` in :mod:`gmmaug_plugin.models`.

    Args:
        photos: A folder (of class folders, or flat), paths, a ``.npy`` or ``.npz`` file, an array
            (n, h, w), (n, h, w, 1) or (n, h, w, 3), uint8 or float in [0, 1], or a loaded
            :class:`~gmmaug_plugin.images.PhotoSet`, to which no option of loading can be given.
        labels: One per photo, for paths and arrays.
        model: The kind of model: "multiscale", mixtures on the bands of a pyramid, or "pca", a mixture over
            whole images. None takes the default, or the one that the recipe is of.
        recipe: "seed" fits as the notebook did that this project began as, with the results of scikit-learn:
            for comparison, since it copies photos. Only ``n_components`` and ``random_state`` count then.
        image_size: Height and width to fit at. By default 128 for files; square arrays keep theirs, but for
            "multiscale" they are enlarged to the next of 32, 64, 128, 256 and 512 pixels.
        n_components: Components per class ("pca") or level ("multiscale"): a number, "auto", a range
            "1:600:10", or several numbers.
        criterion: How to choose among several: "aic", "bic", or "heldout" (of "pca" 5-fold cross-validation,
            of "multiscale" one photo in five). None takes "aic" for "pca" and "bic" for "multiscale".
        sharing: Of "multiscale": which classes share what. "details" (the default): a base for each class,
            the details are common; "none": each class has details of its own; "all": nothing tells classes
            apart.
        variance: Of "pca": share of the variance that the basis keeps, or its number of dimensions; 0.99.
        whiten: Of "pca": start and compare components with all dimensions at unit variance, as the notebook
        did.
        symmetry: Of "pca": take the photos also mirrored ("flip", the default) or in all eight positions of a
            square ("d4"), or as they are ("none"). "multiscale" takes all eight.
        covariance_type: Of "pca": "full", "tied", "diag" (the default) or "spherical".
        max_iter: Most steps of expectation maximisation.
        tol: Stop when the mean log-likelihood, in nats, rises by less.
        n_init: Of "pca": number of starts, of which the likeliest is kept; 1.
        block_size: Of "pca": photos in a block, 8192. A set of more is never in memory as a whole, and its
            blocks are worked on apart; sums over blocks differ from those over all by rounding.
        templates: Photos whose codes the model keeps, for synthesis to start from; they are encodings of
            training photos. 0 keeps none: synthesis draws from the mixture alone.
        strength: How far synthesis moves from a template: in [0, 1], or "auto" for the smallest that copies
            no more than real photos resemble each other.
        holdout: Share of the photos, in [0, 0.5], kept apart while the fit is chosen and measured. Which they
            are follows from their content.
        refit: Fit again on all photos, with what was chosen, after measuring.
        allow_copies: Keep a model whose samples copy photos more than photos resemble each other.
        resize: "stretch" photos to a square, or "crop" the largest square.
        random_state: Seed of all random choices.
        client: A ``distributed.Client`` of a Dask cluster that fits, whose workers must see the cache folder
            (``GMMAUG_CACHE``); the model is the same to rounding. None fits here. recipe="seed" fits here.
        strict: Raise an error for a photo that cannot be used, instead of skipping it.
        quiet: Show no progress.
        cache: Keep decoded photos in the cache folder for the next fit, see
            :func:`~gmmaug_plugin.images.load_photos`; and the finished parts of a fit of more than ten
            seconds until it ends.
        resume: Go on from the finished parts that a fit of the same photos with the same options left in the
            cache folder when it was stopped. The model has the same bytes as without a stop.

    Returns:
        The model. ``model.info`` holds options, criterion curves, measures and what was learned, as JSON
        values.

    Raises:
        CopiesError: Every number of components tried copies more than real photos resemble each other.
        OSError: The cluster cannot do the work: its workers die of it or do not see the cache folder, or its
            scheduler is gone. While it has no worker at all, the fit waits for one and warns.
        PhotoError: Too few usable photos, or an unusable one while ``strict``.
        ValueError: An option has no allowed value, or the photos are all equal.

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> flowers, labels, names = make_flowers(60, image_size=32, n_classes=2)
        >>> model = fit(flowers, labels, n_components=4, quiet=True)
        >>> model.info["n_held_back"], list(model.info["choices"].values())
        (9, ['4 components as given', '4 components as given'])
        >>> fit(flowers, labels, model="pca", n_components=2, quiet=True).n_components
        4
    """
    options = options_for(
        model,
        recipe,
        variance=variance,
        whiten=whiten,
        symmetry=symmetry,
        sharing=sharing,
        n_components=n_components,
        criterion=criterion,
        covariance_type=covariance_type,
        max_iter=max_iter,
        tol=tol,
        n_init=n_init,
        block_size=block_size,
        templates=templates,
        strength=strength,
        holdout=holdout,
        refit=refit,
        allow_copies=allow_copies,
        random_state=random_state,
    )
    check_image_size(image_size, options)
    if isinstance(photos, PhotoSet):
        if labels is not None or image_size is not None or strict or resize != "stretch":
            raise ValueError(
                "labels, image_size, resize and strict are for load_photos, not for photos that are loaded. "
                f"Received: {labels=}, {image_size=}, {resize=}, {strict=}"
            )
        photo_set = photos
    else:
        photo_set = load_photos(
            photos,
            labels,
            image_size=image_size,
            resize=resize,
            strict=strict,
            min_photos=MIN_PHOTOS,
            quiet=quiet,
            cache=cache,
        )
        if image_size is None:
            photo_set = enlarge_to_fit(photo_set, options)
    with kept_parts(photo_set, options, elsewhere=client is not None, keep=cache, resume=resume) as parts:
        return fit_photo_set(photo_set, options, execution=Execution(client, parts), quiet=quiet)


def check_image_size(image_size: int | None, options: FitOptions) -> None:
    """Raise :class:`ValueError` for a size nothing is fitted at, before photos are enlarged to it."""
    if image_size is None:
        return
    whole_number("image_size", image_size, 1, MAX_IMAGE_SIZE)
    if options.model == "multiscale":
        n_levels(image_size)


def enlarge_to_fit(photo_set: PhotoSet, options: FitOptions) -> PhotoSet:
    """Photos at the next size that the kind of model is fitted at, where nobody asked for a size."""
    size = photo_set.images.shape[1]
    if options.model != "multiscale" or size in IMAGE_SIZES:
        return photo_set
    larger = min((one for one in IMAGE_SIZES if one > size), default=IMAGE_SIZES[-1])
    return replace(photo_set, images=resize_images(photo_set.images, (larger, larger)))


def fit_photo_set(
    photo_set: PhotoSet, options: FitOptions, *, execution: Execution = HERE, quiet: bool
) -> ImageModel:
    """Fit loaded photos; see :func:`fit`."""
    return try_photo_set(photo_set, options, features=False, execution=execution, quiet=quiet).model


def try_photo_set(
    photo_set: PhotoSet,
    options: FitOptions,
    *,
    features: bool | None = None,
    execution: Execution = HERE,
    quiet: bool = False,
) -> Trial:
    """Fit loaded photos as :func:`fit` does; also tell how the fit was tried."""
    training, held_back = split_photos(photo_set, options)
    _check_photos(training.images, labels_of(training), training.class_names, options)
    return try_fit(
        photo_set, training, held_back, options, features=features, execution=execution, quiet=quiet
    )


def _check_photos(
    images: NDArray[np.uint8], labels: NDArray[np.int32], class_names: Sequence[str], options: FitOptions
) -> None:
    if len(images) < MIN_PHOTOS:
        raise PhotoError(
            f"Too few usable photos: at least {MIN_PHOTOS} are needed. Received: {len(images)} photos"
        )
    whole_number("image_size", images.shape[1], 1, MAX_IMAGE_SIZE)
    if options.model == "multiscale":
        _check_multiscale(images, labels, options)
        return
    if options.recipe is None:
        part_shape(options.symmetry, images.shape[1])
    counts = np.bincount(labels)
    count = int(counts.min())
    name = f" of class {class_names[int(np.argmin(counts))]!r}" if class_names else ""
    wanted = options.n_components
    crossed = options.criterion == "heldout" and isinstance(wanted, tuple) and len(wanted) > 1
    if (options.recipe and count < 2) or (crossed and count < N_FOLDS):
        needed, by = (2, "recipe='seed'") if options.recipe else (N_FOLDS, "criterion='heldout'")
        raise PhotoError(f"Too few photos{name}: {by} needs at least {needed}. Received: {count}")
    fewest = wanted if isinstance(wanted, int) else min(wanted) if isinstance(wanted, tuple) else 1
    most = count - -(-count // N_FOLDS) if crossed and not options.recipe else count
    if fewest > most:
        raise ValueError(
            f"n_components is counted per class and must be at most the number of photos{name} to fit on "
            f"({most}). Received: n_components={options.as_json()['n_components']}"
        )


def _check_multiscale(images: NDArray[np.uint8], labels: NDArray[np.int32], options: FitOptions) -> None:
    n_levels(images.shape[1])
    counts = np.bincount(labels) if options.sharing == "none" else np.array([len(images)])
    wanted = options.n_components
    several = not isinstance(wanted, int) and wanted != (1,)
    if options.criterion == "heldout" and several and counts.min() < HELD_OUT:
        raise PhotoError(
            f"criterion='heldout' holds out one photo in {HELD_OUT} and needs as many of each class that has "
            f"details of its own. Received: {counts.min()} photos"
        )
    most = MAX_COMPONENTS // len(counts)
    greatest = wanted if isinstance(wanted, int) else max(wanted) if isinstance(wanted, tuple) else 1
    if greatest > most:
        raise ValueError(
            f"n_components must be at most {most}: a level has at most {MAX_COMPONENTS} components, for "
            f"{len(counts)} groups of photos that share nothing. "
            f"Received: n_components={options.as_json()['n_components']}"
        )
