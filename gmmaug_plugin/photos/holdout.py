"""Photos held back from fitting, so that measures can use photos that no model has seen."""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import real_number
from gmmaug_plugin.photos.duplicates import near_duplicates
from gmmaug_plugin.photos.photo_set import PhotoSet

_LEAST_KEPT = 2
_DIGITS = 16


def split_holdout(photo_set: PhotoSet, share: float) -> tuple[PhotoSet, PhotoSet]:
    """Split photos into a part to fit on and a part held back.

    The content of a photo decides its side: a photo is held back if the end of its digest, read as a fraction
    of 1, is less than ``share``. So a photo stays on its side when other photos are added or removed and when
    it is moved or renamed, and a larger share only adds photos to those held back. Each class gives about its
    share, within chance (90 of 600 photos for a share of 0.15, with a standard deviation of 9).

    Two rules take precedence:

    - Near-duplicates (:mod:`gmmaug_plugin.photos.duplicates`) stay together, also across classes. The photo
      with the smallest digest decides for its group.
    - Every class keeps at least half of its photos, and at least 2, for the fit. Where chance held back more,
      photos with the largest digests come back, together with their near-duplicates. This concerns classes of
      a few photos, and shares near a half.

    Args:
        photo_set: The photos.
        share: Share to hold back, 0..0.5.

    Returns:
        The photos to fit on and the photos held back, each in their old order and with all class names.

    Raises:
        ValueError: If the share is out of range.

    Example:
        >>> from gmmaug_plugin.photos import load_photos
        >>> kept, held_back = split_holdout(load_photos(np.random.default_rng(0).random((40, 32, 32))), 0.2)
        >>> len(kept.images) + len(held_back.images)
        40
    """
    share = real_number("share", share, 0, 0.5)
    if share == 0:
        return photo_set, photo_set.take([])
    groups, fractions = _fractions(photo_set)
    held_back = fractions < share
    _give_back(held_back, photo_set.labels, groups, fractions)
    return photo_set.take(~held_back), photo_set.take(held_back)


def _fractions(photo_set: PhotoSet) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return groups of near-duplicates, and per photo the fraction of 1 that decides its side."""
    # The end is read, since the smallest digest of a group is biased towards small digits at its start.
    own = np.array([int(digest[-_DIGITS:], 16) / 16**_DIGITS for digest in photo_set.digests])
    groups = near_duplicates(photo_set.images)
    by_digest = np.argsort(np.array(photo_set.digests), kind="stable")
    _, firsts = np.unique(groups[by_digest], return_index=True)
    return groups, own[by_digest[firsts]][groups]


def _give_back(
    held_back: NDArray[np.bool_],
    labels: NDArray[np.int32] | None,
    groups: NDArray[np.int32],
    fractions: NDArray[np.float64],
) -> None:
    """Remove groups from ``held_back``, in place, until every class keeps enough photos."""
    codes = np.zeros(len(held_back), np.int32) if labels is None else labels
    for code in np.unique(codes):
        members = codes == code
        n_kept = np.count_nonzero(members & ~held_back)
        least = max(_LEAST_KEPT, (members.sum() + 1) // 2)
        for photo in np.flatnonzero(held_back & members)[np.argsort(-fractions[held_back & members])]:
            if n_kept >= least:
                break
            together = groups == groups[photo]
            n_kept += np.count_nonzero(held_back & members & together)
            held_back[together] = False
