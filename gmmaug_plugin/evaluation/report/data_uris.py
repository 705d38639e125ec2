"""Images as text that a page can hold."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def data_uri(image: NDArray[np.uint8]) -> str:
    """Encode one image without loss, as PNG or WebP, whichever is smaller.

    Args:
        image: uint8 (h, w).

    Returns:
        A ``data:`` URI.

    Example:
        >>> data_uri(np.zeros((8, 8), np.uint8))[:11]
        'data:image/'
    """
    picture = Image.fromarray(image)
    png, webp = io.BytesIO(), io.BytesIO()
    picture.save(png, format="PNG", optimize=True)
    picture.save(webp, format="WEBP", lossless=True, quality=100, method=4)
    kind, contents = min(("png", png.getvalue()), ("webp", webp.getvalue()), key=lambda one: len(one[1]))
    return f"data:image/{kind};base64,{base64.b64encode(contents).decode('ascii')}"
