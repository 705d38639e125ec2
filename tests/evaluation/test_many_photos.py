"""Of many photos some are compared, read a few at a time; what is not looked at is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation import compared, measures, measuring
from gmmaug_plugin.evaluation.compared import choose_compared
from gmmaug_plugin.evaluation.copies import MAX_REAL, PERCENTILE, SPACES, CopyDetector
from gmmaug_plugin.evaluation.copying import measure_copying
from gmmaug_plugin.evaluation.measuring import measure_model
from gmmaug_plugin.evaluation.nearest import nearest_turned
from gmmaug_plugin.evaluation.report import gather
from gmmaug_plugin.evaluation.spaces import Space
from gmmaug_plugin.evaluation.strength import measure_synthesis_strength, measure_variation_strength
from gmmaug_plugin.evaluation.subject import VariedPhotos, as_compared, with_templates
from gmmaug_plugin.fitting.fitter import try_photo_set
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.images import PhotoSet, load_photos, near_duplicates
from tests.factories import fit_pca as fit
from tests.multiscale_models import random_multiscale

SIZE = 32
MOST_AT_ONCE = 1024
EVERYWHERE = dict.fromkeys(SPACES, 1.0)


class OnDisk(np.ndarray):
    """Photos as in a file: parts of them are read, but never more than a thousand at once."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        assert found.ndim < 3 or len(found) <= MOST_AT_ONCE
        return np.asarray(found)

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("all photos are computed with at once")

    def __array_function__(self, *_: Any) -> Any:
        raise AssertionError("all photos are copied at once")

    def astype(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("all photos are converted at once")

    mean = sum = copy = astype


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return make_flowers(300, image_size=SIZE, n_classes=1, random_state=3)[0]


@pytest.fixture
def few_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MAX_COMPARED", 80)
    monkeypatch.setattr(compared, "FEWEST_COMPARED", 10)


# --- which photos are compared ----------------------------------------------------------------------------


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_large_classes_give_photos_up_and_small_ones_none(counts: list[int], seed: int) -> None:
    ends = np.cumsum(counts)
    members = {
        code: np.arange(end - count, end) for code, (end, count) in enumerate(zip(ends, counts, strict=True))
    }

    chosen = choose_compared(members, np.random.default_rng(seed))

    sizes = [len(rows) for rows in chosen.values()]
    most = max(sizes)
    assert [min(count, most) for count in counts] == sizes
    assert compared.MAX_COMPARED - len(counts) < sum(sizes) <= compared.MAX_COMPARED or sizes == counts
    for code, rows in chosen.items():
        assert np.all(np.diff(rows) > 0)
        assert np.isin(rows, members[code]).all()


def test_of_many_classes_enough_of_each_are_compared() -> None:
    members = {code: np.arange(2000 * code, 2000 * (code + 1)) for code in range(100)}

    chosen = choose_compared(members, np.random.default_rng(0))

    assert {len(rows) for rows in chosen.values()} == {compared.FEWEST_COMPARED}


# --- reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
def test_comparing_with_some_is_comparing_with_a_copy_of_them(drawn: np.ndarray, space: Space) -> None:
    images = drawn[:40, ::-1]
    among = np.flatnonzero(np.arange(len(drawn)) % 3)
    groups = np.arange(40, dtype=np.int32), among.astype(np.int32) // 2

    indices, *found = nearest_turned(images, drawn, space, among=among, groups=groups)
    own, *expected = nearest_turned(images, drawn[among], space, groups=groups)

    np.testing.assert_array_equal(indices, among[own])
    np.testing.assert_array_equal(found, expected)


def test_thresholds_are_those_of_whole_classes(drawn: np.ndarray) -> None:
    labels = np.arange(240) % 2
    detector = CopyDetector(drawn[:240], labels, drawn[240:], np.arange(60) % 2)

    for code in (0, 1):
        training, unseen = drawn[:240][labels == code], drawn[240:][np.arange(60) % 2 == code]
        groups = near_duplicates(np.concatenate([training, unseen]))
        unseen, groups = unseen[~np.isin(groups[120:], groups[:120])], groups[:120]
        for space in SPACES:
            real = nearest_turned(training, training, space, groups=(groups, groups))[2]
            away = nearest_turned(unseen, training, space)[2]
            threshold = np.percentile(np.concatenate([real, away]), PERCENTILE)
            nearest = detector.nearest(unseen, np.full(len(unseen), code), space=space)
            np.testing.assert_array_equal(nearest.distances, away)
            np.testing.assert_allclose(nearest.ratios, away / threshold, rtol=1e-6)


def test_photos_on_disk_are_read_a_few_at_a_time() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (1500, 8, 8), dtype=np.uint8)
    unseen = np.random.default_rng(1).integers(0, 256, (1300, 8, 8), dtype=np.uint8)

    on_disk = CopyDetector(photos.view(OnDisk), None, unseen.view(OnDisk))
    in_memory = CopyDetector(photos, None, unseen)

    assert on_disk.rates(photos[:50]).as_json() == in_memory.rates(photos[:50]).as_json()
    assert on_disk.rates(photos[:50]).rates == EVERYWHERE


