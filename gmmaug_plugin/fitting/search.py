"""Which numbers of components to try: coarse to fine."""

from collections.abc import Callable, Mapping, Sequence

PHOTOS_PER_COMPONENT = 20
"""``auto`` never tries more components than one per this many photos: smaller ones are copies."""

MOST_COMPONENTS = 128
"""Nor more than this: by then the likelihood of whole images hardly depends on it, but the time does."""

_FINE = 8
"""Neighbours are near enough when they differ by one, or by at most the best candidate over this."""

Evaluate = Callable[[tuple[int, ...]], Sequence[float]]
"""Fits candidates, given in ascending order, and returns the criterion's value of each."""


def first_candidates(n_components: int | str | Sequence[int], n_photos: int) -> tuple[int, ...]:
    """Numbers of components that are tried in any case for a class of ``n_photos``.

    ``"auto"`` gives the coarse ladder 1, 2, 4, … up to one component per 20 photos, at most 128; a given
    range is cut at the number of photos.
    """
    if isinstance(n_components, int):
        return (n_components,)
    if n_components == "auto":
        greatest = min(MOST_COMPONENTS, max(1, n_photos // PHOTOS_PER_COMPONENT))
        return (*(2**step for step in range((greatest - 1).bit_length())), greatest)
    return tuple(int(k) for k in n_components if int(k) <= n_photos)


def search(n_components: int | str | Sequence[int], n_photos: int, evaluate: Evaluate) -> dict[int, float]:
    """Try candidates; ``"auto"`` goes from the coarse ladder to ever finer neighbours of the best.

    A given range or list is tried completely. The ladder has at most 2 + log2(n_photos / 20) steps.
    Every round of refinement halves both gaps beside the best candidate, which are at most as wide as
    it is large, until they are an eighth of it or one: never more than four rounds of two candidates.
    A curve that falls, then rises, is followed to its lowest point within that gap; of a rugged one
    it is the lowest point near the ladder's best.

    Args:
        n_components: As given to :func:`gmmaug_plugin.fit`.
        n_photos: Photos to fit on.
        evaluate: Called once a round.

    Returns:
        The values of all candidates tried.
    """
    values: dict[int, float] = {}
    candidates = first_candidates(n_components, n_photos)
    while candidates:
        values |= zip(candidates, evaluate(candidates), strict=True)
        candidates = refinement(values) if n_components == "auto" else ()
    return values


def refinement(values: Mapping[int, float]) -> tuple[int, ...]:
    """Candidates halfway from the best to its neighbours on either side; none when those are near."""
    best = min(values, key=lambda k: (values[k], k))
    near = max(1, best // _FINE)
    below = max((k for k in values if k < best), default=best)
    above = min((k for k in values if k > best), default=best)
    return tuple((best + k) // 2 for k in (below, above) if abs(best - k) > near)
