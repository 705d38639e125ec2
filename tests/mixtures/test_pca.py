import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from threadpoolctl import threadpool_limits

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.mixtures import principal_components as principal
from gmmaug_plugin.mixtures.pca import PCAMixture, PCAOptions

COVARIANCES = ("diag", "full", "tied", "spherical")


@pytest.fixture(scope="module")
def flowers() -> np.ndarray:
    return make_flowers(60, image_size=16, random_state=1)[0]


@pytest.fixture(scope="module")
def mixture(flowers: np.ndarray) -> PCAMixture:
    return PCAMixture.fit(flowers, PCAOptions(n_components=3))


def dense(mixture: PCAMixture) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Weight, mean and covariance in pixel space of every component, from the definitions."""
    q, D = mixture.n_dimensions, mixture.mean.size
    rows = mixture.basis.reshape(q, D) * mixture.scales[:, None].astype(np.float64)
    within = np.linalg.pinv(rows) @ rows
    g, found, ends = mixture.gaussians, [], np.cumsum(mixture.gaussians.ranks)
    for weight, mean, group in zip(g.weights, g.means, g.groups, strict=True):
        factors = g.factors[ends[group] - g.ranks[group] : ends[group]].astype(np.float64)
        covariance = np.diag(g.variances[group].astype(np.float64)) + factors.T @ factors
        outside = mixture.noise_variance * (np.eye(D) - within)
        found.append((weight, mixture.mean.ravel() + mean @ rows, rows.T @ covariance @ rows + outside))
    return found


@pytest.mark.parametrize("covariance_type", COVARIANCES)
@pytest.mark.parametrize("whiten", [False, True])
def test_densities_are_those_of_normal_laws_over_all_pixels(covariance_type: str, whiten: bool) -> None:
    photos = make_flowers(60, image_size=16, random_state=2)[0][:, 4:12, 4:12]
    options = PCAOptions(n_components=2, variance=12, covariance_type=covariance_type, whiten=whiten)
    mixture = PCAMixture.fit(photos, options)
    assert mixture.n_dimensions == 12
    other = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    images = np.concatenate([photos[:5], other])
    joint = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(images.reshape(10, -1))
        for weight, mean, covariance in dense(mixture)
    ]
    np.testing.assert_allclose(mixture.score_samples(images), logsumexp(joint, axis=0), rtol=1e-4)
    in_bits = -np.mean(logsumexp(joint, axis=0)) / 64 / np.log(2)
    assert mixture.bits_per_pixel(images) == pytest.approx(in_bits, rel=1e-4)


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_draws_have_the_moments_of_the_mixture(flowers: np.ndarray, covariance_type: str) -> None:
    # Flowers of little contrast, so that no gray level is clipped.
    photos = (110 + flowers / 8).astype(np.uint8)
    options = PCAOptions(n_components=2, variance=6, covariance_type=covariance_type)
    mixture = PCAMixture.fit(photos, options)
    draws = mixture.sample(4000, 0).reshape(4000, -1)
    _, means, _ = zip(*dense(mixture), strict=True)
    weights = mixture.gaussians.weights
    mean = weights @ np.array(means)
    rows = mixture.eigen_images.reshape(6, -1)
    inside = sum(
        w * (rows @ c @ rows.T + np.outer(rows @ (m - mean), rows @ (m - mean))) for w, m, c in dense(mixture)
    )
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.8)
    expected = np.diag(inside)
    np.testing.assert_allclose((draws @ rows.T).var(axis=0), expected, rtol=0.12, atol=0.2)


def test_a_draw_is_a_function_of_its_seed_alone(mixture: PCAMixture) -> None:
    images = mixture.sample(6, seed=4)
    assert images.shape == (6, 16, 16)
    assert images.dtype == np.uint8
    assert len(np.unique(images, axis=0)) == 6
    np.testing.assert_array_equal(images[5], mixture.draw([4, 5]))
    assert (mixture.draw([4]) != mixture.draw([4, 0])).any()


def test_a_file_gives_the_same_images_and_densities(mixture: PCAMixture, flowers: np.ndarray) -> None:
    again = PCAMixture.from_arrays(mixture.arrays())
    np.testing.assert_array_equal(again.sample(5, 1), mixture.sample(5, 1))
    np.testing.assert_array_equal(again.score_samples(flowers), mixture.score_samples(flowers))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("basis", np.zeros((3, 16, 16), np.int8), "scales must be float32"),
        ("mean", np.zeros((16, 16)), "mean must be float32"),
        ("groups", np.full(3, 9, np.int32), "groups out of range"),
        ("ranks", np.full(3, 2, np.int32), "ranks that do not fit"),
        ("weights", np.full(3, np.nan), "not finite"),
        ("weights", np.full(3, 0.5), "sum to 1"),
        ("noise_variance", np.zeros(1), "not positive"),
    ],
)
def test_wrong_arrays_are_refused(mixture: PCAMixture, name: str, value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PCAMixture.from_arrays({**mixture.arrays(), name: value})


def test_missing_arrays_are_named(mixture: PCAMixture) -> None:
    arrays = mixture.arrays()
    del arrays["scales"]
    with pytest.raises(ValueError, match=r"none called \['scales'\]"):
        PCAMixture.from_arrays(arrays)


def test_drawing_from_a_file_needs_no_scikit_learn(mixture: PCAMixture, tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", **mixture.arrays())
    code = (
        "import sys, numpy as np; from gmmaug_plugin.mixtures.pca import PCAMixture\n"
        f"PCAMixture.from_arrays(dict(np.load({str(tmp_path / 'arrays.npz')!r}))).draw([0])\n"
        "assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_mirrored_copies_make_the_mixture_symmetric(mixture: PCAMixture, flowers: np.ndarray) -> None:
    mirrored = np.ascontiguousarray(flowers[:, :, ::-1])
    np.testing.assert_allclose(mixture.mean, mixture.mean[:, ::-1], atol=1e-3)
    plain = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1), mirror=False)
    both = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1))
    gap = [abs((one.score_samples(flowers) - one.score_samples(mirrored)).mean()) for one in (plain, both)]
    assert gap[1] < gap[0] / 10


def test_the_criteria_count_photos_not_mirrored_copies(flowers: np.ndarray) -> None:
    mixture = PCAMixture.fit(flowers, PCAOptions(n_components="1:4", variance=5))
    assert [one["n_components"] for one in mixture.curve] == [1, 2, 3]
    for one in mixture.curve:
        K = one["n_components"]
        assert one["bic"] - one["aic"] == pytest.approx((np.log(60) - 2) * (K * 5 + K * 5 + K - 1))
    best = min(mixture.curve, key=lambda one: one["aic"])["n_components"]
    both = np.concatenate([flowers, flowers[:, :, ::-1]])
    codes = (both - mixture.mean).reshape(120, -1) @ mixture.eigen_images.reshape(5, -1).T.astype(np.float64)
    likelihood = logsumexp(mixture.gaussians.log_joint(codes), axis=1).mean()
    expected = 2 * (best * 11 - 1) - 2 * 60 * likelihood
    assert mixture.curve[best - 1]["aic"] == pytest.approx(expected, rel=1e-3)
    assert mixture.n_components == best
    assert f"{best} Gaussian" in mixture.choice
    assert "AIC, of 3 numbers from 1 to 3" in mixture.choice


def test_the_number_of_clusters_is_found() -> None:
    """Photos of three kinds, far apart beside their noise."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(60, 200, (3, 8, 8))
    photos = np.clip(kinds[np.arange(240) % 3] + 6 * rng.normal(size=(240, 8, 8)), 0, 255).astype(np.uint8)
    for criterion in ("aic", "bic"):
        options = PCAOptions(variance=2, covariance_type="full", criterion=criterion)
        assert PCAMixture.fit(photos, options, mirror=False).n_components == 3


