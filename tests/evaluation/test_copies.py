"""Copies are distinguished from images that merely resemble photos, and real photos set the thresholds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation import copies
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, CopyRates, NoDifferentPhotosError, turned

SIZE = 32
EVERYWHERE = dict.fromkeys(SPACES, 1.0)
NOWHERE = dict.fromkeys(SPACES, 0.0)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Drawn photos of one class, all from one distribution."""
    return make_flowers(480, image_size=SIZE, n_classes=1, random_state=3)[0]


@pytest.fixture(scope="module")
def training(drawn: np.ndarray) -> np.ndarray:
    return drawn[:200]


@pytest.fixture(scope="module")
def two_classes(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drawn photos, and negatives of others: images and labels."""
    return np.concatenate([drawn[:240], 255 - drawn[240:]]), np.repeat([0, 1], 240)


@pytest.fixture(scope="module")
def detector(training: np.ndarray) -> CopyDetector:
    return CopyDetector(training)


def noise(n: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def rounded(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def fog(n: int, size: int, *, amount: float = 70) -> np.ndarray:
    """Smooth random fields, float, mean 0."""
    fields = np.random.default_rng(0).normal(size=(n, size, size))
    smooth = gaussian_filter(fields, (0, size / 6, size / 6), mode="wrap")
    return amount * smooth / smooth.std(axis=(1, 2), keepdims=True)


def point(image: np.ndarray, space: str) -> np.ndarray:
    """The documented point of an image in a space."""
    found = image.astype(float)
    if space == "high_pass":
        found = found - gaussian_filter(found, max(1, len(image) / 32))
    if space != "raw":
        found = found - found.mean()
        norm = np.linalg.norm(found)
        found = found / norm if norm > 0.5 else np.full(image.shape, 1 / len(image))
    return found


@given(size=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), flat=st.booleans())
@settings(max_examples=40, deadline=None)
def test_ratios_and_nearest_photos_follow_the_definition(size: int, seed: int, flat: bool) -> None:
    photos, images = noise(7, size, seed), noise(4, size, seed + 1)
    if flat:
        images[0], photos[3] = 9, 200
    try:
        found = CopyDetector(photos).nearest(images)
    except NoDifferentPhotosError:
        return
    for space in SPACES:
        points = np.stack([[point(turned(one[None], k)[0], space) for k in range(8)] for one in photos])
        gaps = np.stack([point(one, space) for one in images])[:, None, None] - points
        distances = np.linalg.norm(gaps, axis=(3, 4))
        near, rows = found[space], np.arange(len(images))
        own = distances[rows, near.indices, near.symmetries]
        np.testing.assert_allclose(own, distances.min(axis=(1, 2)), rtol=1e-3, atol=1e-4)
        ratios = near.ratios / near.ratios.max()
        np.testing.assert_allclose(ratios, own / own.max(), rtol=1e-3, atol=1e-3)


def test_the_threshold_is_the_first_percentile_of_distances_between_photos(training: np.ndarray) -> None:
    photos, image = training[:30], training[40]
    points = np.stack([[turned(one[None], k)[0].astype(float) for k in range(8)] for one in photos])
    distances = np.linalg.norm(photos[:, None, None] - points, axis=(3, 4)).min(axis=2)
    np.fill_diagonal(distances, np.inf)
    expected = np.linalg.norm(points - image, axis=(2, 3)).min() / np.percentile(distances.min(axis=1), 1)

    found = CopyDetector(photos).nearest(image[None])["raw"]

    assert found.ratios[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("symmetry", range(8))
def test_turned_and_mirrored_photos_are_copies_and_found(
    detector: CopyDetector, training: np.ndarray, symmetry: int
) -> None:
    images = turned(training[:10], symmetry)

    assert detector.rates(images).rates == EVERYWHERE
    for nearest in detector.nearest(images).values():
        assert nearest.indices.tolist() == list(range(10))
        assert np.all(nearest.ratios < 1e-5)
        found = [turned(training[i : i + 1], nearest.symmetries[i])[0] for i in range(10)]
        np.testing.assert_array_equal(found, images)


def test_noise_brightness_fog_and_blur_hide_a_copy_in_some_spaces_only(
    detector: CopyDetector, training: np.ndarray
) -> None:
    some = training[:100]
    noisy = detector.rates(rounded(some + np.random.default_rng(0).normal(0, 2, some.shape))).rates
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

    np.testing.assert_array_equal(
        whole, np.min([one.ratios for one in detector.nearest(images).values()], axis=0)
    )
    for n in (1, 7, 32):
        blocks = [detector.ratios(images[begin : begin + n]) for begin in range(0, len(images), n)]
        np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_only_photos_of_the_same_class_are_compared(two_classes: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = two_classes
    detector = CopyDetector(images, labels)
    some = labels == 0

    assert detector.rates(images[::4], labels[::4]).rates == EVERYWHERE
    swapped = detector.nearest(images[some], 1 - labels[some])["contrast"]
    assert np.all(labels[swapped.indices] == 1)
    assert np.mean(swapped.ratios < 1) < 0.1
    alone = detector.of_class(1)
    np.testing.assert_array_equal(alone.ratios(images[:9]), detector.ratios(images[:9], np.ones(9, int)))
    assert alone.nearest(images[250:252])["raw"].indices.tolist() == [10, 11]


def test_color_is_compared_by_luma_and_large_images_at_128_pixels(training: np.ndarray) -> None:
    large = np.kron(training[:40], np.ones((5, 5), np.uint8))
    color = np.repeat(large[..., None], 3, axis=3)
    detector = CopyDetector(color)

    np.testing.assert_array_equal(detector.ratios(color[:4]), CopyDetector(large).ratios(large[:4]))
    nearest = detector.nearest(color[3:4].swapaxes(1, 2))["contrast"]
    assert nearest.indices.tolist() == [3]
    found = turned(color[3:4], nearest.symmetries[0])
    np.testing.assert_array_equal(found, color[3:4].swapaxes(1, 2))


def test_false_alarms_are_rare(drawn: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(drawn)) for _ in range(8)]
    alarms = [CopyDetector(drawn[one[:100]]).rates(drawn[one[160:300]]).exceeds() for one in orders]

    assert sum(map(bool, alarms)) <= 1  # of 8 at 1%: more has a chance of 0.003


def test_photos_saved_twice_do_not_raise_the_real_rate(training: np.ndarray) -> None:
    changes = np.random.default_rng(0).normal(0, 2, training[:80].shape)
    twice = np.concatenate([training, turned(rounded(training[:80] + changes), 1)])
    detector = CopyDetector(twice)

    found = detector.rates(twice[::5])

    assert max(found.real_rates.values()) < 0.08
    assert found.rates == EVERYWHERE


def test_real_rates_are_one_percent_and_follow_the_classes_of_the_images(
    two_classes: tuple[np.ndarray, np.ndarray],
) -> None:
    images, labels = two_classes
    images, labels = images[: 240 + 150], labels[: 240 + 150]
    detector = CopyDetector(images, labels)
    of = {code: detector.rates(images[labels == code][:20], labels[labels == code][:20]) for code in (0, 1)}
    mixed = detector.rates(images[210:250], labels[210:250])

    assert (of[0].n_real, of[1].n_real, mixed.n_real) == (240, 150, 390)
    assert mixed.real_rates == dict.fromkeys(SPACES, pytest.approx(0.01, abs=0.0101))
    assert of[0].real_rates != of[1].real_rates
    for space in SPACES:
        expected = 0.75 * of[0].real_rates[space] + 0.25 * of[1].real_rates[space]
        assert mixed.real_rates[space] == pytest.approx(expected)


def test_a_class_of_one_photo_borrows_a_threshold(training: np.ndarray) -> None:
    labels = np.zeros(60, np.int32)
    labels[0] = 5
    detector = CopyDetector(training[:60], labels)

    assert detector.rates(training[:2], [5, 0]).n_real == 59
    assert detector.rates(training[:1], [5]).rates == EVERYWHERE
    assert detector.rates(training[1:2], [5]).rates == NOWHERE
    with pytest.raises(NoDifferentPhotosError, match="two different training photos"):
        CopyDetector(np.stack([training[0], training[0, ::-1]]))


def test_of_too_many_photos_some_are_compared_and_a_note_gives_their_number(
    drawn: np.ndarray, detector: CopyDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert detector.note is None
    monkeypatch.setattr(copies, "MAX_COMPARED", 110)
    labels = (np.arange(300) < 30).astype(np.int32)
    first, again = CopyDetector(drawn[:300], labels), CopyDetector(drawn[:300], labels)

    assert first.note is not None
    assert "with 110 of the 300 training photos" in first.note
    np.testing.assert_array_equal(*(one.ratios(drawn[300:340], [0] * 40) for one in (first, again)))
    assert first.rates(drawn[:30], labels[:30]).rates == EVERYWHERE  # the small class is compared whole
    assert first.rates(drawn[30:300], labels[30:]).rates["raw"] < 0.5


@pytest.mark.parametrize(
    ("n_copies", "n_real", "exceeds"),
    [(0, 0, False), (3, 12, False), (29, 12, False), (30, 12, True), (360, 12, True)],
)
def test_more_copies_than_chance_explains_exceed(n_copies: int, n_real: int, exceeds: bool) -> None:
    """Fisher's exact test at 0.0033: its p-values for 29 and 30 copies are 0.0043 and 0.0029."""
    found = CopyRates(NOWHERE | {"raw": n_copies / 500}, NOWHERE | {"raw": n_real / 507}, 500, 507)

    assert found.exceeds() == (("raw",) if exceeds else ())


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((2, 16, 16), np.uint8), None, ValueError, r"32 x 32 pixels. Received: shape \(2, 16, 16\)"),
        (np.zeros((0, SIZE, SIZE), np.uint8), None, ValueError, r"Received: shape \(0, 32, 32\)"),
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


def test_photos_that_do_not_fit_are_refused(training: np.ndarray) -> None:
    some = training[:30]
    with pytest.raises(ValueError, match=r"\[0, 1\]. Received: None"):
        CopyDetector(some, np.arange(30) % 2).rates(some)
    with pytest.raises(ValueError, match="training must be 32 x 32"):
        CopyDetector(some[:, :, :16])
    with pytest.raises(ValueError, match="at least 1 image"):
        CopyDetector(some[:0])
