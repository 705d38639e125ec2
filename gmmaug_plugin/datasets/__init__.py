"""Flowers to try things on: drawn ones that need nothing, and photos from Harvard Dataverse."""

from gmmaug_plugin.datasets.drawing import make_flowers
from gmmaug_plugin.datasets.fetching import DownloadError, fetch_flowers

__all__ = ["DownloadError", "fetch_flowers", "make_flowers"]
