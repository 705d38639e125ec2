"""The symmetries of a square image, and the parts an image falls into under them.

A set of photos that is closed under a symmetry has a covariance that commutes with it, so its
principal images are even or odd under that symmetry. Such an image is told by a half (flip) or a
quarter (D4) of its pixels: everything that works with principal images works on these folded
parts, at a half or a quarter of the cost (J.-P. Serre, *Linear Representations of Finite Groups*,
1977, sections 2.6 and 2.7: canonical decomposition of a representation).

======  ==========================================  ========================================
name    group                                       parts of an image (h, w)
======  ==========================================  ========================================
none    identity                                    the image itself
flip    left-right mirror                           even, odd: (h, w/2)
d4      the eight rotations and mirrors of a        even in both axes, odd in both axes: one
        square                                      (h/2, w/2) each; mixed: two of them,
                                                    which a transposition exchanges
======  ==========================================  ========================================
"""

from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gmmaug_plugin.models.engine import Array, Engine

Pixel = TypeVar("Pixel", np.uint8, np.float32)

Symmetry = Literal["none", "flip", "d4"]
SYMMETRIES: tuple[Symmetry, ...] = get_args(Symmetry)

PART_NAMES: dict[Symmetry, tuple[str, ...]] = {
    "none": ("whole",),
    "flip": ("even", "odd"),
    "d4": ("even_even", "odd_odd", "mixed"),
}
PART_COPIES: dict[Symmetry, tuple[int, ...]] = {"none": (1,), "flip": (1, 1), "d4": (1, 1, 2)}
PIXELS_PER_VALUE: dict[Symmetry, int] = {"none": 1, "flip": 2, "d4": 4}
"""How many pixels of the image one value of a part stands for."""


def part_shape(symmetry: Symmetry, image_size: int) -> tuple[int, int]:
    """Height and width of one folded part of a square image."""
    if symmetry == "none":
        return image_size, image_size
    if image_size % 2:
        raise ValueError(
            f"symmetry={symmetry!r} folds the image in halves and needs an even image_size. "
            f"Received: image_size={image_size}"
        )
    half = image_size // 2
    return (image_size, half) if symmetry == "flip" else (half, half)


def fold(engine: "Engine", images: "Array", symmetry: Symmetry) -> "list[Array]":
    """Take images apart into the parts of a symmetry.

    Args:
        engine: The array operations.
        images: Float images (n, h, w).
        symmetry: The symmetry.

    Returns:
        One array (n, copies, h', w') per part, see the table above. The squared norm of an image is
        ``PIXELS_PER_VALUE[symmetry]`` times the sum of the squared norms of its parts.
    """
    if symmetry == "none":
        return [engine.stack([images], 1)]
    even, odd = _fold_axis(engine, images, -1)
    if symmetry == "flip":
        return [engine.stack([even], 1), engine.stack([odd], 1)]
    even_even, odd_even = _fold_axis(engine, even, -2)
    even_odd, odd_odd = _fold_axis(engine, odd, -2)
    mixed = [even_odd, engine.swap_last_axes(odd_even)]
    return [engine.stack([even_even], 1), engine.stack([odd_odd], 1), engine.stack(mixed, 1)]


def unfold(engine: "Engine", parts: "list[Array]", symmetry: Symmetry) -> "Array":
    """Put images (n, h, w) together from their parts; the inverse of :func:`fold`."""
    if symmetry == "none":
        return parts[0][:, 0]
    if symmetry == "flip":
        return _unfold_axis(engine, parts[0][:, 0], parts[1][:, 0], -1)
    even_odd, odd_even = parts[2][:, 0], engine.swap_last_axes(parts[2][:, 1])
    even = _unfold_axis(engine, parts[0][:, 0], odd_even, -2)
    odd = _unfold_axis(engine, even_odd, parts[1][:, 0], -2)
    return _unfold_axis(engine, even, odd, -1)


def symmetric_copies(images: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """Every image of (n, h, w) under every element of the symmetry, the unchanged images first."""
    if symmetry == "none":
        return images
    mirrored = np.concatenate([images, images[:, :, ::-1]])
    if symmetry == "flip":
        return mirrored
    return np.concatenate([np.rot90(mirrored, turns, axes=(1, 2)) for turns in range(4)])


N_SYMMETRIES = 8
"""Of a square: four rotations, each mirrored or not."""


def turned(images: NDArray[Pixel], symmetry: int) -> NDArray[Pixel]:
    """Images under one of the eight symmetries of the square.

    Args:
        images: (..., image_size, image_size).
        symmetry: 0..7: half of it (rounded down) in quarter turns to the left, of the image itself where it
            is even and of its left-right mirror image where it is odd.

    Returns:
        The same shape, a view.

    Example:
        >>> turned(np.array([[1, 2], [3, 4]], np.uint8), 3).tolist()
        [[1, 3], [2, 4]]
    """
    quarters, mirrored = divmod(symmetry, 2)
    return np.rot90(images[..., ::-1] if mirrored else images, quarters, axes=(-2, -1))


def _fold_axis(engine: "Engine", images: "Array", axis: int) -> "tuple[Array, Array]":
    half = int(images.shape[axis]) // 2
    near = images[..., :half] if axis == -1 else images[..., :half, :]
    far = engine.reverse(images[..., half:] if axis == -1 else images[..., half:, :], axis)
    return (near + far) * 0.5, (near - far) * 0.5


def _unfold_axis(engine: "Engine", even: "Array", odd: "Array", axis: int) -> "Array":
    return engine.concat([even + odd, engine.reverse(even - odd, axis)], axis)
