"""Which training photos images are compared with, where these are too many for all."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

MAX_COMPARED = 20_000
"""Training photos that images are compared with, of all classes. More take minutes each time."""

FEWEST_COMPARED = 600
"""Of each class, if it has so many, even where that makes more in all: thresholds are measured on them."""


def choose_compared(
    members: Mapping[int, NDArray[np.intp]], rng: np.random.Generator
) -> dict[int, NDArray[np.intp]]:
    """Choose photos at random where there are more than 20,000.

    Large classes give them up first: every class keeps all it has or as many as the other large ones.

    Args:
        members: Class -> positions of its photos, ascending.
        rng: Not asked where all photos are compared.

    Returns:
        The same with no more photos than are compared, ascending.

    Example:
        >>> members = {0: np.arange(30_000), 1: np.arange(30_000, 30_700)}
        >>> chosen = choose_compared(members, np.random.default_rng(0))
        >>> len(chosen[0]), len(chosen[1])
        (19300, 700)
    """
    most = _most_of_each(sorted(len(rows) for rows in members.values()))
    return {code: some_of(rows, most, rng) for code, rows in members.items()}


def some_of(rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many of ``rows``, at random, in the order they had; all of them without asking ``rng``."""
    return rows if len(rows) <= most else rows[np.sort(rng.permutation(len(rows))[:most])]


def _most_of_each(counts: list[int]) -> int:
    """The size above which classes give photos up, so that no more than all that are compared are left."""
    left = MAX_COMPARED
    for place, count in enumerate(counts):
        share = left // (len(counts) - place)
        if count > share:
            return max(share, FEWEST_COMPARED)
        left -= count
    return counts[-1] if counts else 0
