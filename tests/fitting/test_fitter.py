from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from gmmaug_plugin import fit as front_door
from gmmaug_plugin import load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import load_photos
from gmmaug_plugin.models.engine import NumpyEngine

ENGINE = NumpyEngine()

fit = partial(front_door, model="pca", holdout=0.0, allow_copies=True)
"""The fit itself of whole images, on all photos given; what is held back and refused is in test_trial.py."""


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    return make_flowers(120, image_size=32, n_classes=3, random_state=0)


def test_every_class_gets_a_mixture_weighted_by_its_photos(flowers) -> None:
    images, labels, _ = flowers
    chosen = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:10]])
    names = np.array(["zinnia", "aster"])[labels[chosen]]
    model = fit(images[chosen], names, n_components=2, quiet=True)
    assert model.class_names == ("aster", "zinnia")
    assert model.n_components == 4
    shares = np.bincount(model.mixture.classes, model.mixture.weights)
    np.testing.assert_allclose(shares, [0.2, 0.8])
    assert model.info["photos_per_class"] == {"aster": 10, "zinnia": 40}
    assert model.info["n_components_per_class"] == {"aster": 2, "zinnia": 2}


def test_unseen_photos_are_likelier_than_their_own_pixels_in_another_order(flowers) -> None:
    images = flowers[0]
    model = fit(images[:90], quiet=True)
    unseen = images[90:]
    order = np.random.default_rng(0).permutation(32 * 32)
    shuffled = unseen.reshape(len(unseen), -1)[:, order].reshape(unseen.shape)
    assert (model.score_samples(unseen) > model.score_samples(shuffled)).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("whiten", [False, True])
def test_samples_look_like_the_photos_in_mean_and_variance(
    flowers, covariance_type: str, whiten: bool
) -> None:
    """Whole-set mean within a tenth, variance within a third: what all covariance types must keep."""
    images = flowers[0]
    model = fit(
        images, n_components=2, variance=0.9, covariance_type=covariance_type, whiten=whiten, quiet=True
    )
    drawn = model.sample(400, seed=0)[0].astype(float)
    photos = images.astype(float)
    assert drawn.mean() == pytest.approx(photos.mean(), rel=0.1)
    assert drawn.var(axis=0).mean() == pytest.approx(photos.var(axis=0).mean(), rel=0.35)


@pytest.mark.parametrize("criterion", ["aic", "bic", "heldout"])
def test_the_criterion_curve_is_kept_and_its_minimum_chosen(flowers, criterion: str) -> None:
    images, labels, _ = flowers
    model = fit(images, labels, n_components="1:6:2", criterion=criterion, variance=8, quiet=True)
    for name in model.class_names:
        curve, *others = model.info["criterion_curves"][name]
        assert curve["criterion"] == criterion
        assert {one["criterion"] for one in others} == {"aic", "bic"} - {criterion}
        for one in (curve, *others):
            assert one["n_components"] == [1, 3, 5]
            assert one["best"] == one["n_components"][int(np.argmin(one["values"]))]
            assert min(one["standard_errors"]) > 0
        assert model.info["n_components_per_class"][name] == curve["best"]
        assert model.info["choices"][name].startswith(f"{curve['best']} component")


@pytest.mark.parametrize("symmetry", ["none", "flip", "d4"])
def test_criteria_count_photos_and_not_their_copies(flowers, symmetry: str) -> None:
    """BIC - AIC = p (log n - 2) / n per photo tells the n that was counted."""
    images = flowers[0][:50]
    options = {"n_components": [1, 2], "variance": 4, "symmetry": symmetry, "quiet": True}
    curves = fit(images, criterion="aic", **options).info["criterion_curves"][""]
    aic, bic = (np.array(curve["values"]) for curve in curves)
    q = fit(images, **options).basis.n_dimensions
    p = np.array([2 * q, 4 * q + 1])
    np.testing.assert_allclose(bic - aic, p * (np.log(50) - 2) / 50, atol=1e-3)


def test_held_out_values_are_those_of_models_fitted_without_the_fold(flowers) -> None:
    """The curve against refitting by hand, fold by fold, through the front door."""
    from gmmaug_plugin.fitting.selection import N_FOLDS, folds

    images = flowers[0][:40]
    model = fit(images, n_components=[1, 2], criterion="heldout", variance=5, quiet=True)
    fold_of = folds(np.zeros(40, np.int32), random_state=0)
    by_hand = [
        -fit(images[fold_of != fold], n_components=1, variance=5, quiet=True)
        .score_samples(images[fold_of == fold])
        .mean()
        for fold in range(N_FOLDS)
    ]
    assert model.info["criterion_curves"][""][0]["values"][0] == pytest.approx(np.mean(by_hand), rel=1e-6)