def test_auto_tries_a_component_per_20_photos_at_most() -> None:
    assert PCAOptions().candidates(39) == (1,)
    assert PCAOptions().candidates(593) == (1, 2, 3, 4, 6, 8, 11, 16, 23, 29)
    assert PCAOptions().candidates(10**6)[-1] == 128
    assert PCAOptions(n_components="1:600:10").candidates(25) == (1, 11, 21)
    assert PCAOptions(n_components="7").candidates(25) == (7,)


def test_noise_is_found_again_outside_the_principal_components() -> None:
    """Photos of 3 directions and white noise of variance 25."""
    rng = np.random.default_rng(0)
    directions = 60 * rng.normal(size=(400, 3)) @ np.linalg.qr(rng.normal(size=(256, 3)))[0].T
    photos = np.clip(np.rint(128 + directions + 5 * rng.normal(size=(400, 256))), 0, 255)
    photos = photos.astype(np.uint8).reshape(-1, 16, 16)
    mixture = PCAMixture.fit(photos, PCAOptions(n_components=1, variance=3), mirror=False)
    assert mixture.noise_variance == pytest.approx(25 + 1 / 12, rel=0.03)


def test_noise_is_measured_on_photos_that_were_not_fitted(flowers: np.ndarray) -> None:
    """Twenty photos fill nineteen dimensions: of themselves they would leave nothing."""
    mixture = PCAMixture.fit(flowers[:20], PCAOptions(n_components=1, variance=19), mirror=False)
    assert mixture.noise_variance > 50
    assert mixture.gaussians.variances.min() >= mixture.noise_variance


