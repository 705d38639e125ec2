"""Measures of images (arrays) next to the same measures of photos: copies, distances, contrast."""

from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates, NoDifferentPhotosError
from gmmaug_plugin.evaluation.measure import Measure
from gmmaug_plugin.evaluation.measuring import Measurements, measure_images

__all__ = [
    "CopyDetector",
    "CopyRates",
    "Measure",
    "Measurements",
    "NoDifferentPhotosError",
    "measure_images",
]
