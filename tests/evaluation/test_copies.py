"""Copies are told apart from images that merely resemble photos, and real photos set the measure."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import fisher_exact

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates
from gmmaug_plugin.evaluation.spaces import SPACES
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.models.symmetry import turned

SIZE = 32
EVERYWHERE = dict.fromkeys(SPACES, 1.0)
NOWHERE = dict.fromkeys(SPACES, 0.0)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Drawn photos of one class, all from one law."""
    return make_flowers(480, image_size=SIZE, n_classes=1, random_state=3)[0]


@pytest.fixture(scope="module")
def training(drawn: np.ndarray) -> np.ndarray:
    return drawn[:200]


@pytest.fixture(scope="module")
def two_classes(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drawn photos, and negatives of others: images and labels."""
    return np.concatenate([drawn[:240], 255 - drawn[240:]]), np.repeat([0, 1], 240)


@pytest.fixture(scope="module")
def detector(drawn: np.ndarray, training: np.ndarray) -> CopyDetector:
    return CopyDetector(training, held_back=drawn[200:300])


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def fog(n: int, size: int, *, seed: int = 0, amount: float = 70) -> np.ndarray:
    """Smooth random fields, float, mean 0."""
    fields = np.random.default_rng(seed).normal(size=(n, size, size))
    smooth = gaussian_filter(fields, (0, size / 6, size / 6), mode="wrap")
    return amount * smooth / smooth.std(axis=(1, 2), keepdims=True)


# --- the measure moves the right way ----------------------------------------------------------------------


@pytest.mark.parametrize("symmetry", range(8))
def test_turned_and_mirrored_photos_are_copies_and_found(
    detector: CopyDetector, training: np.ndarray, symmetry: int
) -> None:
    images = turned(training[:40], symmetry)

    assert detector.rates(images).rates == EVERYWHERE
    for space in SPACES:
        nearest = detector.nearest(images, space=space)
        assert nearest.indices.tolist() == list(range(40))
        assert np.all(nearest.distances < 1e-5)
        np.testing.assert_array_equal([nearest.photo(index) for index in range(40)], images)


def test_photos_with_a_little_noise_are_copies(detector: CopyDetector, training: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 2, training.shape)

    assert detector.rates(rounded(training + noise)).rates == EVERYWHERE


def test_brighter_photos_are_copies_by_contrast_and_high_pass(
    detector: CopyDetector, training: np.ndarray
) -> None:
    rates = detector.rates(rounded(0.4 * training + 150)).rates

    assert rates["contrast"] == rates["high_pass"] == 1
    assert rates["raw"] < 0.5


def test_photos_under_fog_are_copies_by_high_pass_alone(detector: CopyDetector, training: np.ndarray) -> None:
    rates = detector.rates(rounded(0.6 * training + 50 + fog(len(training), SIZE, amount=60))).rates

    assert rates["high_pass"] > 0.9
    assert rates["raw"] < 0.1
    assert rates["contrast"] < 0.1


def test_blurred_photos_are_copies_and_past_its_own_blur_the_high_pass_is_blind(
    detector: CopyDetector, training: np.ndarray
) -> None:
    lightly, strongly = (
        detector.rates(rounded(gaussian_filter(training.astype(float), (0, sigma, sigma)))).rates
        for sigma in (SIZE / 32, SIZE / 10)
    )

    assert min(lightly.values()) > 0.95
    assert strongly["high_pass"] < 0.05
    assert strongly["raw"] > 0.5
    assert strongly["contrast"] > 0.4


def test_fog_is_no_copy_and_one_grey_level_resembles_dull_photos_at_most(
    detector: CopyDetector, training: np.ndarray
) -> None:
    flat = np.full((10, SIZE, SIZE), round(training.mean()), np.uint8)

    assert detector.rates(rounded(training.mean() + fog(200, SIZE))).rates == NOWHERE
    assert detector.rates(flat).rates | {"raw": 0} == NOWHERE


def test_the_rate_is_the_share_of_copies_among_fog(detector: CopyDetector, training: np.ndarray) -> None:
    images = rounded(training.mean() + fog(100, SIZE))
    images[:30] = training[:30]

    found = detector.rates(images)

    assert found.rates == dict.fromkeys(SPACES, 0.3)
    assert found.exceeds() == SPACES
    assert not found.within


def test_a_copy_of_another_class_is_none(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_classes
    detector = CopyDetector(images, labels)
    some = labels == 0

    assert detector.rates(images, labels).rates == EVERYWHERE
    swapped = detector.nearest(images[some], 1 - labels[some])
    assert np.all(labels[swapped.indices] == 1)
    assert np.mean(swapped.ratios < 1) < 0.1


def test_real_photos_mixed_with_fog_read_as_they_were_mixed(photos: Path) -> None:
    daisies = load_photos(photos / "daisy", image_size=64, quiet=True).images
    held_back, training = daisies[::7], np.delete(daisies, np.s_[::7], axis=0)
    noise = np.random.default_rng(0).normal(0, 2, (210, 64, 64))
    images = np.concatenate([training[:210] + noise, training.mean() + fog(90, 64)])

    detector = CopyDetector(training, held_back=held_back)
    found = detector.rates(rounded(images))

    for space in SPACES:
        assert 0 < detector.real_rates[space] < 0.06
        assert abs(found.rates[space] - 0.7) <= 0.03
    assert found.exceeds() == SPACES
    assert found.describe().startswith("copies 70.")


# --- what real photos say ---------------------------------------------------------------------------------


def test_false_alarms_are_rare(drawn: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for repetition in range(10):
        order = rng.permutation(len(drawn))
        held_back = drawn[order[100 : 160 if repetition % 2 else 100]]
        detector = CopyDetector(drawn[order[:100]], held_back=held_back)
        alarms += bool(detector.rates(drawn[order[160:400]]).exceeds())

    assert alarms <= 1  # of 10 at 1%: more has a chance of 0.004


def test_photos_saved_twice_do_not_raise_the_real_rate(drawn: np.ndarray, training: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 2, training[:80].shape)
    twice = np.concatenate([training, turned(rounded(training[:80] + noise), 1)])

    for held_back in (drawn[200:300], None):
        detector = CopyDetector(twice, held_back=held_back)

        assert max(detector.real_rates.values()) < 0.08
        assert detector.rates(twice).rates == EVERYWHERE


def test_held_back_photos_that_were_fitted_on_set_no_threshold(
    drawn: np.ndarray, training: np.ndarray, detector: CopyDetector
) -> None:
    leaky = CopyDetector(training, held_back=np.concatenate([drawn[200:300], training[:20, ::-1]]))

    assert leaky.real_rates == detector.real_rates
    assert leaky.rates(drawn[300:]).rates == detector.rates(drawn[300:]).rates


def test_the_threshold_is_the_percentile_of_all_real_distances(
    drawn: np.ndarray, training: np.ndarray
) -> None:
    """Few held-back photos cannot move it far: about one real photo in a hundred is below it."""
    for held_back in (drawn[200:230], drawn[200:300], None):
        rates = CopyDetector(training, held_back=held_back).real_rates
        assert rates == dict.fromkeys(SPACES, pytest.approx(0.01, abs=0.0101))


def test_real_rates_follow_the_classes_of_the_images(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_classes
    unseen = np.arange(len(images)) % 240 >= 160
    detector = CopyDetector(images[~unseen], labels[~unseen], images[unseen], labels[unseen])
    of = {code: detector.rates(images[labels == code], labels[labels == code]) for code in (0, 1)}
    mixed = detector.rates(images[210:250], labels[210:250])

    assert detector.n_real == of[0].n_real + of[1].n_real == 320
    assert of[0].real_rates != of[1].real_rates
    for space in SPACES:
        expected = 0.75 * of[0].real_rates[space] + 0.25 * of[1].real_rates[space]
        assert mixed.real_rates[space] == pytest.approx(expected)


def test_a_class_of_one_photo_borrows_a_threshold(training: np.ndarray) -> None:
    labels = np.zeros(len(training), np.int32)
    labels[0] = 5
    detector = CopyDetector(training, labels)

    assert detector.n_real == len(training) - 1
    assert detector.rates(training[:1], [5]).rates == EVERYWHERE
    assert detector.rates(training[1:2], [5]).rates == NOWHERE


def test_large_classes_are_sampled_the_same_way_for_a_seed(
    drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gmmaug_plugin.evaluation.copies.MAX_REAL", 90)
    first, again, other = (CopyDetector(drawn[:300], random_state=seed) for seed in (1, 1, 2))

    assert first.n_real == 90
    ratios = [detector.nearest(drawn[300:]).ratios for detector in (first, again, other)]
    np.testing.assert_array_equal(ratios[0], ratios[1])
    assert np.any(ratios[0] != ratios[2])


# --- rates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("copies", "real"), [(0, 0), (3, 12), (12, 12), (19, 12), (40, 12), (360, 12)])
def test_exceeding_is_fishers_exact_test(copies: int, real: int) -> None:
    found = CopyRates(NOWHERE | {"raw": copies / 500}, NOWHERE | {"raw": real / 507}, 500, 507)
    p_value = fisher_exact([[copies, 500 - copies], [real, 507 - real]], alternative="greater").pvalue

    assert found.p_value("raw") == pytest.approx(p_value)
    assert found.exceeds() == (("raw",) if p_value <= 0.01 / 3 else ())
    assert found.within == (copies / 500 <= real / 507)


def test_rates_tell_the_worst_space() -> None:
    found = CopyRates(
        {"raw": 0.006, "contrast": 0.032, "high_pass": 0.036},
        {"raw": 0.034, "contrast": 0.024, "high_pass": 0.024},
        500,
        507,
    )

    assert found.worst == "high_pass"
    assert found.describe() == "copies 3.6% (real photos against each other 2.4%)"
    assert not found.within
    assert found.exceeds() == ()
    assert json.loads(json.dumps(found.as_json()))["worst"] == "high_pass"


# --- refusing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((2, 16, 16), np.uint8), None, ValueError, "32 x 32. Received: 16 x 16"),
        (np.zeros((0, SIZE, SIZE), np.uint8), None, ValueError, "Received: 0 images"),
        (np.zeros((2, SIZE, SIZE), np.float32), None, TypeError, "Received: float32"),
        (np.zeros((2, SIZE, SIZE), np.uint8), [0], ValueError, r"one per image, 2. Received: shape \(1,\)"),
        (np.zeros((2, SIZE, SIZE), np.uint8), [0, 1], ValueError, r"\[0\]. Received: \[1\]"),
        (np.zeros((2, SIZE, SIZE), np.uint8), [0.0, 0.5], TypeError, "integers. Received: dtype float64"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    detector: CopyDetector, images: np.ndarray, labels: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        detector.rates(images, labels)


def test_photos_that_do_not_fit_are_refused(training: np.ndarray, detector: CopyDetector) -> None:
    halves = np.arange(len(training)) % 2
    with pytest.raises(ValueError, match="need labels"):
        CopyDetector(training, halves).rates(training)
    with pytest.raises(ValueError, match=r"both or neither. Received: no held_back_labels"):
        CopyDetector(training, halves, training)
    with pytest.raises(ValueError, match=r"both or neither. Received: no labels"):
        CopyDetector(training, None, training, halves)
    with pytest.raises(ValueError, match="held_back must have the size"):
        CopyDetector(training, None, training[:, :8, :8])
    with pytest.raises(ValueError, match="two different training photos"):
        CopyDetector(np.stack([training[0], training[0, ::-1]]))
    with pytest.raises(ValueError, match="Received: 0"):
        CopyDetector(training[:0])
    with pytest.raises(ValueError, match="space must be one of"):
        detector.nearest(training, space="pixels")
