"""Photos held back: set apart before fitting, so that measures can be taken on what no model has seen."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.photos.duplicates import near_duplicates
from gmmaug_plugin.photos.photo_set import PhotoSet

MAX_SHARE = 0.5
LEAST_KEPT = 2

_DIGITS = 16


def split_holdout(photo_set: PhotoSet, share: float) -> tuple[PhotoSet, PhotoSet]:
    """Split photos into those to fit on and those held back.

    A photo's content decides its side: it is held back if the end of its digest, read as a fraction of 1,
    is less than ``share``. So a photo stays on its side whatever other photos come or go, wherever it lies
    and whatever it is called; a larger share only ever adds photos to those held back; and each class gives
    about its share, within chance (for 600 photos and a share of 0.15, 90 with a standard deviation of 9).

    Two rules take precedence:

    - Near-duplicates (:mod:`gmmaug_plugin.photos.duplicates`) go together, also those of different classes:
      the photo of the least digest decides for all of them.
    - Every class keeps at least half of its photos, and at least 2, to be fitted on (all of them where there
      are fewer). Where chance held back more, those of the greatest digests come back, together with their
      near-duplicates. That concerns classes of a handful of photos, and shares near a half.

    Args:
        photo_set: The photos.
        share: What share to hold back, 0..0.5; 0 holds back none.

    Returns:
        The photos to fit on and those held back, each in the order they had. Class names stay on both sides,
        even where no photo of a class was held back.

    Raises:
        ValueError: If the share is out of range.

    Example:
        >>> from gmmaug_plugin.photos import load_photos
        >>> kept, held_back = split_holdout(load_photos(np.random.default_rng(0).random((40, 32, 32))), 0.2)
        >>> len(kept.images) + len(held_back.images)
        40
    """
    if isinstance(share, bool) or not isinstance(share, float | int) or not 0 <= share <= MAX_SHARE:
        raise ValueError(f"share must be a number from 0 to {MAX_SHARE}. Received: {share!r}")
    n_photos = len(photo_set.images)
    if share == 0 or n_photos == 0:
        return photo_set.take(np.arange(n_photos)), photo_set.take([])
    groups, fractions = _fractions(photo_set)
    held_back = fractions < share
    _give_back(held_back, photo_set.labels, groups, fractions)
    return photo_set.take(~held_back), photo_set.take(held_back)


def _fractions(photo_set: PhotoSet) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Groups of near-duplicates, and the digest that decides for each photo, as a fraction of 1."""
    own = np.array([int(digest[-_DIGITS:], 16) / 16**_DIGITS for digest in photo_set.digests])
    groups = near_duplicates(photo_set.images)
    # The least of several digests begins with small digits more often than one does, but ends like any other.
    speaker: dict[int, int] = {}
    for photo in np.argsort(np.array(photo_set.digests), kind="stable"):
        speaker.setdefault(int(groups[photo]), int(photo))
    return groups, own[[speaker[int(group)] for group in groups]]


def _give_back(
    held_back: NDArray[np.bool_],
    labels: NDArray[np.int32] | None,
    groups: NDArray[np.int32],
    fractions: NDArray[np.float64],
) -> None:
    """Take groups out of ``held_back``, in place, until every class keeps enough photos."""
    codes = np.zeros(len(held_back), np.int32) if labels is None else labels
    by_group = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[by_group], np.arange(groups.max(initial=0) + 2))
    for code in np.unique(codes):
        members = codes == code
        n_kept = np.count_nonzero(members & ~held_back)
        least = max(LEAST_KEPT, (members.sum() + 1) // 2)
        for photo in np.flatnonzero(held_back & members)[np.argsort(-fractions[held_back & members])]:
            if n_kept >= least:
                break
            together = by_group[begins[groups[photo]] : begins[groups[photo] + 1]]
            n_kept += np.count_nonzero(held_back[together] & members[together])
            held_back[together] = False
