"""What the details of a position are conditional on: an order of positions, and what each sees.

The positions of a level fall into the four cosets of a 2 x 2 checkerboard, taken in three phases::

    1 3 1 3        first   (even, even)              sees the coarser image
    3 2 3 2        second  (odd, odd)                and the four first ones at its corners
    1 3 1 3        third   (even, odd), (odd, even)  and the two first and two second ones beside it
    3 2 3 2

All positions of a phase are independent given the earlier ones, so a level takes three steps, where a causal
order (left to right, top to bottom) takes one per diagonal. A position (odd, even) of an image is one (even,
odd) of the transposed image: both halves of the third phase share one mixture.

Contexts lie features first, (features, n, h/2, w/2), so that every operation on them runs over long rows.
"""

from dataclasses import dataclass

from gmmaug_plugin.models.engine import Array, Engine

PHASES = ("first", "second", "third")

N_DETAILS = 3
N_CONTRASTS = 8
N_CONTEXT: dict[str, int] = {
    "first": N_CONTRASTS,
    "second": N_CONTRASTS + 4 * N_DETAILS,
    "third": N_CONTRASTS + 4 * N_DETAILS,
}
"""Length of a phase's contexts."""


def n_positions(size: int, phase: str) -> int:
    """Number of positions of a phase in a level of height and width ``size``.

    Example:
        >>> [n_positions(8, phase) for phase in PHASES]
        [16, 16, 32]
    """
    return size * size // 4 * (2 if phase == "third" else 1)


@dataclass(frozen=True)
class Grids:
    """A level: its coarser image, and the details known so far, coset by coset.

    Attributes:
        coarse: Float32 (n, h, w).
        first: Details (3, n, h/2, w/2) of the positions (even, even); None while unknown.
        second: Of the positions (odd, odd).
    """

    coarse: Array
    first: Array | None = None
    second: Array | None = None


def contexts(engine: Engine, grids: Grids, phase: str) -> Array:
    """Contexts of all positions of a phase, float32 (N_CONTEXT[phase], n, h/2, w/2).

    In the third phase 2n stand for n: those of (even, odd), then those of (odd, even) as positions of the
    transposed images.
    """
    if phase == "first":
        return contrasts(engine, grids.coarse, 0, 0)
    if phase == "second":
        return engine.concat([contrasts(engine, grids.coarse, 1, 1), *_corners(engine, grids.first)], 0)
    halves = [_beside(engine, grids), _beside(engine, _transposed(engine, grids))]
    return engine.concat(halves, 1)


def take_phase(engine: Engine, details: tuple[Array, Array, Array], phase: str) -> Array:
    """Details of all positions of a phase out of h, v, g (n, h, w), laid out as :func:`contexts`."""
    rows, columns = {"first": (0, 0), "second": (1, 1), "third": (0, 1)}[phase]
    taken = engine.stack([one[:, rows::2, columns::2] for one in details], 0)
    if phase != "third":
        return taken
    below = engine.stack([one[:, 1::2, 0::2] for one in details], 0)
    return engine.concat([taken, _transpose_details(engine, below)], 1)


def halves_of_third(engine: Engine, third: Array) -> tuple[Array, Array]:
    """Details of (even, odd) and of (odd, even), (3, n, h/2, w/2) each, out of those of the third phase."""
    h, w = third.shape[2:]
    halves = engine.reshape(third, (N_DETAILS, 2, -1, h, w))
    return halves[:, 0], _transpose_details(engine, halves[:, 1])


def contrasts(engine: Engine, coarse: Array, row: int, column: int) -> Array:
    """The 3 x 3 coarse neighbourhood without its mean, (8, n, h/2, w/2).

    Products of sums, differences and second differences along rows and columns, an orthogonal basis. Factors
    are powers of two that bring their lengths near 1. Sums are taken in one order, element by element, so
    that every engine rounds alike.
    """
    h, w = coarse.shape[1:]
    padded = engine.pad_reflect(coarse)
    sums, slopes, bends = [], [], []
    for a in range(3):
        line = padded[:, row + a : row + a + h : 2]
        left, middle, right = (line[:, :, column + b : column + b + w : 2] for b in range(3))
        ends = left + right
        sums.append(ends + middle)
        slopes.append(right - left)
        bends.append(ends - (middle + middle))
    across = [
        (slopes[0] + slopes[1] + slopes[2]) * 0.5,
        (bends[0] + bends[1] + bends[2]) * 0.25,
    ]
    tilted = [(sums[2] - sums[0]) * 0.5, (slopes[2] - slopes[0]) * 0.5, (bends[2] - bends[0]) * 0.25]
    bent = [
        (part[0] - part[1] - part[1] + part[2]) * factor
        for part, factor in ((sums, 0.25), (slopes, 0.25), (bends, 0.125))
    ]
    return engine.stack([*across, *tilted, *bent], 0)


def _corners(engine: Engine, first: Array) -> list[Array]:
    """Details at the four corners of the positions (odd, odd), zero outside the image."""
    h, w = first.shape[2:]
    padded = engine.pad_zeros(first, (0, 1), (0, 1))
    return [padded[:, :, a : a + h, b : b + w] for a in range(2) for b in range(2)]


def _beside(engine: Engine, grids: Grids) -> Array:
    """Contexts of the positions (even, odd): details left, right, above and below, zero outside the image."""
    h, w = grids.first.shape[2:]  # type: ignore[union-attr]
    along = engine.pad_zeros(grids.first, (0, 0), (0, 1))
    across = engine.pad_zeros(grids.second, (1, 0), (0, 0))
    beside = [along[:, :, :, :w], along[:, :, :, 1:], across[:, :, :h], across[:, :, 1:]]
    return engine.concat([contrasts(engine, grids.coarse, 0, 1), *beside], 0)


def _transposed(engine: Engine, grids: Grids) -> Grids:
    first, second = (_transpose_details(engine, one) for one in (grids.first, grids.second))
    return Grids(engine.swap_last_axes(grids.coarse), first, second)


def _transpose_details(engine: Engine, details: Array) -> Array:
    """Details (3, …) of the transposed images: h and v change places."""
    swapped = engine.swap_last_axes(details)
    return engine.stack([swapped[1], swapped[0], swapped[2]], 0)
