"""Sets of images in a few words, and in a small picture for notebooks."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.resizing import resize_images

_CLASSES, _IMAGES = 8, 24  # at most
_SIDE = 48  # pixels of an image in the picture, so that a notebook grows by little


def in_words(
    images: NDArray[np.uint8], labels: NDArray[np.int32] | None, class_names: Sequence[str], kind: str
) -> list[str]:
    """One line with number and size of images, and one with the number in each class.

    Args:
        images: uint8 (n, height, width) or (n, height, width, 3).
        labels: int32 (n,), indices into ``class_names``; None leaves out the second line.
        class_names: Names in label order; control characters are escaped, long names cut.
        kind: The images in one word, as "photos".

    Example:
        >>> labels = np.array([1, 1, 0], np.int32)
        >>> in_words(np.zeros((3, 16, 16), np.uint8), labels, ("daisy", "rose"), "photos")
        ['3 grayscale photos of 16 x 16, 2 classes', "  'daisy' 1, 'rose' 2"]
    """
    height, width = images.shape[1:3]
    line = f"{len(images)} {'color' if images.ndim == 4 else 'grayscale'} {kind} of {height} x {width}"
    if labels is None:
        return [line]
    counts = np.bincount(labels, minlength=len(class_names))
    named = [f"{name!r:.24} {n}" for name, n in zip(class_names, counts, strict=True)]
    if len(named) > _CLASSES:
        named[_CLASSES:] = [f"and {len(named) - _CLASSES} more"]
    return [f"{line}, {len(counts)} class{'es' if len(counts) > 1 else ''}", f"  {', '.join(named)}"]


def as_html(
    text: str, images: NDArray[np.uint8], labels: NDArray[np.int32] | None, class_names: Sequence[str]
) -> str:
    """A text and a row of small images for each of the first classes, as HTML; arguments as above."""
    codes = np.zeros(len(images), np.int32) if labels is None else labels
    names = class_names[:_CLASSES] or ("",)
    parts = [f"<pre>{html.escape(text)}</pre>"]
    for code, name in enumerate(names):
        shown = images[np.flatnonzero(codes == code)[: _IMAGES // len(names)]]
        if len(shown):
            picture = io.BytesIO()
            Image.fromarray(np.concatenate(resize_images(shown, _SIDE), axis=1)).save(picture, format="JPEG")
            source = f"data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()}"
            parts.append(f'<img title="{html.escape(f"{name!r:.24}")}" src="{source}"><br>')
    return "".join(parts)
