"""The Haar pyramid: an image as an 8 x 8 base and triples of details, ever finer.

One step turns every 2 x 2 block of pixels (a b / c d) into its mean and three differences,

    coarse = (a + b + c + d) / 4          h = (a - b + c - d) / 4
    v = (a + b - c - d) / 4               g = (a - b - c + d) / 4

which is the orthonormal Haar transform (A. Haar, *Math. Annalen* 69, 1910; S. Mallat, *A Wavelet Tour of
Signal Processing*, 2009, section 7.7) times 1/2: so coarse images and details keep the unit of pixels. Steps
are sums and differences divided by powers of two, exact in float32 for pixels in steps of
``tones.TONE_STEP`` down to the third level; from the fourth on float32 rounds.
"""

import numpy as np

from gmmaug_plugin.models.engine import Array, Engine

BASE_SIZE = 8
"""Height and width of the base."""

IMAGE_SIZES = tuple(2**power for power in range(5, 10))
"""Heights and widths of the images there are pyramids of: powers of two."""


def n_levels(image_size: int) -> int:
    """Number of detail levels between an image and its base.

    Raises:
        ValueError: There is no pyramid of this size.

    Example:
        >>> n_levels(128)
        4
    """
    if image_size not in IMAGE_SIZES:
        raise ValueError(
            f"image_size must be one of {list(IMAGE_SIZES)} for a multi-scale mixture: resize the photos, or "
            f"pad them to the next one. Received: image_size={image_size!r}"
        )
    return int(np.log2(image_size // BASE_SIZE))


def detail_sizes(image_size: int) -> tuple[int, ...]:
    """Heights and widths of the detail levels, the coarsest first.

    Example:
        >>> detail_sizes(64)
        (8, 16, 32)
    """
    return tuple(BASE_SIZE << level for level in range(n_levels(image_size)))


def split(images: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Take images (n, 2h, 2w) apart into coarse images (n, h, w) and details h, v, g of that shape."""
    a, b = images[:, 0::2, 0::2], images[:, 0::2, 1::2]
    c, d = images[:, 1::2, 0::2], images[:, 1::2, 1::2]
    left, right, top, bottom = a + c, b + d, a + b, c + d
    return (
        (left + right) * 0.25,
        ((left - right) * 0.25, (top - bottom) * 0.25, (a - b - c + d) * 0.25),
    )


def join(engine: Engine, coarse: Array, details: Array) -> Array:
    """Put images (n, 2h, 2w) together from coarse ones (n, h, w) and details (3, n, h, w).

    The inverse of :func:`split`.
    """
    h, v, g = details[0], details[1], details[2]
    left, right, plus, minus = coarse + h, coarse - h, v + g, v - g
    top = interleave(engine, left + plus, right + minus, -1)
    bottom = interleave(engine, left - plus, right - minus, -1)
    return interleave(engine, top, bottom, -2)


def interleave(engine: Engine, even: Array, odd: Array, axis: int) -> Array:
    """Entries of two stacks (n, h, w) by turns, along the last axis (-1) or the one before it (-2)."""
    h, w = even.shape[1:]
    if axis == -1:
        return engine.reshape(engine.stack([even, odd], 3), (-1, h, 2 * w))
    return engine.reshape(engine.stack([even, odd], 2), (-1, 2 * h, w))


def log_volume(image_size: int) -> float:
    """Log of the volume in pixel space of a unit cube of base and details: the Jacobian of the pyramid.

    A step has orthogonal rows of length 1/2, so each of the four numbers that it makes of four pixels
    shrinks volumes by 2.

    Example:
        >>> round(log_volume(32) / 32**2, 4)  # log 2 a pixel, and again for each coarser one
        0.8664
    """
    pixels = sum((image_size >> level) ** 2 for level in range(n_levels(image_size)))
    return float(np.log(2.0) * pixels)