def test_of_very_many_photos_some_are_chosen_and_a_note_says_so(
    flowers: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principal, "_MOST_VALUES", 50 * 256)
    mixture = PCAMixture.fit(flowers, PCAOptions(n_components=1))
    assert mixture.notes == ("Principal components are fitted on 25 of 60 photos, chosen at random.",)
    assert mixture.n_dimensions < 50


def test_a_fit_does_not_depend_on_the_number_of_threads(flowers: np.ndarray) -> None:
    found = []
    for n_threads in (1, 4):
        with threadpool_limits(n_threads):
            found.append(PCAMixture.fit(flowers, PCAOptions(n_components=4)).arrays())
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_two_photos_are_enough(flowers: np.ndarray) -> None:
    for mirror in (False, True):
        assert PCAMixture.fit(flowers[:2], mirror=mirror).draw([0]).shape == (16, 16)


@pytest.mark.parametrize(
    ("photos", "error", "message"),
    [
        (np.zeros((4, 16, 16, 3), np.uint8), ValueError, "grayscale photos"),
        (np.zeros((4, 16, 16)), TypeError, "uint8"),
        (np.zeros((4, 16, 12), np.uint8), ValueError, r"\(n, S, S\)"),
        (np.full((5, 8, 8), 7, np.uint8), ValueError, "photos that differ"),
    ],
)
def test_unfit_photos_are_refused(photos: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PCAMixture.fit(photos)


def test_more_components_than_photos_are_refused(flowers: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"at most the number of photos, 10\. Received: 11"):
        PCAMixture.fit(flowers[:10], PCAOptions(n_components=11))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_components", 0),
        ("n_components", "many"),
        ("n_components", "1:9:0"),
        ("criterion", "heldout"),
        ("variance", 1.5),
        ("variance", float("nan")),
        ("covariance_type", "round"),
        ("recipe", "mine"),
    ],
)
def test_wrong_options_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{option} must be .*Received: {value!r}"):
        PCAOptions(**{option: value})


def test_each_option_has_a_help_text() -> None:
    assert all(one.metadata["help"] for one in fields(PCAOptions))
