"""Photos held back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from gmmaug_plugin.photos import PhotoSet, near_duplicates, split_holdout

NOISE = np.random.default_rng(0).integers(0, 256, (400, 16, 16), dtype=np.uint8)
"""Photos without near-duplicates."""

subsets = st.lists(st.integers(0, len(NOISE) - 1), unique=True, min_size=8, max_size=60)
shares = st.floats(0, 0.5)


def photo_set(images: np.ndarray, labels: np.ndarray | None = None) -> PhotoSet:
    names = () if labels is None else tuple(f"class {code}" for code in range(max(labels) + 1))
    return PhotoSet(images, labels, names, ())


@given(subsets, shares)
@settings(deadline=None)
def test_every_photo_lies_on_one_side_in_the_order_it_had(indices: list[int], share: float) -> None:
    labels = np.array(indices, np.int32) % 3
    whole = photo_set(NOISE[indices], np.unique(labels, return_inverse=True)[1].astype(np.int32))

    kept, held_back = split_holdout(whole, share)

    sides = {digest: side for side in (kept, held_back) for digest in side.digests}
    assert sides.keys() == set(whole.digests)
    assert len(kept.images) + len(held_back.images) == len(indices)
    for side in (kept, held_back):
        assert side.digests == tuple(digest for digest in whole.digests if sides[digest] is side)
        positions = [whole.digests.index(digest) for digest in side.digests]
        np.testing.assert_array_equal(side.images, whole.images[positions])
        np.testing.assert_array_equal(side.labels, whole.labels[positions])
        assert side.class_names == whole.class_names


@given(subsets, subsets, st.floats(0, 0.3))
@settings(deadline=None, max_examples=40)
def test_a_photo_stays_on_its_side_whatever_others_come_and_go(
    first: list[int], second: list[int], share: float
) -> None:
    everything = set(split_holdout(photo_set(NOISE), share)[1].digests)
    for indices in (first, second, [*second, *set(first) - set(second)]):
        some = photo_set(NOISE[indices])
        expected = [digest for digest in some.digests if digest in everything]
        if len(expected) > len(indices) // 2:
            continue  # the class keeps half: tested below

        assert list(split_holdout(some, share)[1].digests) == expected


@given(shares, shares)
@settings(deadline=None, max_examples=25)
def test_a_larger_share_only_adds_photos(first: float, second: float) -> None:
    small, large = sorted((first, second))

    held_back = [set(split_holdout(photo_set(NOISE[:60]), share)[1].digests) for share in (small, large)]

    assert held_back[0] <= held_back[1]


@pytest.mark.parametrize("share", [0.05, 0.15, 0.3, 0.45])
def test_each_class_holds_its_share_back_within_chance(share: float) -> None:
    labels = np.repeat(np.arange(2, dtype=np.int32), len(NOISE) // 2)

    held_back = split_holdout(photo_set(NOISE, labels), share)[1]

    # Both bounds together are broken by one content in a thousand; the content here is fixed.
    low, high = binom.ppf([0.0005, 0.9995], len(NOISE) // 2, share)
    for code in (0, 1):
        assert low <= np.count_nonzero(held_back.labels == code) <= high


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_near_duplicates_stay_together_in_whatever_class(share: float) -> None:
    images = np.concatenate([NOISE[:100], NOISE[:100, ::-1], np.rot90(NOISE[:100], axes=(1, 2))])
    labels = np.random.default_rng(0).permutation(300).astype(np.int32) % 20

    kept, held_back = split_holdout(photo_set(images, labels), share)

    both = near_duplicates(np.concatenate([kept.images, held_back.images]))
    assert len(np.unique(both)) == 100
    groups_held_back = set(both[len(kept.images) :])
    assert not set(both[: len(kept.images)]) & groups_held_back
    low, high = binom.ppf([0.0005, 0.9995], 100, share)
    assert low <= len(groups_held_back) <= high


def test_small_classes_keep_half_of_their_photos_and_two_at_least() -> None:
    for n_photos in range(1, 12):
        for begin in range(0, 100, 20):
            images = np.concatenate([NOISE[begin : begin + n_photos], NOISE[200:]])
            labels = np.repeat(np.arange(2, dtype=np.int32), [n_photos, 200])

            kept = split_holdout(photo_set(images, labels), 0.5)[0]

            n_kept = np.count_nonzero(kept.labels == 0)
            assert n_kept >= min(n_photos, max(2, n_photos / 2))


def test_a_share_of_zero_holds_back_none() -> None:
    whole = photo_set(NOISE[:9])

    kept, held_back = split_holdout(whole, 0)

    assert kept.digests == whole.digests
    assert held_back.images.shape == (0, 16, 16)


@pytest.mark.parametrize("share", [-0.1, 0.51, 1, float("nan"), "0.1", None, True])
def test_impossible_shares_are_refused(share: object) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 0\.5\. Received: "):
        split_holdout(photo_set(NOISE[:9]), share)
