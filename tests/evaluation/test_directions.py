"""Every measure moves the right way on images that are made worse in a known way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation import sliced_wasserstein
from gmmaug_plugin.evaluation.bins import BinReference, measure_bins
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector
from gmmaug_plugin.evaluation.features import FeatureExtractor
from gmmaug_plugin.evaluation.frechet import measure_frechet
from gmmaug_plugin.evaluation.manifolds import measure_manifolds
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.sliced_wasserstein import measure_sliced_wasserstein
from gmmaug_plugin.images import load_photos

SIZE, N_TRAINING, N_FRESH, N_TAUGHT = 32, 320, 160, 240

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Flowers:
    training: Images
    fresh: Images
    fresh_labels: NDArray[np.int32]
    others: Images
    taught: Images
    taught_labels: NDArray[np.int32]


@pytest.fixture(scope="module", autouse=True)
def _fewer_patches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced_wasserstein, "_N_PATCHES", 8000)
        patch.setattr(sliced_wasserstein, "_N_PROJECTIONS", 128)
        yield


@pytest.fixture(scope="module")
def flowers() -> Flowers:
    """Three classes; ``others`` are of two classes more."""
    images, labels, _ = make_flowers(N_TRAINING + N_FRESH + N_TAUGHT, image_size=SIZE, n_classes=3)
    more, more_labels, _ = make_flowers(200, image_size=SIZE, n_classes=5, random_state=1)
    taught = slice(N_TRAINING + N_FRESH, None)
    fresh = slice(N_TRAINING, N_TRAINING + N_FRESH)
    return Flowers(
        images[:N_TRAINING],
        images[fresh],
        labels[fresh],
        more[more_labels >= 3],
        images[taught],
        labels[taught],
    )


@pytest.fixture(scope="module")
def detector(flowers: Flowers) -> CopyDetector:
    return CopyDetector(flowers.training)


@pytest.fixture(scope="module")
def look(flowers: Flowers) -> FeatureExtractor:
    pytest.importorskip("tensorflow")
    seen = FeatureExtractor(
        flowers.taught, flowers.taught_labels, flowers.fresh, flowers.fresh_labels, n_steps=100
    )
    assert seen.trusted
    return seen


def noisy(images: Images, deviation: float) -> Images:
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def blurred(images: Images, sigma: float) -> Images:
    return gaussian_filter(images, (0, sigma, sigma))


def fog(images: Images, n: int) -> Images:
    """Draws of one Gaussian with the photos' mean and covariance: what a mixture of one component makes."""
    pixels = images.reshape(len(images), -1).astype(float)
    centred = pixels - pixels.mean(axis=0)
    drawn = np.random.default_rng(0).normal(size=(n, len(images))) @ centred / np.sqrt(len(images))
    return np.clip(pixels.mean(axis=0) + drawn, 0, 255).reshape(n, *images.shape[1:]).astype(np.uint8)


def texture(samples: Images, flowers: Flowers) -> Measure:
    return measure_sliced_wasserstein(samples, flowers.training)[0]


def kinds(samples: Images, flowers: Flowers) -> Measure:
    return measure_bins(samples, flowers.training[:N_FRESH], flowers.training[N_FRESH:])


def seen_by(look: FeatureExtractor, samples: Images, flowers: Flowers) -> dict[str, Measure]:
    n = len(samples)
    features = look(samples), look(flowers.training[:n]), look(flowers.training[-n:])
    return {one.name: one for one in (*measure_manifolds(*features), measure_frechet(*features))}


def test_fresh_photos_pass_everything(
    flowers: Flowers, detector: CopyDetector, look: FeatureExtractor
) -> None:
    assert detector.rates(flowers.fresh).exceeds() == ()
    assert all(one.good for one in measure_sliced_wasserstein(flowers.fresh, flowers.training))
    assert kinds(flowers.fresh, flowers).good
    assert all(one.good for one in seen_by(look, flowers.fresh, flowers).values())