def test_a_part_of_the_symmetry_may_be_left_without_a_direction(flowers, tmp_path: Path) -> None:
    model = fit(flowers[0], n_components=2, variance=1, quiet=True)
    assert model.basis.n_dimensions == 1
    model.save(tmp_path / "model.safetensors")
    images = load_model(tmp_path / "model.safetensors").sample(3, seed=0)[0]
    np.testing.assert_array_equal(images, model.sample(3, seed=0)[0])
    assert np.isfinite(model.score_samples(model.vary(images, seed=0))).all()


def test_info_tells_how_the_model_came_about(flowers) -> None:
    images, labels, _ = flowers
    model = fit(images, labels, variance=0.8, n_components=2, random_state=3, quiet=True)
    shares = model.info["explained_variance_ratio"]
    assert len(shares) == model.basis.n_dimensions
    assert 0.8 <= sum(shares) < 0.85
    options = model.info["options"]
    assert (options["variance"], options["n_components"], options["random_state"]) == (0.8, 2, 3)
    assert model.info["n_skipped"] == 0
    assert set(model.info["versions"]) >= {"gmmaug-plugin", "numpy", "scikit-learn"}


def test_symmetry_makes_mirrored_photos_equally_likely(flowers) -> None:
    images = flowers[0]
    for symmetry, copies in (("flip", [images[:, :, ::-1]]), ("d4", [np.rot90(images, 1, (1, 2))])):
        model = fit(images, n_components=1, symmetry=symmetry, quiet=True)
        for copy in copies:
            np.testing.assert_allclose(
                model.score_samples(np.ascontiguousarray(copy)), model.score_samples(images), rtol=1e-3
            )


