"""Deep photos, of more than 8 bits, signed or floats: scaled to 0..255 once their whole set is known.

Files often use a sliver of their type's range: a camera of 12 bits writes 0..4095 into 16 bits, a CT scanner
-1024..3071. Black and white then follow from the set, by one scale for all its photos of a kind, which keeps
their relative brightness.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gmmaug_plugin.photos.skipped import NOT_FINITE, PhotoError
from gmmaug_plugin.resizing import Resize

Floats = NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_TURNED = (5, 6, 7, 8)  # EXIF orientations whose rows are columns of the sensor
_FLIPS = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}  # steps of rows, columns


class Kind(NamedTuple):
    """The meaning of a file's numbers.

    Attributes:
        name: For messages, such as "16 bits".
        white: The largest number of the type, white in files that use the whole range.
        inverted: Zero is white.
    """

    name: str
    white: float
    inverted: bool = False


class Scale(NamedTuple):
    """The numbers that become 0 and 255."""

    low: float
    high: float


Scales = dict[Kind, Scale]


@dataclass(frozen=True, eq=False)
class DeepPhoto:
    """A photo whose numbers are not scaled yet.

    Attributes:
        numbers: float32 (height, width) or (height, width, 3), multiplied by ``alpha``.
        alpha: Opacity, float32 (height, width), 0..1; None for opaque photos.
        kind: The meaning of the numbers.
        used: The smallest and the largest number, without dead pixels.
    """

    numbers: Floats
    alpha: Floats | None
    kind: Kind
    used: Scale

    def resized(self, size: int, resize: Resize) -> "DeepPhoto":
        """The photo made square, as :func:`gmmaug_plugin.resizing.resize_images` does it."""
        alpha = None if self.alpha is None else _resized(self.alpha, size, resize)
        channels = np.atleast_3d(self.numbers)
        numbers = np.dstack([_resized(channels[..., i], size, resize) for i in range(channels.shape[2])])
        return replace(self, numbers=numbers.reshape(size, size, *self.numbers.shape[2:]), alpha=alpha)

    def levels(self, scales: Scales) -> NDArray[np.uint8]:
        """uint8 (height, width) or (height, width, 3), over white; numbers beyond the scale are cut off.

        Args:
            scales: From :func:`choose_scales`; a kind that is missing there is scaled by this photo alone.
        """
        low, high = scales.get(self.kind) or choose_scales([self])[0][self.kind]
        alpha: Floats = np.ones((1, 1), np.float32) if self.alpha is None else self.alpha
        alpha = alpha if self.numbers.ndim == 2 else alpha[..., None]
        light = (self.numbers - np.float32(low) * alpha) / np.float32(high - low)
        light = alpha - light if self.kind.inverted else light
        levels: NDArray[np.uint8] = np.rint(255 * np.clip(light + (1 - alpha), 0, 1)).astype(np.uint8)
        return levels


def deep_photo(
    numbers: NDArray[np.generic],
    kind: Kind,
    *,
    color: bool,
    alpha: ArrayLike | None = None,
    premultiplied: bool = False,
    orientation: int = 1,
) -> DeepPhoto:
    """Make a photo of a file's numbers, upright.

    Args:
        numbers: (height, width) or (height, width, 3), integers or floats.
        kind: The meaning of the numbers.
        color: Keep color, and repeat gray into three channels; otherwise color becomes luma.
        alpha: Opacity, (height, width), 0..1.
        premultiplied: The numbers are multiplied by ``alpha`` already.
        orientation: The camera's, 1..8 as in EXIF.

    Raises:
        PhotoError: A number is not finite.
    """
    with np.errstate(over="ignore"):
        floats = _upright(numbers, orientation).astype(np.float32)
    if not np.isfinite(floats.sum(dtype=np.float64)):
        raise PhotoError(NOT_FINITE)
    if floats.ndim == 3 and not color:
        floats = floats @ _LUMA
    if alpha is None:
        opacity, used = None, _used(floats)
    else:
        opacity = _upright(np.asarray(alpha), orientation).astype(np.float32)
        weight = opacity if floats.ndim == 2 else opacity[..., None]
        straight = floats / np.maximum(weight, 0.1) if premultiplied else floats
        solid = straight[opacity > 0.1]  # nearly transparent pixels may hold any number
        used = _used(np.where(weight > 0.1, straight, solid.flat[0])) if solid.size else Scale(0, 0)
        floats = floats if premultiplied else floats * weight
    if color and floats.ndim == 2:
        floats = np.stack([floats] * 3, axis=-1)
    return DeepPhoto(floats, opacity, kind, used)


def choose_scales(photos: Iterable[DeepPhoto]) -> tuple[Scales, tuple[str, ...]]:
    """Choose one scale for each kind of photos.

    It is the type's whole range if the photos use it, that is, reach its upper half and spread over more than
    an eighth of it, without a number beyond. Otherwise it is the range that the photos use together.

    Returns:
        The scales, and a note for each kind that is stretched; safe to print.
    """
    found = list(photos)
    counts = Counter(photo.kind for photo in found)
    scales: Scales = {}
    notes = []
    for kind, count in counts.items():
        used = [photo.used for photo in found if photo.kind == kind]
        low, high = min(one.low for one in used), max(one.high for one in used)
        whole = low >= 0 and kind.white / 2 < high <= kind.white * 1.001 and high - low > kind.white / 8
        scales[kind] = Scale(0, kind.white) if whole or low == high else Scale(low, high)
        if scales[kind] != (0, kind.white):
            hold = "photo of {} holds" if count == 1 else "photos of {} hold"
            notes.append(
                f"{count} {hold.format(kind.name)} values from {low:g} to {high:g}: "
                "stretched to the full range of gray, one scale for all. "
                "Scale the photos that you train with alike."
            )
    return scales, tuple(notes)


def _used(numbers: Floats) -> Scale:
    """The smallest and the largest number, without dead pixels.

    Dead pixels and lines are numbers that fill no square of 2 x 2 pixels and are further beyond those that do
    than these are apart.
    """
    low, high = float(numbers.min()), float(numbers.max())
    if min(numbers.shape[:2]) > 1:
        corners = (numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, :-1], numbers[1:, 1:])
        bottom = float(np.maximum.reduce(corners).min())
        top = float(np.minimum.reduce(corners).max())
        apart = top - bottom
        if apart > 0:
            low = low if low >= bottom - apart else bottom
            high = high if high <= top + apart else top
    return Scale(low, high)


def _upright(numbers: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    if orientation in _TURNED:
        numbers = numbers.swapaxes(0, 1)
    rows, columns = _FLIPS.get(orientation, (1, 1))
    return numbers[::rows, ::columns]


def _resized(channel: Floats, size: int, resize: Resize) -> Floats:
    if resize == "crop":
        height, width = channel.shape
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        channel = channel[top : top + side, left : left + side]
    if channel.shape == (size, size):
        return channel
    method = Image.Resampling.HAMMING if size <= min(channel.shape) else Image.Resampling.BILINEAR
    image = Image.fromarray(np.ascontiguousarray(channel)).resize((size, size), method)
    return np.asarray(image, np.float32)
