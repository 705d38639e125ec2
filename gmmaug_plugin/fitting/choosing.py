"""Options of the local mixture, chosen by measurement on photos held back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.sliced_wasserstein import sliced_wasserstein
from gmmaug_plugin.fitting.drawing import BLOCK, ClassDrawing, Draw, local_mixture
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.unfinished import Unfinished
from gmmaug_plugin.mixtures.local import MIN_SIDE, LocalOptions
from gmmaug_plugin.mixtures.pyramid import with_detail
from gmmaug_plugin.photos import PhotoSet, split_holdout
from gmmaug_plugin.progress import progress_bar

LOCALITIES = (0.4, 0.5, 0.8)
"""Values of ``locality`` that are tried."""

DETAILS = (1.0, 1.15, 1.3, 1.45)
"""Factors of ``detail`` that are tried, for each band."""

N_DRAWS = 96
"""Images drawn with each locality, over all classes; one of each class at least."""

MAX_CLASSES = 16
"""Classes that values are tried on, at most: the largest ones."""

FEWEST_HELD_BACK = 16
"""Photos held back, at least: fewer say nothing about the distance between distributions."""

MAX_REFUSED = 0.2
"""Share of draws that may be copies: a value with more is chosen only if all have more."""


@dataclass(frozen=True)
class Tried:
    """A candidate and what was measured.

    Attributes:
        options: The options that differ between candidates.
        distance: Mean sliced Wasserstein distance of draws to the photos held back, over all scales.
        refused: Share of draws that are copies of photos, 0..1.
    """

    options: dict[str, Any]
    distance: float
    refused: float


def choose_options(
    photo_set: PhotoSet,
    options: FitOptions,
    mixture_options: LocalOptions,
    given: frozenset[str],
    detector: CopyDetector | None,
    unfinished: Unfinished,
    *,
    draw: Draw,
    quiet: bool,
) -> tuple[LocalOptions, dict[str, Any]]:
    """Choose the options of the local mixture that were not given.

    With each locality images are drawn from the photos that are not held back, and the detail of each band is
    scaled to where it is nearest to the photos held back. The locality whose draws are nearest then is
    chosen, among those of which few draws are copies.

    Args:
        photo_set: All photos.
        options: Options of the fit.
        mixture_options: Options of the mixture, as given.
        given: Names of the options that the user set; they are not changed.
        detector: Finds copies of the photos; None finds none.
        unfinished: Where the choice is kept for ``resume``.
        draw: Draws blocks of images.
        quiet: Show no progress.

    Returns:
        The options, and the choice as JSON values for the record.
    """
    known = unfinished.choices()
    if known is not None:
        return _with(mixture_options, known["local"]["chosen"]), known
    training, held_back = split_holdout(photo_set, options.holdout)
    if {"locality", "detail"} <= given or len(held_back.images) < FEWEST_HELD_BACK:
        why = "as given" if {"locality", "detail"} <= given else "the defaults: few photos are held back"
        return mixture_options, {"local": {"choice": why, "chosen": {}}}
    localities = (mixture_options.locality,) if "locality" in given else LOCALITIES
    details = None if "detail" in given else DETAILS
    classes = _largest_classes(training, held_back)
    reference = _images_of(held_back, classes)
    tried = []
    with progress_bar("Choosing options", len(localities), quiet=quiet, unit="candidates") as advance:
        for locality in localities:
            one = replace(mixture_options, locality=locality)
            if details is not None:
                one = replace(one, detail=1.0)
            images, refused = _draws(training, classes, options, one, detector, draw)
            gains, distance = _nearest_detail(images, reference, details)
            chosen: dict[str, Any] = {"locality": locality}
            if details is not None:
                chosen["detail"] = gains
            tried.append(Tried(chosen, distance, refused))
            advance()
    best = _best(tried)
    found = {
        "local": {
            "criterion": f"mean sliced Wasserstein distance to {len(reference)} photos held back",
            "candidates": [asdict(one) for one in tried],
            "chosen": best.options,
            "choice": _describe(best),
            "held_back": held_back.fingerprint,
            "n_held_back": len(held_back.images),
        }
    }
    unfinished.keep_choices(found)
    return _with(mixture_options, best.options), found


def _with(options: LocalOptions, chosen: dict[str, Any]) -> LocalOptions:
    detail = chosen.get("detail", options.detail)
    return replace(options, **{**chosen, "detail": tuple(detail) if isinstance(detail, list) else detail})


def _nearest_detail(
    images: NDArray[np.uint8], reference: NDArray[np.uint8], details: Sequence[float] | None
) -> tuple[list[float], float]:
    """For each band of detail the factor that brings images nearest to a reference, and the mean distance.

    Each level of the distance's own pyramid answers to one band.
    """
    if details is None or images.shape[1] == MIN_SIDE:
        return [1.0], float(np.mean(_distances(images, reference)))
    distances = np.array([_distances(_scaled(images, [detail]), reference) for detail in details])
    n_bands = (images.shape[1] // MIN_SIDE).bit_length() - 1
    gains = [float(details[int(column.argmin())]) for column in distances.T[:n_bands][::-1]]
    return gains, float(np.mean(_distances(_scaled(images, gains), reference)))


def _distances(images: NDArray[np.uint8], reference: NDArray[np.uint8]) -> list[float]:
    """Distances at all scales, the finest first, from fewer patches than a report needs."""
    found = sliced_wasserstein(images, reference, n_projections=64, n_patches=8000)
    return [one.distance for one in found]


def _scaled(images: NDArray[np.uint8], gains: Sequence[float]) -> NDArray[np.uint8]:
    """Images with scaled bands of detail; their channels are scaled each by itself."""
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    scaled = with_detail(planes.astype(np.float32), MIN_SIDE, gains)
    levels = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
    return levels[:, 0] if images.ndim == 3 else np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


def _largest_classes(training: PhotoSet, held_back: PhotoSet) -> Sequence[int | None]:
    """Numbers of the classes that values are tried on; None stands for a set without classes."""
    if training.labels is None or held_back.labels is None:
        return [None]
    counts = np.bincount(training.labels, minlength=len(training.class_names))
    unseen = np.bincount(held_back.labels, minlength=len(training.class_names))
    order = np.argsort(-counts, kind="stable")
    return [int(number) for number in order if unseen[number]][:MAX_CLASSES]


def _images_of(photo_set: PhotoSet, classes: Sequence[int | None]) -> NDArray[np.uint8]:
    if photo_set.labels is None:
        return photo_set.images
    return photo_set.images[np.isin(photo_set.labels, np.array(classes))]


def _draws(
    training: PhotoSet,
    classes: Sequence[int | None],
    options: FitOptions,
    chosen: LocalOptions,
    detector: CopyDetector | None,
    draw: Draw,
) -> tuple[NDArray[np.uint8], float]:
    """Images of a candidate that are no copies, and the share of draws that are."""
    n, size = max(1, N_DRAWS // len(classes)), BLOCK // 2
    images, refused = [], []
    for number in classes:
        photos = _images_of(training, [number])
        mixture = local_mixture(photos, options.symmetry, chosen)
        drawing = ClassDrawing(mixture, None, (options.seed, number or 0), int(photos.shape[1]))
        places = [(begin, min(begin + size, n)) for begin in range(0, n, size)]
        found = dict(draw(drawing, places))
        drawn = np.concatenate([found[place].images for place in places])
        images.append(drawn)
        ratios = np.ones(n) if detector is None else detector.of_class(number or 0).ratios(drawn)
        refused.append(ratios < 1)
    together, copies = np.concatenate(images), np.concatenate(refused)
    return (together if copies.all() else together[~copies]), float(copies.mean())


def _best(tried: Sequence[Tried]) -> Tried:
    allowed = [one for one in tried if one.refused <= MAX_REFUSED]
    if allowed:
        return min(allowed, key=lambda one: one.distance)
    return min(tried, key=lambda one: one.refused)


def _describe(best: Tried) -> str:
    detail = best.options.get("detail")
    scaled = "" if detail is None else f", detail {' / '.join(f'{one:g}' for one in detail)}"
    chosen, copies = f"locality {best.options['locality']:g}{scaled}", f"{100 * best.refused:.0f}%"
    if best.refused > MAX_REFUSED:
        return (
            f"{chosen}: the fewest copies, {copies} of test draws; with so few photos every choice gave more "
            f"than {100 * MAX_REFUSED:.0f}%"
        )
    return (
        f"{chosen}: nearest to photos held back (distance {best.distance:.0f}); {copies} of test draws were "
        "copies"
    )
