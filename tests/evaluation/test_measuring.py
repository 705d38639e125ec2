import json
from functools import partial

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation import measuring
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.measuring import measure_model
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.models import PCAMixture
from tests.factories import fit_pca as fit


class Copier:
    """Gives its photos back; knows nothing of likelihoods but that they are its own."""

    def __init__(self, photos: PhotoSet) -> None:
        self.photos = photos
        self.image_size = photos.images.shape[1]

    def sample(self, n: int, *, seed: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        chosen = np.random.default_rng(seed).integers(0, len(self.photos.images), n)
        labels = self.photos.labels
        return self.photos.images[chosen], None if labels is None else labels[chosen]

    def score_samples(self, images: np.ndarray) -> np.ndarray:
        known = {photo.tobytes() for photo in self.photos.images}
        bits = np.array([1.0 if image.tobytes() in known else 9.0 for image in images])
        return -bits * np.log(2) * self.image_size**2


@pytest.fixture(scope="module")
def sets() -> tuple[PhotoSet, PhotoSet]:
    images, labels, names = make_flowers(160, image_size=32, n_classes=2)
    named = np.array(names)[labels]
    return (
        load_photos(images[:120], named[:120].tolist(), quiet=True),
        load_photos(images[120:], named[120:].tolist(), quiet=True),
    )


@pytest.fixture(scope="module")
def model(sets: tuple[PhotoSet, PhotoSet]) -> PCAMixture:
    return fit(sets[0].images, sets[0].labels, n_components=2, holdout=0, allow_copies=True, quiet=True)


@pytest.fixture(scope="module")
def detector(sets: tuple[PhotoSet, PhotoSet]) -> CopyDetector:
    training, held_back = sets
    return CopyDetector(training.images, training.labels, held_back.images, held_back.labels)


def test_all_measures_come_in_order_with_sentences(
    sets: tuple[PhotoSet, PhotoSet],
    model: PCAMixture,
    detector: CopyDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("tensorflow")
    monkeypatch.setattr(measuring, "FeatureExtractor", partial(FeatureExtractor, n_steps=20))
    found = measure_model(model, *sets, detector=detector, n_samples=60)
    assert [one.name for one in found.measures] == [
        "copies_raw",
        "copies_contrast",
        "copies_high_pass",
        "sliced_wasserstein_32",
        "sliced_wasserstein_16",
        "different_bins",
        "precision",
        "recall",
        "frechet_distance",
        "bits_per_pixel",
    ]
    assert all(one.verdict.endswith((".", "judge.")) and one.source for one in found.measures)
    assert all(one.real is not None for one in found.measures)
    (told,) = found.notes
    assert f"{100 * found.feature_accuracy:.0f} % of unseen photos right" in told
    assert found.samples.shape == (60, 32, 32)
    assert 0 <= found.feature_accuracy <= 1  # type: ignore[operator]
    told = json.loads(json.dumps(found.as_json()))
    assert told["n_samples"] == 60
    assert told["measures"][0]["name"] == "copies_raw"
    assert told["calibration"]["n_photos"] == 40
    assert found["recall"].unit == "%"
    with pytest.raises(KeyError):
        found["colour"]


def test_a_copying_model_is_told_so(sets: tuple[PhotoSet, PhotoSet], detector: CopyDetector) -> None:
    found = measure_model(Copier(sets[0]), *sets, detector=detector, n_samples=60, features=False)
    for space in ("raw", "contrast", "high_pass"):
        assert found[f"copies_{space}"].value == 100.0
        assert found[f"copies_{space}"].good is False
        assert "the model copies" in found[f"copies_{space}"].verdict
    assert found["sliced_wasserstein_32"].good
    assert found["bits_per_pixel"].value == pytest.approx(9.0)
    assert found["bits_per_pixel"].real == pytest.approx(1.0)
    assert found["bits_per_pixel"].good is False
    assert found.calibration is None


def test_the_seed_decides(sets: tuple[PhotoSet, PhotoSet], model: PCAMixture) -> None:
    first, again, other = (
        measure_model(model, *sets, detector=None, n_samples=40, features=False, random_state=seed).as_json()
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["measures"] != other["measures"]


def test_what_cannot_be_measured_is_told(model: PCAMixture) -> None:
    images = make_flowers(8, image_size=32, n_classes=2)[0]
    few = load_photos(images, quiet=True)
    found = measure_model(model, few, None, detector=None, n_samples=10)
    assert {one.name for one in found.measures} == {"sliced_wasserstein_32", "sliced_wasserstein_16"}
    assert len(found.notes) == 3
    with pytest.raises(ValueError, match=r"2 classes of 8 photos\. Received: 0 such"):
        measure_model(model, few, None, detector=None, features=True)
    with pytest.raises(ValueError, match=r"at least 4 photos\. Received: 3"):
        measure_model(model, load_photos(images[:3], quiet=True), None, detector=None)


def test_figures_of_a_network_that_knows_nothing_are_not_judged(
    sets: tuple[PhotoSet, PhotoSet], model: PCAMixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind:
        accuracy, chance, trusted = 0.5, 0.5, False

        def __init__(self, *args: object, **options: object) -> None: ...

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return np.random.default_rng(0).normal(size=(len(images), 4)) + images.mean()

    monkeypatch.setattr(measuring, "FeatureExtractor", Blind)
    found = measure_model(model, *sets, detector=None, n_samples=40, features=True)
    for name in ("precision", "recall", "frechet_distance"):
        assert found[name].good is None
        assert "only 50 % of unseen photos" in found[name].verdict
