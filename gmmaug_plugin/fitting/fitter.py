"""The front door of fitting."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.fitting.expectation_maximisation import CovarianceType
from gmmaug_plugin.fitting.options import Criterion, FitOptions, ModelKind, NComponents, Recipe
from gmmaug_plugin.fitting.selection import N_FOLDS
from gmmaug_plugin.fitting.trial import Trial, labels_of, split_photos, try_fit
from gmmaug_plugin.images import Labels, PhotoError, Photos, PhotoSet, Resize, load_photos
from gmmaug_plugin.models.basis import MAX_IMAGE_SIZE
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import Symmetry, part_shape

MIN_PHOTOS = 4
"""Fewest photos to fit on: the noise floor is measured on halves."""


def fit(
    photos: Photos | PhotoSet,
    labels: Labels | None = None,
    *,
    model: ModelKind = "pca",
    recipe: Recipe | None = None,
    image_size: int | None = None,
    variance: float = 0.99,
    whiten: bool = False,
    symmetry: Symmetry = "flip",
    n_components: NComponents = "auto",
    criterion: Criterion = "aic",
    covariance_type: CovarianceType = "diag",
    max_iter: int = 100,
    tol: float = 1e-3,
    n_init: int = 1,
    templates: int = 0,
    strength: float | str = "auto",
    holdout: float = 0.15,
    refit: bool = True,
    allow_copies: bool = False,
    resize: Resize = "stretch",
    random_state: int = 0,
    strict: bool = False,
    quiet: bool = False,
) -> PCAMixture:
    """Learn a mixture model of photos.

    All classes share one basis of principal images; each has a mixture of its own, weighted by its
    number of photos.

    Args:
        photos: A folder (of class folders, or flat), paths, a ``.npy`` or ``.npz`` file, an array
            (n, h, w), (n, h, w, 1) or (n, h, w, 3), uint8 or float in [0, 1], or a loaded
            :class:`~gmmaug_plugin.images.PhotoSet`, to which no option of loading can be given.
        labels: One per photo, for paths and arrays.
        model: The kind of model: "pca".
        recipe: "seed" fits as the notebook did that this project began as, with scikit-learn itself:
            for comparison, since it copies photos. Only ``n_components`` and ``random_state`` count then.
        image_size: Height and width to fit at. By default 128 for files; square arrays keep theirs.
        variance: Share of the variance that the basis keeps, or its number of dimensions.
        whiten: Start and compare components with all dimensions at unit variance, as the notebook did.
        symmetry: Take the photos also mirrored ("flip") or in all eight positions of a square ("d4").
        n_components: Components per class: a number, "auto", a range "1:600:10", or several numbers.
        criterion: How to choose among several: "aic", "bic", or "heldout" (5-fold cross-validation).
        covariance_type: "full", "tied", "diag" or "spherical".
        max_iter: Most steps of expectation maximisation.
        tol: Stop when the mean log-likelihood, in nats, rises by less.
        n_init: Number of starts, of which the likeliest is kept.
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
        strict: Raise an error for a photo that cannot be used, instead of skipping it.
        quiet: Show no progress.

    Returns:
        The model. ``model.info`` holds options, criterion curves, measures and what was learned, as JSON
        values.

    Raises:
        CopiesError: Every number of components tried copies more than real photos resemble each other.
        PhotoError: Too few usable photos, or an unusable one while ``strict``.
        ValueError: An option has no allowed value, or the photos are all equal.

    Example:
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> flowers, labels, names = make_flowers(60, image_size=32, n_classes=2)
        >>> model = fit(flowers, labels, n_components=2, quiet=True)
        >>> model.n_components
        4
    """
    options = FitOptions(
        model=model,
        recipe=recipe,
        variance=variance,
        whiten=whiten,
        symmetry=symmetry,
        n_components=n_components,
        criterion=criterion,
        covariance_type=covariance_type,
        max_iter=max_iter,
        tol=tol,
        n_init=n_init,
        templates=templates,
        strength=strength,
        holdout=holdout,
        refit=refit,
        allow_copies=allow_copies,
        random_state=random_state,
    )
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
        )
    return fit_photo_set(photo_set, options, quiet=quiet)


def fit_photo_set(photo_set: PhotoSet, options: FitOptions, *, quiet: bool) -> PCAMixture:
    """Fit loaded photos; see :func:`fit`."""
    return try_photo_set(photo_set, options, features=False, quiet=quiet).model


def try_photo_set(
    photo_set: PhotoSet, options: FitOptions, *, features: bool | None = None, quiet: bool = False
) -> Trial:
    """Fit loaded photos as :func:`fit` does; also tell how the fit was tried."""
    training, held_back = split_photos(photo_set, options)
    _check_photos(training.images, labels_of(training), training.class_names, options)
    return try_fit(photo_set, training, held_back, options, features=features, quiet=quiet)


def _check_photos(
    images: NDArray[np.uint8], labels: NDArray[np.int32], class_names: Sequence[str], options: FitOptions
) -> None:
    if len(images) < MIN_PHOTOS:
        raise PhotoError(
            f"Too few usable photos: at least {MIN_PHOTOS} are needed. Received: {len(images)} photos"
        )
    whole_number("image_size", images.shape[1], 1, MAX_IMAGE_SIZE)
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
