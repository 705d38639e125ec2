import json

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation import CopyDetector, features, measure_images, measuring
from gmmaug_plugin.evaluation.copies import SPACES
from gmmaug_plugin.photos import PhotoSet, load_photos

Sets = tuple[PhotoSet, PhotoSet]


@pytest.fixture(scope="module")
def sets() -> Sets:
    """Training photos and others from the same distribution; a quarter of them of class 1."""
    images, labels, names = make_flowers(320, image_size=32, n_classes=2)
    kept = np.flatnonzero((labels == 0) | (np.arange(len(labels)) % 3 == 0))
    images, named = images[kept], np.array(names)[labels[kept]]
    parts = np.split(np.arange(len(kept)), [100])
    training, others = (load_photos(images[part], named[part].tolist(), quiet=True) for part in parts)
    return training, others


@pytest.fixture(scope="module")
def detector(sets: Sets) -> CopyDetector:
    return CopyDetector(sets[0].images, sets[0].labels)


def test_all_measures_come_in_order_with_sentences(
    sets: Sets, detector: CopyDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras")
    monkeypatch.setattr(features, "_FEWEST_STEPS", 20)
    monkeypatch.setattr(features, "_MOST_STEPS", 20)
    training, others = sets
    found = measure_images(others.images, others.labels, training, detector=detector)
    of_copies = [f"copies_{space}" for space in SPACES]
    of_texture = ["sliced_wasserstein_32", "sliced_wasserstein_16", "contrast", "tile_contrast", "flat_tiles"]
    of_features = ["precision", "recall", "frechet_distance"]
    assert [one.name for one in found.measures] == of_copies + of_texture + of_features
    assert all(one.verdict.endswith(".") and one.source for one in found.measures)
    assert found["copies_raw"].good
    assert found["sliced_wasserstein_32"].good
    assert found["contrast"].good
    assert "% of unseen photos correctly; guessing reaches" in found.notes[-1]
    written = json.loads(json.dumps(found.as_json()))
    assert written["n_images"] == found.n_images
    assert written["measures"][0]["name"] == "copies_raw"
    with pytest.raises(KeyError):
        found["color"]


def test_training_photos_are_copies(sets: Sets, detector: CopyDetector) -> None:
    training, _ = sets
    found = measure_images(training.images, training.labels, training, detector=detector, features=False)
    assert found.notes == ()
    for space in SPACES:
        assert found[f"copies_{space}"].value == 100.0
        assert found[f"copies_{space}"].good is False
    assert found["sliced_wasserstein_32"].good


def test_images_are_compared_with_classes_as_frequent_as_in_the_photos(sets: Sets) -> None:
    """The pool has equally many images of each class, the photos three times more of one class."""
    training, others = sets
    labels = np.asarray(others.labels)
    counts = np.bincount(labels)
    balanced = np.concatenate([np.flatnonzero(labels == one)[: counts.min()] for one in (0, 1)])
    found = measure_images(others.images[balanced], labels[balanced], training, detector=None, features=False)
    share = np.bincount(np.asarray(training.labels)).max() / len(training.images)
    assert found.n_images == pytest.approx(counts.min() / share, abs=2)
    assert any("classes as in the photos" in note for note in found.notes)


def test_color_and_photos_without_classes_are_measured() -> None:
    images = np.repeat(make_flowers(40, image_size=32, n_classes=1)[0][..., None], 3, axis=3)
    photos = PhotoSet(images[:20], None, (), ())
    found = measure_images(images[20:], None, photos, detector=CopyDetector(images[:20]))
    assert found["copies_raw"].good
    assert any("at least 2 classes" in note for note in found.notes)


def test_too_few_photos_or_images_are_refused(sets: Sets) -> None:
    images, labels, names = make_flowers(8, image_size=32, n_classes=2)
    few = PhotoSet(images, labels, tuple(names), ())
    with pytest.raises(ValueError, match=r"2 classes of 8 photos are needed\. Received: 0 such"):
        measure_images(images, labels, few, detector=None, features=True)
    with pytest.raises(ValueError, match=r"photos must be at least 4 .*Received: shape \(3, 32, 32\)"):
        measure_images(images, labels, few.take([0, 1, 2]), detector=None)
    with pytest.raises(ValueError, match=r"at least 4 images are needed\. Received: 3"):
        measure_images(images[:3], None, sets[0], detector=None, features=True)


def test_figures_of_a_network_that_knows_nothing_are_not_judged(
    sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind:
        accuracy, chance, trusted = 0.5, 0.5, False

        def __init__(self, *args: object, **options: object) -> None: ...

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return np.random.default_rng(0).normal(size=(len(images), 4)) + images.mean()

    monkeypatch.setattr(measuring, "FeatureExtractor", Blind)
    training, others = sets
    found = measure_images(others.images, others.labels, training, detector=None, features=True)
    for name in ("precision", "recall", "frechet_distance"):
        assert found[name].good is None
        assert "Not judged" in found[name].verdict
