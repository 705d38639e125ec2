"""Photos in: folders, files and arrays become images of one size, with labels and class names."""

from gmmaug_plugin.photos.arrays import Labels
from gmmaug_plugin.photos.duplicates import near_duplicates
from gmmaug_plugin.photos.errors import PhotoError
from gmmaug_plugin.photos.files import SkippedPhoto
from gmmaug_plugin.photos.holdout import split_holdout
from gmmaug_plugin.photos.loading import Photos, load_photos, read_photo
from gmmaug_plugin.photos.photo_set import PhotoSet
from gmmaug_plugin.photos.pixels import to_color, to_grayscale
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
    "to_color",
    "to_grayscale",
]
