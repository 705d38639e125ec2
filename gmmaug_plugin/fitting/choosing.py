"""Options of the local mixture, chosen by measurement on photos held back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector, NoDifferentPhotosError
from gmmaug_plugin.evaluation.sliced_wasserstein import sliced_wasserstein
from gmmaug_plugin.fitting.drawing import BLOCK, ClassDrawing, Draw, local_mixture
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.unfinished import Unfinished
from gmmaug_plugin.mixtures.local import LocalOptions
from gmmaug_plugin.photos import PhotoSet, split_holdout
from gmmaug_plugin.progress import progress_bar

CANDIDATES: tuple[dict[str, Any], ...] = (
    {"locality": 0.4},
    {"locality": 0.8},
    {"locality": 1.2},
    {"locality": 1.6},
)
"""Options that are tried, beside the defaults of all others."""

N_DRAWS = 64
"""Images drawn with each candidate, over all classes; one of each class at least."""

MAX_CLASSES = 16
"""Classes that candidates are tried on, at most: the largest ones."""

FEWEST_HELD_BACK = 16
"""Photos held back, at least: fewer say nothing about the distance between distributions."""

MAX_REFUSED = 0.2
"""Share of draws that may be copies: a candidate with more is chosen only if all have more."""


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
    unfinished: Unfinished,
    *,
    draw: Draw,
    quiet: bool,
) -> tuple[LocalOptions, dict[str, Any]]:
    """Choose the options of the local mixture that were not given.

    Every candidate draws images from the photos that are not held back. The one whose draws are nearest to
    the photos held back is chosen, among those of which few draws are copies.

    Args:
        photo_set: All photos.
        options: Options of the fit.
        mixture_options: Options of the mixture, as given.
        given: Names of those that were given: they stay.
        unfinished: Where the choice is kept for ``resume``.
        draw: Draws blocks of images.
        quiet: Show no progress.

    Returns:
        The options, and the choice as JSON values for the record.
    """
    known = unfinished.choices()
    if known is not None:
        return replace(mixture_options, **known["local"]["chosen"]), known
    candidates = _candidates(given)
    training, held_back = split_holdout(photo_set, options.holdout)
    if len(candidates) < 2 or len(held_back.images) < FEWEST_HELD_BACK:
        why = "options as given" if len(candidates) < 2 else "the defaults: too few photos are held back"
        return mixture_options, {"local": {"choice": why, "chosen": {}}}
    classes = _largest_classes(training, held_back)
    reference = _images_of(held_back, classes)
    tried = []
    with progress_bar("Choosing options", len(candidates), quiet=quiet, unit="candidates") as advance:
        for candidate in candidates:
            chosen = replace(mixture_options, **candidate)
            images, refused = _draws(training, classes, options, chosen, draw)
            distance = float(np.mean([one.distance for one in sliced_wasserstein(images, reference)]))
            tried.append(Tried(candidate, distance, refused))
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
    return replace(mixture_options, **best.options), found


def _candidates(given: frozenset[str]) -> list[dict[str, Any]]:
    """Candidates that differ in options that were not given."""
    names = {one.name for one in fields(LocalOptions)} - given
    found: list[dict[str, Any]] = []
    for candidate in CANDIDATES:
        free = {name: value for name, value in candidate.items() if name in names}
        if free not in found:
            found.append(free)
    return found


def _largest_classes(training: PhotoSet, held_back: PhotoSet) -> list[int | None]:
    """Numbers of the classes that candidates are tried on; None stands for a set without classes."""
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
    draw: Draw,
) -> tuple[NDArray[np.uint8], float]:
    """Images of a candidate that are no copies, and the share of draws that are."""
    n = max(1, N_DRAWS // len(classes))
    images, refused = [], []
    for number in classes:
        photos = _images_of(training, [number])
        mixture = local_mixture(photos, options.symmetry, chosen)
        drawing = ClassDrawing(mixture, None, (options.seed, number or 0), int(photos.shape[1]))
        places = [(begin, min(begin + BLOCK // 2, n)) for begin in range(0, n, BLOCK // 2)]
        found = dict(draw(drawing, places))
        drawn = np.concatenate([found[place].images for place in places])
        images.append(drawn)
        refused.append(_are_copies(drawn, photos))
    together, copies = np.concatenate(images), np.concatenate(refused)
    kept = together if copies.all() else together[~copies]
    return kept, float(copies.mean())


def _are_copies(images: NDArray[np.uint8], photos: NDArray[np.uint8]) -> NDArray[np.bool_]:
    try:
        return CopyDetector(photos).ratios(images) < 1
    except NoDifferentPhotosError:
        return np.zeros(len(images), np.bool_)


def _best(tried: Sequence[Tried]) -> Tried:
    allowed = [one for one in tried if one.refused <= MAX_REFUSED]
    if allowed:
        return min(allowed, key=lambda one: one.distance)
    return min(tried, key=lambda one: one.refused)


def _describe(best: Tried) -> str:
    values = ", ".join(f"{name} {value:g}" for name, value in best.options.items())
    return (
        f"{values}: nearest to photos held back (distance {best.distance:.0f}), "
        f"{100 * best.refused:.0f}% of its draws are copies"
    )
