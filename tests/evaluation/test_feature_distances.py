import numpy as np
import pytest

from gmmaug_plugin.evaluation.feature_distances import coverage, frechet_distance, measure_features


def diagonal(mean: list[float], deviation: list[float]) -> np.ndarray:
    """Points (2 d, d) with exactly that mean and diagonal covariance (divided by n - 1)."""
    d = len(mean)
    corners = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt((2 * d - 1) / 2)
    return np.array(mean) + corners * np.array(deviation)


def test_diagonal_gaussians_have_the_closed_form() -> None:
    first, second = diagonal([0, 1, 2], [1, 2, 3]), diagonal([4, 1, 0], [3, 2, 0.5])
    expected = (16 + 0 + 4) + ((1 - 3) ** 2 + 0 + (3 - 0.5) ** 2)
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_more_features_than_images_have_the_distance_of_the_occupied_subspace() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 3)), rng.normal(size=(6, 3)) + 1
    rotation = np.linalg.qr(rng.normal(size=(50, 50)))[0][:3]
    wide = frechet_distance(first @ rotation, second @ rotation)
    assert wide == pytest.approx(frechet_distance(first, second), rel=1e-6)


def test_a_manifold_reaches_to_the_third_neighbor() -> None:
    """Members 0, 1, 3, 7 have the radii 7, 6, 4, 7: together they reach from -7 to 14."""
    members = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert coverage(np.array([[-7.1], [-7.0], [5.0], [14.0], [14.1]]), members) == pytest.approx(0.6)


def test_precision_falls_for_strangers_and_recall_for_missing_kinds() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array([[0.0, 0.0], [30.0, 0.0]])
    photos, reference = (kinds[np.arange(100) % 2] + rng.normal(size=(100, 2)) for _ in range(2))
    strangers = np.array([15.0, 99.0]) + rng.normal(size=(100, 2))
    some_strangers = np.where(np.arange(100)[:, None] < 50, photos, strangers)
    one_kind = kinds[0] + rng.normal(size=(100, 2))
    for images, precision, recall in (
        (photos, True, True),
        (some_strangers, False, True),
        (one_kind, True, False),
    ):
        found = measure_features(images, photos, reference)
        assert [one.name for one in found] == ["precision", "recall", "frechet_distance"]
        assert [one.good for one in found[:2]] == [precision, recall]
        assert ("unlike any photo" in found[0].verdict) is not precision
        assert ("missing" in found[1].verdict) is not recall
    assert found[1].value == pytest.approx(50, abs=5)


def test_the_frechet_distance_is_judged_by_that_of_real_photos() -> None:
    rng = np.random.default_rng(0)
    near, real, reference = (rng.normal(size=(200, 8)) for _ in range(3))
    assert measure_features(near, real, reference)[2].good
    far = measure_features(near + 1.0, real, reference)[2]
    assert far.good is False
    assert f"{far.value / far.real:.2g} times as different" in far.verdict