def test_of_many_held_back_photos_some_set_the_threshold(
    drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CopyDetector(drawn[:100], None, drawn[100:])
    monkeypatch.setattr("gmmaug_plugin.evaluation.copies.MAX_REAL", 100)
    first, again = (CopyDetector(drawn[:100], None, drawn[100:]) for _ in range(2))

    ratios = [one.nearest(drawn[100:]).ratios for one in (first, again, whole)]
    assert MAX_REAL >= 200
    np.testing.assert_array_equal(ratios[0], ratios[1])
    assert np.any(ratios[0] != ratios[2])


# --- what is not compared ---------------------------------------------------------------------------------


def test_all_photos_are_compared_where_they_are_not_too_many(drawn: np.ndarray) -> None:
    detector = CopyDetector(drawn)

    assert detector.compared is None
    assert detector.note is None
    assert detector.including(drawn[:2]) is detector


@pytest.mark.usefixtures("few_compared")
def test_copies_of_photos_that_are_compared_are_seen_and_the_rest_is_told(drawn: np.ndarray) -> None:
    detector = CopyDetector(drawn, random_state=1)
    seen = detector.compared

    assert len(seen) == 80
    assert detector.note == (
        "Copies are looked for among 80 of the 300 training photos, chosen at random: copies of the others "
        "go unseen."
    )
    assert detector.rates(drawn[seen][:, ::-1]).rates == EVERYWHERE
    others = np.delete(drawn, seen, axis=0)
    assert max(detector.rates(others).rates.values()) < 0.2
    assert not np.array_equal(seen, CopyDetector(drawn, random_state=2).compared)
    assert np.array_equal(seen, CopyDetector(drawn, random_state=1).compared)
    wider = detector.including(others[:20, :, ::-1])
    assert len(wider.compared) == 100
    assert wider.rates(others[:20]).rates == EVERYWHERE
    assert wider.real_rates == detector.real_rates
    assert len(detector.compared) == 80


@pytest.mark.usefixtures("few_compared")
def test_varied_are_photos_that_are_compared_classes_keeping_their_shares(drawn: np.ndarray) -> None:
    names = np.repeat(["a", "b"], [270, 30]).tolist()
    photos = load_photos(drawn, names, quiet=True)
    model = random_multiscale(image_size=SIZE, n_classes=2)
    detector = CopyDetector(photos.images, photos.labels)
    still = VariedPhotos(model, photos, 0.0)

    images, labels = as_compared(still, detector).sample(200, seed=0)

    assert detector.rates(images, labels).rates == EVERYWHERE
    everything, same_labels = still.sample(200, seed=0)
    np.testing.assert_array_equal(labels, same_labels)
    assert detector.rates(everything, same_labels).rates["raw"] < 0.6
    assert measure_copying(still, detector, n_samples=100).rates.rates == EVERYWHERE
    only_b = as_compared(still, detector).sample(20, label="b", seed=0)[1]
    assert set(only_b) == {1}


@pytest.mark.usefixtures("few_compared")
def test_the_strength_of_variation_is_that_of_photos_that_are_compared(drawn: np.ndarray) -> None:
    photos = load_photos(drawn, quiet=True)
    model = fit(drawn, n_components=1, holdout=0, quiet=True)
    detector = CopyDetector(drawn)

    found = measure_variation_strength(model, photos, detector, n_samples=100)

    for strength, rates in found.tried:
        seen = as_compared(VariedPhotos(model, photos, strength), detector).sample(100, seed=0)
        assert rates.rates == detector.rates(*seen).rates
    assert max(found.tried[0][1].rates.values()) > 0.8


def test_nothing_changes_where_all_photos_are_compared(drawn: np.ndarray) -> None:
    photos = load_photos(drawn, quiet=True)
    subject = VariedPhotos(random_multiscale(image_size=SIZE, n_classes=1), photos, 0.5)

    assert as_compared(subject, CopyDetector(drawn)) is subject
    assert as_compared(subject, None) is subject


@pytest.mark.usefixtures("few_compared")
def test_photos_behind_templates_are_compared(drawn: np.ndarray) -> None:
    model = fit(drawn, n_components=1, templates=40, holdout=0.0, strength=0.0, allow_copies=True, quiet=True)
    detector = CopyDetector(drawn)
    samples = model.sample(200, strength=0.0, seed=0)

    assert max(detector.rates(*samples).rates.values()) < 0.7
    assert max(with_templates(detector, model, n_samples=200).rates(*samples).rates.values()) > 0.9
    assert with_templates(detector, replace(model, templates=None)) is detector
    found = measure_synthesis_strength(model, detector, n_samples=200)
    for strength, rates in found.tried:
        images, labels = model.sample(200, strength=strength, seed=0)
        wider = with_templates(detector, model, n_samples=200)
        assert rates.rates == wider.rates(images, labels).rates
    assert max(found.tried[0][1].rates.values()) > 0.8


# --- what is told -----------------------------------------------------------------------------------------


@pytest.fixture
def photos(drawn: np.ndarray) -> tuple[PhotoSet, PhotoSet]:
    return load_photos(drawn[:200], quiet=True), load_photos(drawn[200:], quiet=True)


@pytest.mark.usefixtures("few_compared")
def test_measurements_tell_what_was_looked_at(
    photos: tuple[PhotoSet, PhotoSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    training, held_back = photos
    model = fit(training.images, n_components=1, holdout=0, allow_copies=True, quiet=True)
    detector = CopyDetector(training.images, None, held_back.images)
    monkeypatch.setattr(measures, "MOST_UNSEEN", 30)

    found = measure_model(model, training, held_back, detector=detector, features=False, n_samples=50)

    assert detector.note in found.notes
    assert (
        "Likelihood and calibration are those of 30 of the 100 held-back photos, chosen at random."
        in found.notes
    )
    assert found.calibration.n_photos == 30
    assert found.calibration.held_back_per_class == {"": 100}
    contents = gather(model, training, held_back, found.measures, detector=detector, n_compared=20)
    assert contents.calibration_test.chi_square == found.calibration.chi_square


def test_measurements_of_few_photos_tell_nothing_of_it(photos: tuple[PhotoSet, PhotoSet]) -> None:
    training, held_back = photos
    model = fit(training.images, n_components=1, holdout=0, allow_copies=True, quiet=True)
    detector = CopyDetector(training.images, None, held_back.images)

    found = measure_model(model, training, held_back, detector=detector, features=False, n_samples=50)

    assert not [note for note in found.notes if " of the " in note]
    assert found.calibration.n_photos == 100


@pytest.mark.parametrize("most", [1000, 60])
def test_a_fit_tells_how_many_photos_it_compared(
    drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(compared, "MAX_COMPARED", most)
    monkeypatch.setattr(compared, "FEWEST_COMPARED", 10)
    options = FitOptions(model="pca", n_components=1, refit=False, allow_copies=True)

    trial = try_photo_set(load_photos(drawn, quiet=True), options, features=False, quiet=True)

    assert trial.model.info.get("photos_compared") == (None if most == 1000 else 60)
    assert any("Copies are looked for among 60 of" in note for note in trial.measurements.notes) == (
        most == 60
    )


def test_networks_for_features_are_taught_by_so_many_photos(
    drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = []

    class Seen:
        accuracy, chance, trusted = 0.9, 0.5, True

        def __init__(self, images: np.ndarray, *_: Any, **__: Any) -> None:
            taught.append(len(images))

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return images.reshape(len(images), -1)[:, :4].astype(float)

    monkeypatch.setattr(measuring, "FeatureExtractor", Seen)
    labels = np.arange(300, dtype=np.int32) % 2
    for most in (10_000, 70):
        monkeypatch.setattr(measuring, "MOST_TAUGHT", most)
        measuring._feature_measures(drawn[:50], drawn, labels, 0, [])

    assert taught == [200, 70]
