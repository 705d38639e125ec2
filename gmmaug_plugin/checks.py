"""Checks of arguments: what is wrong, what is allowed, and what was received."""

from collections.abc import Collection, Sequence

import numpy as np


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int.

    Raises:
        ValueError: It is no whole number from ``least`` to ``most``.

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
    """Return what numpy's ``SeedSequence`` takes for a seed: no two seeds give the same.

    Raises:
        ValueError: The seed is no whole number of at least 0, no sequence of them, and not None.

    Example:
        >>> seed_entropy(7), seed_entropy([1, 0])
        (7, [1, 0, 2])
    """
    if seed is None:
        return None
    if isinstance(seed, Sequence) and not isinstance(seed, str | bytes):
        # SeedSequence takes [1, 0] for [1]; the length tells them apart.
        return [*(whole_number("seed", word, 0) for word in seed), len(seed)]
    return whole_number("seed", seed, 0)


def one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise :class:`ValueError` unless ``value`` is one of the allowed ones."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {list(allowed)}. Received: {value!r}")


def real_number(name: str, value: object, least: float, most: float) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: It is no number from ``least`` to ``most``.

    Example:
        >>> real_number("holdout", 0.15, 0, 0.5)
        0.15
    """
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not least <= value <= most:  # type: ignore[operator]
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}. Received: {value!r}")
    return float(value)  # type: ignore[arg-type]