@pytest.mark.parametrize("way", ["exact", "noisy", "mirrored", "brighter"])
def test_copies_are_copies_and_faithful(way: str, flowers: Flowers, detector: CopyDetector) -> None:
    photos = flowers.training[:100]
    copies = {
        "exact": photos,
        "noisy": noisy(photos, 4),
        "mirrored": photos[:, :, ::-1],
        "brighter": (photos * 0.7 + 60).astype(np.uint8),
    }[way]
    rates = detector.rates(copies)
    fooled = {"raw"} if way == "brighter" else set()
    assert all(rates.rates[space] > 0.95 for space in set(SPACES) - fooled)
    assert set(rates.exceeds()) >= set(SPACES) - fooled
    if way != "brighter":
        assert texture(copies, flowers).good
        assert kinds(copies, flowers).good


def test_more_noise_or_blur_is_further_from_the_photos(flowers: Flowers) -> None:
    for worsen, degrees, word in ((noisy, (0, 10, 40), "noisy"), (blurred, (0, 0.6, 1.5), "blurred")):
        measures = [texture(worsen(flowers.fresh, degree), flowers) for degree in degrees]
        values = [one.value for one in measures]
        assert values == sorted(values)
        assert [one.good for one in measures] == [True, False, False]
        assert word in measures[2].verdict


def test_blurred_photos_are_less_varied_to_a_network(flowers: Flowers, look: FeatureExtractor) -> None:
    found = seen_by(look, blurred(flowers.fresh, 1.5), flowers)
    assert found["frechet_distance"].good is False
    assert found["recall"].good is False


def test_fog_is_no_copy_but_has_no_texture_of_photos(
    flowers: Flowers, detector: CopyDetector, look: FeatureExtractor
) -> None:
    clouds = fog(flowers.training, N_FRESH)
    assert detector.rates(clouds).exceeds() == ()
    found = texture(clouds, flowers)
    assert found.good is False
    assert "fog" in found.verdict
    seen = seen_by(look, clouds, flowers)
    assert seen["frechet_distance"].good is False
    assert seen["recall"].good is False


def test_another_class_is_of_other_kinds(flowers: Flowers, look: FeatureExtractor) -> None:
    assert kinds(flowers.others, flowers).good is False
    assert measure_sliced_wasserstein(flowers.others, flowers.training)[-1].good is False
    assert seen_by(look, flowers.others, flowers)["frechet_distance"].good is False


def test_duplicated_modes_overfill_their_bins_and_lack_variety(
    flowers: Flowers, detector: CopyDetector, look: FeatureExtractor
) -> None:
    few = np.repeat(flowers.fresh[:16], 10, axis=0)
    found = kinds(few, flowers)
    assert found.good is False
    counts = BinReference(flowers.training[N_FRESH:]).compare(few)
    assert counts.n_overfull > 0
    assert counts.n_lacking > 0
    seen = seen_by(look, few, flowers)
    assert seen["precision"].good
    assert seen["recall"].good is False
    assert seen["recall"].value < 30
    assert detector.rates(few).exceeds() == ()


def test_a_missing_mode_leaves_bins_empty(flowers: Flowers, look: FeatureExtractor) -> None:
    order = np.argsort(flowers.fresh.mean(axis=(1, 2)))
    bright = flowers.fresh[order[N_FRESH // 4 :]]
    assert kinds(bright, flowers).good is False
    assert BinReference(flowers.training[N_FRESH:]).compare(bright).n_lacking > 0
    two_classes = flowers.fresh[flowers.fresh_labels != 0]
    assert seen_by(look, two_classes, flowers)["frechet_distance"].good is False


def test_on_real_photos(photos: Path) -> None:
    paths = sorted((photos / "daisy").glob("*.jpg"))[:240]
    images = load_photos(paths, image_size=64, quiet=True).images
    order = np.random.default_rng(0).permutation(len(images))
    training, fresh = images[order[:160]], images[order[160:]]
    detector = CopyDetector(training)
    worse = {
        "fresh": fresh,
        "blurred": blurred(fresh, 1.0),
        "fog": fog(training, 80),
        "copies": training[:80],
    }
    finest = {name: measure_sliced_wasserstein(samples, training)[0] for name, samples in worse.items()}
    assert {name for name, one in finest.items() if one.good} == {"fresh", "copies"}
    assert "blurred" in finest["blurred"].verdict
    assert "fog" in finest["fog"].verdict
    copied = {name for name, samples in worse.items() if "raw" in detector.rates(samples).exceeds()}
    assert copied == {"copies"}
