"""The number of synthetic images in a batch."""

from numbers import Real

from gmmaug_plugin.checks import whole_number


def split_batch(batch_size: int, ratio: float) -> tuple[int, int]:
    """Return how many images of a full batch are real and how many, round(ratio x batch_size), synthetic.

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
    """Return how many synthetic images to add to ``n_real`` real ones to make ``ratio`` of the batch.

    Example:
        >>> synthetic_beside(24, 0.25)
        8
    """
    return round(n_real * ratio / (1.0 - ratio))


def check_ratio(ratio: float) -> None:
    """Raise :class:`ValueError` unless ``ratio`` is in [0, 1)."""
    if not isinstance(ratio, Real) or not 0.0 <= ratio < 1.0:
        raise ValueError(f"ratio must be in [0, 1). Received: ratio={ratio!r}")
