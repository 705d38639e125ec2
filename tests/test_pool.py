import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.pool import Pool, as_pool, class_number
from tests.factories import random_pool


def shared(pool: Pool, *shares: float) -> Pool:
    return Pool(pool.images, pool.labels, pool.class_names, pool.mirror, shares)


@pytest.mark.parametrize("label", [None, "1", 1])
def test_all_images_come_before_any_comes_again_and_then_mirrored(label: str | int | None) -> None:
    pool = random_pool(30)
    rows, mirrored = pool.order(0, label)
    own = list(range(30)) if label is None else list(range(1, 30, 2))
    n = len(own)
    if label is None:
        # Classes are interleaved pass by pass; each pass has every image once.
        assert sorted(rows[:n]) == sorted(rows[n : 2 * n]) == own
    for cycle in range(4):
        part = slice(cycle * n, (cycle + 1) * n)
        assert sorted(rows[part]) == own
        assert set(mirrored[part]) == {cycle % 2 == 1}
    assert list(rows[:n]) != list(rows[n : 2 * n])


def test_nothing_is_mirrored_without_mirror() -> None:
    assert not random_pool(10, mirror=False).order(0)[1].any()


def test_classes_come_as_often_as_their_shares() -> None:
    pool = shared(random_pool(60, n_classes=3), 0.6, 0.3, 0.1)
    rows, _ = pool.order(5)
    counts = np.bincount(pool.labels[rows[:60]], minlength=3)
    assert counts.tolist() == [36, 18, 6]
    plenty = np.bincount(pool.labels[rows], minlength=3) / len(rows)
    np.testing.assert_allclose(plenty, [0.6, 0.3, 0.1], atol=0.01)
    first = rows[:20]
    assert len(set(pool.labels[first])) > 1, "classes are mixed, not one after the other"


def test_a_class_whose_share_is_zero_is_not_read_unless_asked_for() -> None:
    pool = shared(random_pool(10), 1.0, 0.0)
    assert set(pool.labels[pool.order(0)[0]]) == {0}
    assert set(pool.labels[pool.order(0, "1")[0]]) == {1}


@pytest.mark.parametrize("n", [1, 2, 7, 20_000])
def test_an_order_is_whole_passes_and_long(n: int) -> None:
    rows, mirrored = random_pool(n, image_size=1, n_classes=0).order(0)
    assert len(rows) == len(mirrored) >= min(2**14, 256 * n)
    assert len(rows) % n == 0
    assert np.bincount(rows, minlength=n).min() == np.bincount(rows, minlength=n).max()


def test_each_seed_has_its_own_order_in_equal_pools() -> None:
    first, second = random_pool(30), random_pool(30)
    for seed in (0, 1, 2**70, [0], [1, 0], [1]):
        np.testing.assert_array_equal(first.order(seed)[0], second.order(seed)[0])
    orders = [tuple(first.order(seed)[0][:30]) for seed in (0, 1, [0], [1, 0], [1], [0, 1], 2**70)]
    assert len(set(orders)) == len(orders)
    assert list(first.order(None)[0][:30]) != list(first.order(None)[0][:30])


def test_an_order_cannot_be_changed() -> None:
    rows, mirrored = random_pool(4).order(0)
    for array in (rows, mirrored):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_samples_are_the_images_of_the_order() -> None:
    pool = random_pool(10, channels=3)
    rows, _ = pool.order(3)
    images, labels = pool.sample(10, seed=3)
    np.testing.assert_array_equal(images, pool.images[rows[:10]])
    np.testing.assert_array_equal(labels, pool.labels[rows[:10]])
    images[:] = 0
    assert pool.images.any(), "samples are copies"
    assert random_pool(3, n_classes=0).sample(2, seed=0)[1] is None
    assert pool.sample(0)[0].shape == (0, 16, 16, 3)