def test_the_same_photos_options_and_seed_give_the_same_bytes(flowers, tmp_path: Path) -> None:
    images, labels, _ = flowers
    for name in ("first", "second"):
        fit(images, labels, n_components="auto", quiet=True).save(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "first.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


def test_the_seed_recipe_is_scikit_learns(flowers) -> None:
    images = flowers[0]
    model = fit(images, recipe="seed", n_components=5, quiet=True)
    flat = images.reshape(len(images), -1).astype(np.float64)
    pca = PCA(0.99, whiten=True)
    codes = pca.fit_transform(flat)
    oracle = GaussianMixture(5, covariance_type="full", random_state=0).fit(codes)
    assert model.basis.n_dimensions == pca.n_components_
    np.testing.assert_allclose(model.mixture.means, oracle.means_, atol=1e-5)
    np.testing.assert_allclose(model.mixture.weights, oracle.weights_)
    decoded = model.basis.decode(ENGINE, codes) + model.basis.mean
    expected = pca.inverse_transform(codes).reshape(images.shape)
    error = np.sqrt(np.mean((decoded - expected) ** 2))
    assert 20 * np.log10(255 / error) > 50
    group = model.mixture.groups[2]
    begin, end = model.mixture.factor_offsets[group : group + 2]
    factors = model.mixture.factors[begin:end].astype(float)
    covariance = factors.T @ factors + np.diag(model.mixture.variances[group].astype(float))
    scale = np.abs(oracle.covariances_[2]).max()
    np.testing.assert_allclose(covariance, oracle.covariances_[2], atol=2e-3 * scale)


def test_the_seed_recipe_scans_by_aic(flowers) -> None:
    images, labels, _ = flowers
    model = fit(images, labels, recipe="seed", n_components=[1, 2, 41], quiet=True)
    curve = model.info["criterion_curves"]["0"][0]
    assert curve["criterion"] == "aic"
    assert curve["n_components"] == [1, 2]
    assert model.info["n_components_per_class"]["0"] == curve["n_components"][int(np.argmin(curve["values"]))]


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (3, {}, r"found 3, needed at least 4"),
        (10, {"n_components": 11}, r"photos to fit on \(10\)\. Received: n_components=11"),
        (10, {"symmetry": "sideways"}, "symmetry must be one of"),
        (10, {"n_components": "none"}, "n_components must be"),
    ],
)
def test_bad_input_is_refused(flowers, count: int, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(flowers[0][:count], **options, quiet=True)


def test_equal_photos_and_odd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not differ"):
        fit(np.full((10, 8, 8), 3, np.uint8), quiet=True)
    odd = np.random.default_rng(0).integers(0, 256, (10, 9, 9)).astype(np.uint8)
    with pytest.raises(ValueError, match="even image_size"):
        fit(odd, quiet=True)
    assert fit(odd, symmetry="none", quiet=True).image_size == 9


def test_a_class_of_one_photo_and_the_fewest_photos_make_a_model() -> None:
    images = make_flowers(4, image_size=16, n_classes=1)[0]
    model = fit(images, ["many", "many", "many", "one"], quiet=True)
    drawn, _ = model.sample(5, label="one", seed=0)
    assert np.isfinite(model.score_samples(drawn)).all()


def test_real_photos_give_fog_and_the_seed_recipe_copies(photos: Path) -> None:
    """What the documentation says of both, measured: correlation with the nearest training photo."""
    daisies = load_photos(photos / "daisy", image_size=64, quiet=True).images[:240]

    def nearest(images: np.ndarray) -> np.ndarray:
        def normal(stack: np.ndarray) -> np.ndarray:
            flat = stack.reshape(len(stack), -1).astype(float)
            flat -= flat.mean(axis=1, keepdims=True)
            return flat / np.linalg.norm(flat, axis=1, keepdims=True)

        return (normal(images) @ normal(daisies).T).max(axis=1)

    sound = fit(daisies, quiet=True)
    seed = fit(daisies, recipe="seed", n_components=165, quiet=True)
    assert (nearest(sound.sample(100, seed=0)[0]) > 0.94).mean() < 0.02
    assert (nearest(seed.sample(100, seed=0)[0]) > 0.94).mean() > 0.5


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_photos_that_repeat_make_a_model_that_can_be_saved(
    flowers, covariance_type: str, tmp_path: Path
) -> None:
    """Two different photos and five components: three of them own nothing."""
    repeated = np.repeat(flowers[0][:2], 10, axis=0)
    model = fit(repeated, n_components=5, covariance_type=covariance_type, symmetry="none", quiet=True)
    model.save(tmp_path / "model.safetensors")
    assert np.isfinite(load_model(tmp_path / "model.safetensors").score_samples(repeated)).all()


def test_large_images_of_black_and_white_can_be_saved(tmp_path: Path) -> None:
    """The greatest codes there are: every pixel differs by the whole range."""
    plain = np.random.default_rng(0).choice([0, 255], (8, 1, 1)).astype(np.uint8)
    images = np.broadcast_to(plain, (8, 512, 512))
    model = fit(images, covariance_type="full", symmetry="none", quiet=True)
    model.save(tmp_path / "model.safetensors")
    drawn = load_model(tmp_path / "model.safetensors").sample(50, seed=0)[0]
    assert drawn.std() > 50


def test_the_seed_recipe_keeps_some_noise_on_few_photos(flowers) -> None:
    model = fit(flowers[0][:5], recipe="seed", n_components=1, quiet=True)
    assert model.noise_variance >= 1 / 12
    assert (np.abs(model.score_samples(flowers[0][:20])) < 1e9).all()


def test_loaded_photos_take_no_option_of_loading(flowers) -> None:
    photos = load_photos(flowers[0], flowers[1], resize="crop", quiet=True)
    model = fit(photos, n_components=1, quiet=True)
    assert model.info["options"]["resize"] == "crop"
    for option in ({"labels": flowers[1]}, {"image_size": 16}, {"resize": "crop"}, {"strict": True}):
        with pytest.raises(ValueError, match=r"for load_photos.*Received"):
            fit(photos, **option, quiet=True)


def test_cross_validation_needs_photos_in_every_fold(flowers) -> None:
    images, labels, _ = flowers
    few = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:4]])
    options = {"criterion": "heldout", "variance": 5, "quiet": True}
    with pytest.raises(ValueError, match=r"class '1': criterion='heldout' needs at least 5\. Received: 4"):
        fit(images[few], labels[few], n_components="1:4:1", **options)
    fixed = fit(images[few], labels[few], n_components=2, **options)
    assert fixed.n_components == 4
    assert fixed.info["criterion_curves"]["0"][0]["criterion"] == "aic", "nothing was cross-validated"
    curve = fit(images[:20], n_components=[1, 16, 18], **options).info["criterion_curves"][""][0]
    assert curve["n_components"] == [1, 16]
    with pytest.raises(ValueError, match=r"to fit on \(16\)"):
        fit(images[:20], n_components=[17, 18], **options)


def test_the_seed_recipe_scans_to_scikit_learns_criterion_values() -> None:
    """Fewer photos than pixels, as in the notebook: everything goes through Gram matrices."""
    images = make_flowers(60, image_size=32, n_classes=1, random_state=3)[0]
    candidates = [1, 11, 31, 51]
    curve = fit(images, recipe="seed", n_components=candidates, quiet=True).info["criterion_curves"]
    codes = PCA(0.99, whiten=True).fit_transform(images.reshape(len(images), -1).astype(np.float64))
    oracles = [GaussianMixture(k, covariance_type="full", random_state=0).fit(codes) for k in candidates]
    expected = [[one.aic(codes) / 60 for one in oracles], [one.bic(codes) / 60 for one in oracles]]
    found = [one["values"] for one in curve[""]]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)
