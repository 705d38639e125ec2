"""Declaration of options, and checks of arguments; messages say what is allowed and what was received."""

from collections.abc import Collection, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int.

    Raises:
        ValueError: ``value`` is not a whole number from ``least`` to ``most``.

    Example:
        >>> whole_number("n_samples", 5, 1)
        5
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or value < least
        or (most is not None and value > most)
    ):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number, {allowed}. Received: {value!r}")
    return int(value)


def seed_entropy(seed: int | Sequence[int] | None) -> int | list[int] | None:
    """Return the entropy of a seed for numpy's ``SeedSequence``; different seeds have different entropy.

    Raises:
        ValueError: The seed is neither None, nor a whole number of at least 0, nor a sequence of such.

    Example:
        >>> seed_entropy(7), seed_entropy([1, 0])
        (7, [1, 0, 2])
    """
    if seed is None:
        return None
    if isinstance(seed, Sequence) and not isinstance(seed, str | bytes):
        # SeedSequence cannot distinguish [1, 0] from [1]; the appended length does.
        return [*(whole_number("seed", word, 0) for word in seed), len(seed)]
    return whole_number("seed", seed, 0)


def one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise :class:`ValueError` unless ``value`` is in ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}. Received: {value!r}")


def real_number(name: str, value: object, least: float, most: float) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: ``value`` is not a number from ``least`` to ``most``.

    Example:
        >>> real_number("holdout", 0.15, 0, 0.5)
        0.15
    """
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not least <= value <= most:  # type: ignore[operator]
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}. Received: {value!r}")
    return float(value)  # type: ignore[arg-type]


def image_stack(name: str, images: NDArray[np.uint8], *, least: int = 1) -> None:
    """Raise unless images are a uint8 array (n, height, width) or (n, height, width, 3).

    Args:
        name: Name of the argument, for the message.
        images: The array.
        least: Smallest n allowed.

    Raises:
        TypeError: The images are not a uint8 array.
        ValueError: The shape differs, a side is zero, or there are fewer than ``least`` images.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(f"{name} must be a uint8 array. Received: {getattr(images, 'dtype', type(images))}")
    stack = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not stack or len(images) < least or 0 in images.shape[1:]:
        raise ValueError(
            f"{name} must be at least {least} image(s), (n, height, width) or (n, height, width, 3). "
            f"Received: shape {images.shape}"
        )


def option_field(default: Any, text: str, **metadata: Any) -> Any:
    """Declare an option: a dataclass field whose help text the command line shows.

    Further metadata are those of :func:`gmmaug_plugin.cli.options_from_fields.with_options`.
    """
    return field(default=default, metadata={"help": text, **metadata})
