"""Splits and batches: pairs share everything but the images of the pool."""

import numpy as np
import pytest

from gmmaug_plugin.evaluation.usefulness.training import Feed, choose_photos_per_class, split_photos
from gmmaug_plugin.pool import Pool

LABELS = np.repeat([0, 1], 40).astype(np.int32)


def photos(n: int = 80) -> np.ndarray:
    """Images of one gray level each, their number."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None], (n, 16, 16)).copy()


@pytest.fixture
def pool() -> Pool:
    return Pool(photos(20) + np.uint8(200), np.repeat([0, 1], 10).astype(np.int32), ("a", "b"))


def test_splits_are_disjoint_of_every_class_and_without_near_duplicates() -> None:
    groups = np.arange(80, dtype=np.int32)
    groups[:40:2] = 1000  # half of the first class are one photo
    split = split_photos(LABELS, groups, 10, (3,))
    assert np.bincount(LABELS[split.training]).tolist() == [10, 10]
    parts = (split.training, split.validation, split.test)
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))
    held_back = np.concatenate([split.validation, split.test])
    assert not np.isin(groups[held_back], groups[split.training]).any()
    assert set(LABELS[split.validation]) == set(LABELS[split.test]) == {0, 1}
    again = split_photos(LABELS, groups, 10, (3,))
    np.testing.assert_array_equal(np.concatenate(parts[1:]), np.concatenate([again.validation, again.test]))
    with pytest.raises(ValueError, match="a class with 0 of them"):
        split_photos(LABELS, np.zeros(80, np.int32), 10, (3,))


def test_two_thirds_of_the_smallest_class_train_unless_given() -> None:
    labels = np.repeat([0, 1], [40, 9]).astype(np.int32)
    assert choose_photos_per_class(labels, ("a", "b"), None) == 6
    assert choose_photos_per_class(labels, ("a", "b"), 5) == 5
    for chosen in (3, 7):
        with pytest.raises(ValueError, match="9 photos of class 'b'"):
            choose_photos_per_class(labels, ("a", "b"), chosen)


def test_arms_have_the_same_photos_in_the_same_places(pool: Pool) -> None:
    images = photos()
    feeds = {ratio: Feed(images, LABELS, pool, ratio, 20, (0, 1)) for ratio in (0.0, 0.25, 1.0)}
    for step in range(20):
        plain, plain_labels = feeds[0.0].batch(step)
        mixed, mixed_labels = feeds[0.25].batch(step)
        assert len(mixed) == len(mixed_labels) == 32
        assert (mixed[:8] >= 200).all()
        np.testing.assert_array_equal(mixed[8:], plain[8:])
        np.testing.assert_array_equal(mixed_labels[8:], plain_labels[8:])
        alone, alone_labels = feeds[1.0].batch(step)
        assert (alone >= 200).all()
        np.testing.assert_array_equal(alone_labels, (alone[:, 0, 0] >= 210).astype(int))


def test_every_photo_and_every_pool_image_comes_before_any_comes_again(pool: Pool) -> None:
    feed = Feed(photos(64), LABELS[:64], pool, 0.0, 2, (0, 1))
    seen = np.concatenate([feed.batch(step)[0][:, 0, 0] for step in range(2)])
    assert sorted(seen) == list(range(64))
    alone = Feed(photos(), LABELS, pool, 0.625, 1, (0, 1)).batch(0)[0]
    assert sorted(alone[:20, 0, 0]) == list(range(200, 220))


def test_a_pool_of_another_size_is_resized() -> None:
    large = Pool(np.full((2, 40, 40), 7, np.uint8), np.array([0, 1], np.int32), ("a", "b"))
    images, _ = Feed(photos(), LABELS, large, 0.5, 1, (0, 1)).batch(0)
    assert images.shape == (32, 16, 16)
    assert (images[:16] == 7).all()
