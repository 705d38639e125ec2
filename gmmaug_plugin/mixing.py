"""How many images of a batch are synthetic."""

from numbers import Real
from typing import Literal, get_args

import numpy as np

from gmmaug_plugin.checks import one_of, whole_number
from gmmaug_plugin.models.image_model import ImageModel

MixMode = Literal["synthesize", "vary"]
MIX_MODES: tuple[MixMode, ...] = get_args(MixMode)


def split_batch(batch_size: int, ratio: float) -> tuple[int, int]:
    """Real and synthetic images of a full batch: round(ratio x batch_size) of them are synthetic.

    Raises:
        ValueError: ``batch_size`` is below 1, ``ratio`` is not in [0, 1), or no image would be real.

    Example:
        >>> split_batch(32, 0.25)
        (24, 8)
    """
    check_ratio(ratio)
    whole_number("batch_size", batch_size, 1)
    n_synthetic = round(ratio * batch_size)
    if n_synthetic >= batch_size:
        raise ValueError(
            f"A batch must keep a real image: with batch_size={batch_size}, ratio must be below "
            f"{(batch_size - 0.5) / batch_size:.3g}. Received: ratio={ratio!r}"
        )
    return batch_size - n_synthetic, n_synthetic


def synthetic_beside(n_real: int, ratio: float) -> int:
    """How many synthetic images beside ``n_real`` real ones make up ``ratio`` of the whole batch.

    Example:
        >>> synthetic_beside(24, 0.25)
        8
    """
    check_ratio(ratio)
    return round(n_real * ratio / (1.0 - ratio))


def check_share(ratio: float, mode: MixMode) -> None:
    """Raise :class:`ValueError` unless ``ratio`` is in [0, 1); varying may also take every image, 1.0."""
    if not (mode == "vary" and ratio == 1.0):
        check_ratio(ratio)


Strength = float | tuple[float, float] | None
"""How far to move images: one number, a range (low, high) to draw from, or the model's own."""


def strengths_of(model: ImageModel, mode: MixMode, strength: Strength) -> tuple[float, float]:
    """Return the least and the greatest strength for a mode; None takes the model's own.

    Raises:
        ValueError: As :func:`strength_range`; or a strength of synthesis is given to a model without
            templates, which only knows fresh draws.
    """
    if strength is None:
        own = model.strengths.variation if mode == "vary" else float(model.synthesis_strengths(None, 1)[0])
        return own, own
    low, high = strength_range(strength)
    if mode == "synthesize":
        model.synthesis_strengths([low, high], 2)
    return low, high


def strength_range(strength: float | tuple[float, float]) -> tuple[float, float]:
    """Return the least and the greatest strength of variation: one number is both.

    Raises:
        ValueError: Not in [0, 1], or not ascending.

    Example:
        >>> strength_range(0.5), strength_range((0.3, 0.6))
        ((0.5, 0.5), (0.3, 0.6))
    """
    bounds = np.asarray(strength, np.float64)
    low, high = np.broadcast_to(bounds, (2,)) if bounds.shape in ((), (2,)) else (np.nan, np.nan)
    if not 0.0 <= low <= high <= 1.0:
        raise ValueError(
            "strength must be in [0, 1], one number or a pair (low, high) in ascending order. "
            f"Received: strength={strength!r}"
        )
    return float(low), float(high)


def check_ratio(ratio: float) -> None:
    """Raise :class:`ValueError` unless ``ratio`` is in [0, 1)."""
    if not isinstance(ratio, Real) or not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be in [0, 1). Received: ratio={ratio!r}")


def check_mode(mode: str) -> None:
    """Raise :class:`ValueError` unless ``mode`` is one of ``MIX_MODES``."""
    one_of("mode", mode, MIX_MODES)
