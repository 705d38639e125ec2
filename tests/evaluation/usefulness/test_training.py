"""Splits and batches, which arms share; one training."""

from itertools import chain
from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.evaluation.usefulness import training
from gmmaug_plugin.evaluation.usefulness.training import (
    Repetition,
    batches,
    fit_temperature,
    measure,
    negative_log_likelihood,
    split_photos,
    train,
)
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.pool import Pool

NAMES = ("a", "b")
LABELS = np.repeat([0, 1], 40).astype(np.int32)


def photos(n: int = 80) -> PhotoSet:
    """Images of one gray level each, their number."""
    levels = np.arange(n, dtype=np.uint8)[:, None, None]
    return PhotoSet(np.broadcast_to(levels, (n, 16, 16)).copy(), LABELS[:n], NAMES)


def levels(images: np.ndarray) -> list[int]:
    return [int(image[0, 0]) for image in images]


def repetition(training: PhotoSet, *, side: int = 16) -> Repetition:
    pool = np.broadcast_to(np.arange(200, 220, dtype=np.uint8)[:, None, None], (20, side, side))
    drawn = Pool(pool.copy(), np.repeat([0, 1], 10).astype(np.int32), NAMES)
    return Repetition(training, training, training, drawn, (0, 1))


def test_splits_are_disjoint_of_every_class_and_without_near_duplicates() -> None:
    groups = np.arange(80, dtype=np.int32)
    groups[:40:2] = 1000  # half of the first class are one photo
    parts = split_photos(photos(), groups, 10, (3,))
    assert np.bincount(parts[0].labels).tolist() == [10, 10]
    rows = [levels(part.images) for part in parts]
    assert len(set(chain(*rows))) == sum(map(len, rows))
    assert not np.isin(groups[rows[1] + rows[2]], groups[rows[0]]).any()
    assert all(set(part.labels) == {0, 1} for part in parts)
    assert rows == [levels(part.images) for part in split_photos(photos(), groups, 10, (3,))]
    with pytest.raises(ValueError, match="class 'a' with 0 of them"):
        split_photos(photos(), np.zeros(80, np.int32), 10, (3,))


def test_arms_have_the_same_photos_in_the_same_places() -> None:
    shared = repetition(photos())
    feeds = zip(*(batches(shared, ratio, 20) for ratio in (0.0, 0.25, 1.0)), strict=True)
    for (plain, plain_labels), (mixed, mixed_labels), (alone, alone_labels) in feeds:
        assert len(mixed) == len(mixed_labels) == 32
        assert (mixed[:8] >= 200).all()
        np.testing.assert_array_equal(mixed[8:], plain[8:])
        np.testing.assert_array_equal(mixed_labels[8:], plain_labels[8:])
        assert (alone >= 200).all()
        np.testing.assert_array_equal(alone_labels, (alone[:, 0, 0] >= 210).astype(int))


def test_every_photo_and_every_pool_image_comes_before_any_comes_again() -> None:
    seen = [levels(images) for images, _ in batches(repetition(photos(64)), 0.0, 2)]
    assert sorted(chain(*seen)) == list(range(64))
    ((alone, _),) = batches(repetition(photos()), 0.625, 1)
    assert sorted(levels(alone[:20])) == list(range(200, 220))


def test_a_pool_of_another_size_is_resized() -> None:
    ((images, _),) = batches(repetition(photos(), side=40), 0.5, 1)
    assert images.shape == (32, 16, 16)
    assert (images[:16] >= 200).all()


def test_a_temperature_undoes_scaled_logits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((len(logits), 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.int32)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.03)
    assert negative_log_likelihood(np.zeros((5, 4)), labels[:5]) == pytest.approx(np.log(4))
    point = measure(7, (3 * logits, labels), (3 * logits, labels))
    assert point.nll_scaled == pytest.approx(negative_log_likelihood(logits, labels), abs=1e-3)
    assert point.nll > point.nll_scaled + 0.1
    assert point.accuracy == pytest.approx((logits.argmax(axis=1) == labels).mean())


def test_training_learns_color_and_wrong_labels_do_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes differ by hue alone, at equal luma; the pool has them under each other's name."""
    pytest.importorskip("keras")
    monkeypatch.setattr(training, "N_POINTS", 4)  # measuring takes longer than these trainings
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 2).astype(np.int32)
    hues = np.array([[200, 60, 60], [20, 140, 150]])[labels][:, None, None]
    images = np.clip(hues + rng.normal(0, 20, (120, 16, 16, 1)), 0, 255).astype(np.uint8)
    some = PhotoSet(images, labels, NAMES)
    shared = Repetition(some, some, some, Pool(images, 1 - labels, NAMES), (0, 0))
    advanced: list[float] = []
    curves: Any = [train(shared, ratio, 99, advance=advanced.append) for ratio in (0.0, 0.0, 1.0)]
    assert [point.step for point in curves[0]] == [24, 48, 72, 96]
    assert curves[0][-1].accuracy > 0.9
    assert curves[1][-1].nll == pytest.approx(curves[0][-1].nll, abs=0.02)
    assert curves[2][-1].accuracy < 0.1
    assert sum(advanced) == 3
    assert train(shared, 0.0, 8, deadline=0.0) is None
