"""A fit and what is measured of its pool."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gmmaug_plugin.evaluation.copies import CopyDetector, NoDifferentPhotosError
from gmmaug_plugin.evaluation.measuring import FEWEST_PHOTOS, Measurements, measure_images
from gmmaug_plugin.mixtures.local import LocalMixture
from gmmaug_plugin.mixtures.pca import PCAMixture
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.pool import Pool

FEWEST_IMAGES = 2
"""Images of a pool that can be measured."""

_BY_NETWORK = ("precision", "recall", "frechet_distance")
"""Measures that depend on a network trained here: they are in reports, not in files."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit and what its report shows.

    Attributes:
        pool: The pool.
        photos: The photos at the pool's image size.
        mixtures: The mixture of each class, in label order.
        measurements: What was measured of the pool; None if nothing was.
        detector: Finds copies of the photos at this size; None where there is none yet, or no two photos of
            a class differ.
        forget: Removes the blocks kept for ``resume``; to be called once the pool is saved.
    """

    pool: Pool
    photos: PhotoSet
    mixtures: tuple[LocalMixture | PCAMixture, ...] = ()
    measurements: Measurements | None = None
    detector: CopyDetector | None = None
    forget: Callable[[], None] = lambda: None


def make_detector(photo_set: PhotoSet) -> CopyDetector | None:
    """A detector of copies of photos; None where no two photos of a class differ."""
    try:
        return CopyDetector(photo_set.images, photo_set.labels)
    except NoDifferentPhotosError:
        return None


def measured(fit: Fit, *, features: bool | None, quiet: bool) -> Fit:
    """The fit with measures of its pool beside the same measures of photos."""
    photos, pool = fit.photos, fit.pool
    detector = fit.detector or make_detector(photos)
    if len(photos.images) < FEWEST_PHOTOS or len(pool) < FEWEST_IMAGES:
        note = f"Nothing was measured: that takes {FEWEST_PHOTOS} photos and {FEWEST_IMAGES} images."
        record = replace(pool.record, notes=(*pool.record.notes, note))
        return replace(fit, pool=replace(pool, record=record), detector=detector)
    found = measure_images(
        pool.images,
        pool.labels,
        photos,
        detector=detector,
        features=features,
        random_state=pool.record.seed,
        quiet=quiet,
    )
    kept = tuple(one.as_json() for one in found.measures if one.name not in _BY_NETWORK)
    record = replace(pool.record, measures=kept)
    return replace(fit, pool=replace(pool, record=record), measurements=found, detector=detector)
