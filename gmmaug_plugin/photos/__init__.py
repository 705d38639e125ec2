"""Photos: folders, files and arrays become images of one size, with labels and class names."""

from gmmaug_plugin.photos.duplicates import near_duplicates
from gmmaug_plugin.photos.holdout import split_holdout
from gmmaug_plugin.photos.labels import Labels
from gmmaug_plugin.photos.loading import Photos, load_photos, read_photo
from gmmaug_plugin.photos.photo_set import PhotoSet
from gmmaug_plugin.photos.pixels import to_color, to_grayscale
from gmmaug_plugin.photos.skipped import PhotoError, SkippedPhoto, printable

__all__ = [
    "Labels",
    "PhotoError",
    "PhotoSet",
    "Photos",
    "SkippedPhoto",
    "load_photos",
    "near_duplicates",
    "printable",
    "read_photo",
    "split_holdout",
    "to_color",
    "to_grayscale",
]
