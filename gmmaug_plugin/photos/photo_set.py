"""A set of photos: images of one size, labels, class names and the files that were skipped."""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.photos.deep import Scales
from gmmaug_plugin.photos.skipped import SkippedPhoto, summary
from gmmaug_plugin.resizing import Resize
from gmmaug_plugin.summaries import as_html, in_words


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos of one size, in grayscale or color.

    Attributes:
        images: uint8 (n, image_size, image_size), or (n, image_size, image_size, 3) in color, values 0..255.
            May share memory with the array that the photos were loaded from.
        labels: int32 (n,), indices into ``class_names``; None for photos without classes.
        class_names: Names in label order, each with at least one photo; empty for photos without classes.
        skipped: Files that were left out, with reasons.
        resize: How the photos were made square.
        digests: One SHA-256 per photo, 64 hexadecimal digits: of the file, or of shape and pixels where the
            photos come as an array. Computed from the images by default.
        notes: Sentences on how the source was understood, as which part of a split was used, or how photos of
            more than 8 bits were scaled; safe to print.
        scales: The numbers that became 0 and 255 in photos of more than 8 bits, by kind.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[SkippedPhoto, ...] = ()
    resize: Resize = "stretch"
    digests: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scales: Scales = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.digests:
            shape = f"{self.images.shape[1:]}".encode()
            digests = tuple(hashlib.sha256(shape + image.tobytes()).hexdigest() for image in self.images)
            object.__setattr__(self, "digests", digests)

    def __repr__(self) -> str:
        first, *lines = in_words(self.images, self.labels, self.class_names, "photos")
        lines += [f"  {text:.70}" for text in (summary(self.skipped), " ".join(self.notes)) if text]
        return "\n".join([f"PhotoSet({first})", *lines])

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.images, self.labels, self.class_names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the sorted digests: identifies the photos, whatever their order."""
        return hashlib.sha256("".join(sorted(self.digests)).encode()).hexdigest()

    def take(self, indices: ArrayLike) -> "PhotoSet":
        """Select photos.

        Args:
            indices: Positions, integers (m,); or a mask, bool (n,).

        Returns:
            The photos in the order of the indices. ``class_names`` and ``skipped`` stay complete, even where
            a class has no photo left.

        Raises:
            IndexError: If a position is out of range, a mask has a wrong length, or an index is a float.

        Example:
            >>> labels = np.array([1, 0, 1], np.int32)
            >>> photos = PhotoSet(np.zeros((3, 4, 4), np.uint8), labels, ("daisy", "rose"))
            >>> photos.take([2, 1]).labels.tolist()
            [1, 0]
        """
        chosen = np.asarray(indices)
        positions = np.arange(len(self.images))[chosen if chosen.size else chosen.astype(int)]
        return replace(
            self,
            images=self.images[positions],
            labels=None if self.labels is None else self.labels[positions],
            digests=tuple(self.digests[position] for position in positions),
        )
