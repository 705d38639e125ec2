"""Copies are distinguished from images that merely resemble photos, and real photos set the thresholds."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import fisher_exact

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation import copies
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, CopyRates, NoDifferentPhotosError
from gmmaug_plugin.evaluation.nearest import turned
from gmmaug_plugin.photos import load_photos

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


def fog(n: int, size: int, *, amount: float = 70) -> np.ndarray:
    """Smooth random fields, float, mean 0."""
    fields = np.random.default_rng(0).normal(size=(n, size, size))
    smooth = gaussian_filter(fields, (0, size / 6, size / 6), mode="wrap")
    return amount * smooth / smooth.std(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("symmetry", range(8))
def test_turned_and_mirrored_photos_are_copies_and_found(
    detector: CopyDetector, training: np.ndarray, symmetry: int
) -> None:
    images = turned(training[:10], symmetry)

    assert detector.rates(images).rates == EVERYWHERE
    for space in SPACES:
        nearest = detector.nearest(images, space=space)
        assert nearest.indices.tolist() == list(range(10))
        assert np.all(nearest.distances < 1e-5)
        np.testing.assert_array_equal([nearest.photo(index) for index in range(10)], images)


def test_noise_brightness_fog_and_blur_hide_a_copy_in_some_spaces_only(
    detector: CopyDetector, training: np.ndarray
) -> None:
    some = training[:100]
    noise = np.random.default_rng(0).normal(0, 2, some.shape)
    noisy = detector.rates(rounded(some + noise)).rates
    bright = detector.rates(rounded(0.4 * some + 150)).rates
    foggy = detector.rates(rounded(0.6 * some + 50 + fog(len(some), SIZE, amount=60))).rates
    blurred = detector.rates(rounded(gaussian_filter(some.astype(float), (0, SIZE / 10, SIZE / 10)))).rates

    assert noisy == EVERYWHERE
    assert bright["contrast"] == bright["high_pass"] == 1
    assert bright["raw"] < 0.5
    assert foggy["high_pass"] > 0.9
    assert max(foggy["raw"], foggy["contrast"]) < 0.1
    assert blurred["high_pass"] < 0.05
    assert min(blurred["raw"], blurred["contrast"]) > 0.4


def test_fog_is_no_copy_and_the_rate_is_the_share_of_copies_in_it(
    detector: CopyDetector, training: np.ndarray
) -> None:
    images = rounded(training.mean() + fog(100, SIZE))
    assert detector.rates(images).rates == NOWHERE
    images[:30] = training[:30]

    found = detector.rates(images)

    assert found.rates == dict.fromkeys(SPACES, 0.3)
    assert found.exceeds() == SPACES
    np.testing.assert_array_equal(detector.ratios(images) < 1, np.arange(100) < 30)


def test_a_ratio_is_the_least_over_spaces_and_independent_of_the_block(
    detector: CopyDetector, drawn: np.ndarray
) -> None:
    images = drawn[300:400]
    whole = detector.ratios(images)

    least = np.min([detector.nearest(images, space=space).ratios for space in SPACES], axis=0)
    np.testing.assert_array_equal(whole, least)
    for n in (1, 7, 32):
        blocks = [detector.ratios(images[begin : begin + n]) for begin in range(0, len(images), n)]
        np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_copy_of_another_class_is_none(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_classes
    detector = CopyDetector(images, labels)
    some = labels == 0

    assert detector.rates(images[::4], labels[::4]).rates == EVERYWHERE
    swapped = detector.nearest(images[some], 1 - labels[some])
    assert np.all(labels[swapped.indices] == 1)
    assert np.mean(swapped.ratios < 1) < 0.1


def test_color_is_compared_by_luma_and_large_images_at_128_pixels(training: np.ndarray) -> None:
    large = np.kron(training[:40], np.ones((5, 5), np.uint8))
    color = np.repeat(large[..., None], 3, axis=3)
    detector = CopyDetector(color)

    np.testing.assert_array_equal(detector.ratios(color[:4]), CopyDetector(large).ratios(large[:4]))
    nearest = detector.nearest(color[3:4].swapaxes(1, 2))
    assert nearest.indices.tolist() == [3]
    np.testing.assert_array_equal(nearest.photo(0), color[3].swapaxes(0, 1))


def test_real_photos_mixed_with_fog_read_as_they_were_mixed(photos: Path) -> None:
    daisies = load_photos(photos / "daisy", image_size=64, quiet=True).images
    held_back, training = daisies[::7], np.delete(daisies, np.s_[::7], axis=0)
    noise = np.random.default_rng(0).normal(0, 2, (70, 64, 64))
    images = np.concatenate([training[:70] + noise, training.mean() + fog(30, 64)])

    detector = CopyDetector(training, held_back=held_back)
    found = detector.rates(rounded(images))

    for space in SPACES:
        assert 0 < detector.real_rates[space] < 0.06
        assert abs(found.rates[space] - 0.7) <= 0.03


def test_false_alarms_are_rare(drawn: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for repetition in range(8):
        order = rng.permutation(len(drawn))
        held_back = drawn[order[100 : 160 if repetition % 2 else 100]]
        detector = CopyDetector(drawn[order[:100]], held_back=held_back)
        alarms += bool(detector.rates(drawn[order[160:300]]).exceeds())

    assert alarms <= 1  # of 8 at 1%: more has a chance of 0.003


def test_photos_saved_twice_do_not_raise_the_real_rate(drawn: np.ndarray, training: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 2, training[:80].shape)
    twice = np.concatenate([training, turned(rounded(training[:80] + noise), 1)])

    for held_back in (drawn[200:300], None):
        detector = CopyDetector(twice, held_back=held_back)
        assert max(detector.real_rates.values()) < 0.08
        assert detector.rates(twice[::5]).rates == EVERYWHERE


def test_held_back_photos_that_are_training_photos_set_no_threshold(
    drawn: np.ndarray, training: np.ndarray, detector: CopyDetector
) -> None:
    leaky = CopyDetector(training, held_back=np.concatenate([drawn[200:300], training[:20, ::-1]]))

    assert leaky.real_rates == detector.real_rates
    np.testing.assert_array_equal(leaky.ratios(drawn[300:330]), detector.ratios(drawn[300:330]))


def test_real_rates_are_one_percent_and_follow_the_classes_of_the_images(
    two_classes: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = two_classes
    unseen = np.arange(len(images)) % 240 >= 160
    detector = CopyDetector(images[~unseen], labels[~unseen], images[unseen], labels[unseen])
    of = {code: detector.rates(images[labels == code][:20], labels[labels == code][:20]) for code in (0, 1)}
    mixed = detector.rates(images[210:250], labels[210:250])

    assert detector.n_real == of[0].n_real + of[1].n_real == 320
    assert detector.real_rates == dict.fromkeys(SPACES, pytest.approx(0.01, abs=0.0101))
    assert of[0].real_rates != of[1].real_rates
    for space in SPACES:
        expected = 0.75 * of[0].real_rates[space] + 0.25 * of[1].real_rates[space]
        assert mixed.real_rates[space] == pytest.approx(expected)


def test_a_class_of_one_photo_borrows_a_threshold(training: np.ndarray) -> None:
    labels = np.zeros(60, np.int32)
    labels[0] = 5
    detector = CopyDetector(training[:60], labels)

    assert detector.n_real == 59
    assert detector.rates(training[:1], [5]).rates == EVERYWHERE
    assert detector.rates(training[1:2], [5]).rates == NOWHERE
    with pytest.raises(NoDifferentPhotosError, match="two different training photos"):
        CopyDetector(np.stack([training[0], training[0, ::-1]]))


def test_too_many_photos_are_sampled_by_the_seed_and_a_note_says_so(
    drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MAX_COMPARED", 110)
    labels = (np.arange(300) < 30).astype(np.int32)
    first, again, other = (CopyDetector(drawn[:300], labels, random_state=seed) for seed in (1, 1, 2))

    assert first.note is not None
    assert "among 110 of the 300 training photos" in first.note
    zeros = np.zeros(40, np.int32)
    ratios = [one.ratios(drawn[300:340], zeros) for one in (first, again, other)]
    np.testing.assert_array_equal(ratios[0], ratios[1])
    assert np.any(ratios[0] != ratios[2])
    assert first.rates(drawn[:30], labels[:30]).rates == EVERYWHERE  # the small class is compared whole


@pytest.mark.parametrize(("n_copies", "n_real"), [(0, 0), (3, 12), (19, 12), (40, 12), (360, 12)])
def test_exceeding_is_fishers_exact_test(n_copies: int, n_real: int) -> None:
    found = CopyRates(NOWHERE | {"raw": n_copies / 500}, NOWHERE | {"raw": n_real / 507}, 500, 507)
    p_value = fisher_exact([[n_copies, 500 - n_copies], [n_real, 507 - n_real]], alternative="greater").pvalue

    assert found.exceeds() == (("raw",) if p_value <= 0.01 / 3 else ())
    assert json.loads(json.dumps(found.as_json()))["exceeds"] == list(found.exceeds())


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((2, 16, 16), np.uint8), None, ValueError, r"32 x 32 pixels. Received: shape \(2, 16, 16\)"),
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
    some, halves = training[:30], np.arange(30) % 2
    with pytest.raises(ValueError, match="need labels"):
        CopyDetector(some, halves).rates(some)
    with pytest.raises(ValueError, match=r"both or neither. Received: no held_back_labels"):
        CopyDetector(some, halves, some)
    with pytest.raises(ValueError, match=r"both or neither. Received: no labels"):
        CopyDetector(some, None, some, halves)
    with pytest.raises(ValueError, match="held_back must be 32 x 32"):
        CopyDetector(some, None, some[:, :8, :8])
    with pytest.raises(ValueError, match="at least 1 images"):
        CopyDetector(some[:0])
    with pytest.raises(ValueError, match="space must be one of"):
        detector.nearest(some, space="pixels")  # type: ignore[arg-type]