def test_more_images_than_the_pool_has_are_mirrored_with_a_warning() -> None:
    pool = random_pool(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pool.sample(4, seed=0)
        pool.sample(2, label="0", seed=0)
    with pytest.warns(UserWarning, match=r"The pool has 2 images for these; .*mirrored.*--images.*n=5"):
        images, _ = pool.sample(5, label="0", seed=0)
    rows, mirrored = pool.order(0, "0")
    assert mirrored[:5].tolist() == [False, False, True, True, False]
    np.testing.assert_array_equal(images[2], pool.images[rows[2]][:, ::-1])
    np.testing.assert_array_equal(images[4], pool.images[rows[4]])


@pytest.mark.parametrize("label", ["c", 2, -1, 0.0, True, None])
def test_unknown_labels_are_refused(label: object) -> None:
    with pytest.raises(ValueError, match=r"\['a', 'b'\]. Received: "):
        class_number(("a", "b"), label)  # type: ignore[arg-type]


def test_labels_are_names_or_integers_of_any_type() -> None:
    assert {class_number(("a", "b"), label) for label in ("b", "1", 1, np.int64(1), np.uint8(1))} == {1}


def test_samples_need_a_whole_number() -> None:
    with pytest.raises(ValueError, match="n must be a whole number"):
        random_pool(4).sample(1.0)  # type: ignore[arg-type]


IMAGES, LABELS = np.zeros((2, 4, 4), np.uint8), np.array([0, 1], np.int32)


@pytest.mark.parametrize(
    "arguments",
    [
        (IMAGES.astype(np.float32),),
        (IMAGES[:0],),
        (IMAGES[:, :3],),
        (IMAGES[..., None],),
        (np.zeros((1, 513, 513), np.uint8),),
        (IMAGES, None, ("a",)),
        (IMAGES, LABELS),
        (IMAGES, LABELS.astype(np.int64), ("a", "b")),
        (IMAGES, LABELS, ("a", "a")),
        (IMAGES, LABELS, ("a",)),
        (IMAGES, LABELS, ("a", "b", "c")),
        (IMAGES, LABELS, ("a", "b"), True, (1.0,)),
        (IMAGES, LABELS, ("a", "b"), True, (0.5, 0.6)),
        (IMAGES, LABELS, ("a", "b"), True, (-0.5, 1.5)),
    ],
    ids=range(14),
)
def test_parts_that_do_not_fit_are_refused(arguments: tuple) -> None:
    with pytest.raises((TypeError, ValueError), match="Received: "):
        Pool(*arguments)


def test_as_pool_takes_pools_and_paths(tmp_path: Path) -> None:
    pool, path = random_pool(4), tmp_path / "pool.safetensors"
    pool.save(path)
    assert as_pool(pool) is pool
    assert as_pool(str(path)).image_size == as_pool(path).image_size == pool.image_size
    with pytest.raises(TypeError, match=r"path of its file\. Received: ndarray"):
        as_pool(pool.images)  # type: ignore[arg-type]


def test_the_representation_says_what_the_pool_holds_and_how_it_was_drawn() -> None:
    record = FitRecord(
        model="local", seed=7, photos_per_class={"a": 8, "b": 9}, redrawn={"a": 3}, notes=("x",)
    )
    pool = Pool(IMAGES, LABELS, ("daisy", "rose"))

    assert repr(pool) == "Pool(2 grayscale images of 4 x 4, 2 classes)\n  'daisy' 1, 'rose' 1"
    assert repr(replace(pool, record=record)).splitlines()[2:] == [
        "  drawn by 'local' from 17 photos, seed 7, 3 draws refused as copies",
        "  notes in its record: 1",
    ]
    assert repr(random_pool(4, n_classes=0, channels=3)) == "Pool(4 color images of 16 x 16)"
    assert pool._repr_html_().startswith("<pre>Pool(2 grayscale images")
    assert pool._repr_html_().count("<img") == 2


def test_a_rare_class_is_read_too() -> None:
    images = np.zeros((10, 4, 4), np.uint8)
    labels = np.repeat([0, 1], 5).astype(np.int32)
    pool = Pool(images, labels, ("often", "rarely"), class_shares=(0.98, 0.02))
    rows, _ = pool.order(0)
    share = (labels[rows] == 1).mean()
    assert 0 < share <= 0.1
