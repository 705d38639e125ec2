"""A set of photos: images, labels, class names, digests, and the files that were skipped."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.photos.files import SkippedPhoto
from gmmaug_plugin.resizing import Resize


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """Photos of one size, in grayscale or color.

    Attributes:
        images: uint8 (n, image_size, image_size), or (n, image_size, image_size, 3) in color, values 0..255.
            Shares memory with the source where that was such an array already.
        labels: int32 (n,), indices into ``class_names``; None for photos without classes.
        class_names: Names in label order, each with at least one photo; empty for photos without classes.
        skipped: What was left out, and why.
        resize: How the photos were made square.
        digests: SHA-256 per photo, 64 hexadecimal digits: of the file's content, or of shape and pixels where
            photos come as an array. Computed from the images where none are given.

    Raises:
        ValueError: If digests are given, but not one per photo.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    skipped: tuple[SkippedPhoto, ...] = ()
    resize: Resize = "stretch"
    digests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.digests:
            object.__setattr__(self, "digests", digests_of(self.images))
        if len(self.digests) != len(self.images):
            raise ValueError(
                f"digests must be one per photo, {len(self.images)}. Received: {len(self.digests)}"
            )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the photos' digests in ascending order: which photos these are, in any order."""
        return hashlib.sha256("".join(sorted(self.digests)).encode()).hexdigest()

    def take(self, indices: ArrayLike) -> "PhotoSet":
        """Some of the photos, in the order asked for.

        Args:
            indices: Positions, integers (m,); or a mask, bool (n,).

        Returns:
            Their images, labels and digests. All class names stay, even of classes without a photo left; so
            does what was skipped.

        Raises:
            IndexError: If a position is out of range or a mask of the wrong length.
            TypeError: If ``indices`` are neither integers nor bool.
            ValueError: If ``indices`` have another number of axes than one.

        Example:
            >>> labels = np.array([1, 0, 1], np.int32)
            >>> photos = PhotoSet(np.zeros((3, 4, 4), np.uint8), labels, ("daisy", "rose"))
            >>> photos.take([2, 1]).labels.tolist()
            [1, 0]
        """
        chosen = np.asarray(indices)
        if chosen.ndim != 1:
            raise ValueError(f"indices must have one axis. Received: shape {chosen.shape}")
        if chosen.size == 0:
            chosen = chosen.astype(np.intp)
        elif chosen.dtype.kind not in "iub":
            raise TypeError(f"indices must be integers or bool. Received: dtype {chosen.dtype}")
        positions = np.arange(len(self.images))[chosen]
        return replace(
            self,
            images=self.images[positions],
            labels=None if self.labels is None else self.labels[positions],
            digests=tuple(self.digests[position] for position in positions),
        )


def digests_of(images: NDArray[np.uint8]) -> tuple[str, ...]:
    """SHA-256 of every image's shape and pixels, 64 hexadecimal digits each.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3).

    Example:
        >>> digests_of(np.zeros((1, 2, 2), np.uint8))[0][:8]
        '660c5b93'
    """
    shape = f"{images.shape[1:]}".encode()
    return tuple(hashlib.sha256(shape + image.tobytes()).hexdigest() for image in images)
