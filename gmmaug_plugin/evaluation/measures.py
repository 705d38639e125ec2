"""The form of every measure: a figure of images, and the same figure of real photos beside it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.photos import to_grayscale


@dataclass(frozen=True)
class Measure:
    """One figure about images, with the real photos' own figure beside it.

    Attributes:
        name: Stable key, for example ``"copies_raw"``, ``"sliced_wasserstein_128"`` or ``"recall"``.
        title: For people, for example "Copies, raw pixels".
        value: The figure of the images, in ``unit``: 3.4 for 3.4 %.
        real: The same figure of real photos against real photos; None where that has no meaning.
        unit: "%", "gray levels"; empty for a plain number.
        good: Whether the value is within the real figure and the slack that the measure documents; None if
            it is not judged.
        verdict: One plain sentence for somebody who never heard of the measure.
        source: Paper, section and equation.
    """

    name: str
    title: str
    value: float
    real: float | None
    unit: str
    good: bool | None
    verdict: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The measure as plain JSON values, rounded to four significant figures.

        Example:
            >>> Measure("recall", "Recall", 71.23456, None, "%", None, "…", "…").as_json()["value"]
            71.23
        """
        return {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def as_gray(name: str, images: NDArray[np.uint8], least: int = 1) -> NDArray[np.uint8]:
    """Check a stack of images and return their luma: color is not measured.

    Args:
        name: Of the argument, for messages.
        images: uint8 (n, h, w) or (n, h, w, 3).
        least: Fewest images allowed.

    Returns:
        uint8 (n, h, w); the same memory for grayscale images.

    Raises:
        TypeError: The images are not uint8.
        ValueError: The shape is another, or there are fewer than ``least`` images.

    Example:
        >>> as_gray("images", np.zeros((2, 8, 8, 3), np.uint8)).shape
        (2, 8, 8)
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(f"{name} must be a uint8 array. Received: {getattr(images, 'dtype', type(images))}")
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not fits or len(images) < least or 0 in images.shape[1:]:
        raise ValueError(
            f"{name} must be at least {least} images, (n, height, width) or (n, height, width, 3). "
            f"Received: shape {images.shape}"
        )
    if images.ndim == 3:
        return images
    return to_grayscale(images) if len(images) else images[..., 0]
