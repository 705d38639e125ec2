"""Photos in: folders, files and arrays become grayscale images, labels, class names, and what was skipped."""

from gmmaug_plugin.images.duplicates import near_duplicates
from gmmaug_plugin.images.errors import PhotoError
from gmmaug_plugin.images.files import SkippedPhoto
from gmmaug_plugin.images.grayscale import to_grayscale
from gmmaug_plugin.images.holdout import split_holdout
from gmmaug_plugin.images.labels import Labels
from gmmaug_plugin.images.loading import Photos, PhotoSet, load_photos, read_photo
from gmmaug_plugin.resizing import Resize, resize_images

__all__ = [
    "Labels",
    "PhotoError",
    "PhotoSet",
    "Photos",
    "Resize",
    "SkippedPhoto",
    "load_photos",
    "near_duplicates",
    "read_photo",
    "resize_images",
    "split_holdout",
    "to_grayscale",
]
