"""Options of the local mixture, chosen by measurement on photos held back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.sliced_wasserstein import sliced_wasserstein
from gmmaug_plugin.fitting.drawing import ClassDrawing, Draw
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.reading import rows_by_class
from gmmaug_plugin.mixtures import MIN_SIDE, LocalMixture, LocalOptions
from gmmaug_plugin.mixtures.pyramid import with_detail
from gmmaug_plugin.photos import PhotoSet, near_duplicates, split_holdout
from gmmaug_plugin.progress import progress_bar

LOCALITIES = (0.4, 0.5, 0.8)  # values of locality to try
DETAILS = (1.0, 1.15, 1.3, 1.45)  # factors of detail to try for each band
N_DRAWS = 96  # images drawn with each locality, over all classes; at least one of each class
MAX_CLASSES = 16  # options are tried on the largest classes
MIN_HELD_BACK = 16  # fewer photos do not represent their distribution
MAX_REFUSED = 0.2  # candidates with a larger share of copies are chosen only if all have a larger one


def choose_options(
    photo_set: PhotoSet,
    options: FitOptions,
    mixture_options: LocalOptions,
    given: frozenset[str],
    detector: CopyDetector | None,
    draw: Draw,
    *,
    quiet: bool,
) -> tuple[LocalOptions, dict[str, Any]]:
    """Choose ``locality`` and ``detail`` of the local mixture, unless ``given`` by the user.

    Each locality draws images from the photos that are not held back. Each band of detail in the images is
    scaled by the factor that brings it nearest to the photos held back. Of the localities with few copies,
    the one whose scaled images are nearest to the photos held back is chosen.

    Returns:
        The options, and how they were chosen, as JSON values for the record.
    """
    if {"locality", "detail"} <= given:
        return mixture_options, {"choice": "as given", "chosen": {}}
    training, held_back = split_holdout(photo_set, options.holdout)
    if len(held_back.images) < MIN_HELD_BACK:
        return mixture_options, {"choice": "the defaults: few photos are held back", "chosen": {}}
    trained_on, unseen = (list(rows_by_class(one).values()) for one in (training, held_back))
    numbers = [number for number, rows in enumerate(unseen) if len(rows)]
    numbers = sorted(numbers, key=lambda number: -len(trained_on[number]))[:MAX_CLASSES]
    photos = {number: training.images[trained_on[number]] for number in numbers}
    reference = held_back.images[np.sort(np.concatenate([unseen[number] for number in numbers]))]
    candidates = []
    localities = (mixture_options.locality,) if "locality" in given else LOCALITIES
    with progress_bar("Choosing options", len(localities), quiet=quiet, unit="candidates") as advance:
        for locality in localities:
            candidate = replace(mixture_options, locality=locality)
            if "detail" not in given:
                candidate = replace(candidate, detail=1.0)
            images, labels = _draw_candidate(photos, options, candidate, draw)
            copies = np.zeros(len(images), np.bool_)
            if detector is not None:
                copies = detector.ratios(images, None if photo_set.labels is None else labels) < 1
            if not copies.all():
                images = images[~copies]
            chosen: dict[str, Any] = {"locality": locality}
            if "detail" not in given:
                chosen["detail"] = _nearest_detail(images, reference)
                images = _scaled(images, chosen["detail"])
            distance = float(np.mean(_distances(images, reference)))
            candidates.append({"options": chosen, "distance": distance, "refused": float(copies.mean())})
            advance()
    best, why = _best(candidates)
    return replace(mixture_options, **best), {
        "criterion": f"mean sliced Wasserstein distance to {len(reference)} photos held back",
        "candidates": candidates,
        "chosen": best,
        "choice": why,
        "held_back": held_back.fingerprint,
        "n_held_back": len(held_back.images),
    }


def _draw_candidate(
    photos: dict[int, NDArray[np.uint8]], options: FitOptions, candidate: LocalOptions, draw: Draw
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw test images and their labels from photos by class number."""
    n = max(1, N_DRAWS // len(photos))
    images = []
    for number, own in photos.items():
        mirror = options.symmetry == "flip"
        mixture = LocalMixture(own, mirror=mirror, options=candidate, groups=near_duplicates(own))
        name = f"locality{candidate.locality:g}-{number}"
        drawing = ClassDrawing(name, mixture, None, (options.seed, number), own.shape[1])
        images.append(draw(drawing, n, lambda _: None).images)
    return np.concatenate(images), np.repeat(np.array(list(photos), np.int32), n)


def _nearest_detail(images: NDArray[np.uint8], reference: NDArray[np.uint8]) -> list[float]:
    """The factor of each band of detail that brings images nearest to a reference, coarsest band first."""
    distances = np.array([_distances(_scaled(images, [detail]), reference) for detail in DETAILS])
    n_bands = (images.shape[1] // MIN_SIDE).bit_length() - 1
    nearest = distances[:, :n_bands].argmin(axis=0)[::-1]
    return [DETAILS[place] for place in nearest] or [1.0]


def _distances(images: NDArray[np.uint8], reference: NDArray[np.uint8]) -> list[float]:
    """Distances at all scales, finest first; fewer patches than in a report suffice to rank candidates."""
    return sliced_wasserstein(images, reference, n_projections=64, n_patches=8000)


def _scaled(images: NDArray[np.uint8], factors: Sequence[float]) -> NDArray[np.uint8]:
    """Images whose bands of detail are scaled in each channel."""
    channels_first = np.moveaxis(images.reshape(*images.shape[:3], -1), 3, 1)
    scaled = with_detail(channels_first.astype(np.float32), MIN_SIDE, factors)
    levels = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(levels, 1, 3).reshape(images.shape))


def _best(candidates: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """Options of the nearest candidate with few copies (if all have many, with the fewest), and why."""
    few_copies = [candidate for candidate in candidates if candidate["refused"] <= MAX_REFUSED]
    if few_copies:
        best = min(few_copies, key=lambda candidate: candidate["distance"])
        why = f"nearest to photos held back (distance {best['distance']:.0f})"
    else:
        best = min(candidates, key=lambda candidate: candidate["refused"])
        why = f"the fewest copies, but over {MAX_REFUSED:.0%} (add photos)"
    options = best["options"]
    factors = " / ".join(f"{factor:g}" for factor in options.get("detail", ()))
    detail = f", detail {factors}" if factors else ""
    copies = f"{best['refused']:.0%} of test draws were copies"
    return options, f"locality {options['locality']:g}{detail}: {why}; {copies}"
