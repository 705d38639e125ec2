"""Fitting multi-scale mixtures, the default kind: through the front door, and alone where that is quicker."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.likelihood import bits_per_pixel
from gmmaug_plugin.evaluation.subject import VariedPhotos, subject_of
from gmmaug_plugin.fitting.fitter import enlarge_to_fit
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.fitting.trial import fit_untried
from gmmaug_plugin.images import PhotoError, PhotoSet, load_photos
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.models.multiscale import MultiscaleMixture

LEVELS = ["details at 16 x 16", "details at 32 x 32"]


def draw_clothes(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Shirts and trousers of 28 x 28 pixels on black, of all widths, shades and cloths."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28] - 13.5
    images, labels = np.empty((n, 28, 28)), np.arange(n) % 2
    for index, label in enumerate(labels):
        width, height = rng.uniform(5, 9), rng.uniform(9, 13)
        inside = (np.abs(x) < width) & (np.abs(y) < height)
        if label == 0:
            inside |= (np.abs(x) < 13) & (y > -height) & (y < -height + rng.uniform(4, 9))
        else:
            inside &= (np.abs(x) > rng.uniform(1, 2)) | (y < -height + 5)
        cloth = gaussian_filter(rng.normal(size=(28, 28)), 0.7) * rng.uniform(5, 40)
        images[index] = np.where(inside, rng.uniform(60, 240) + cloth, 0.0)
    return np.clip(images, 0, 255).astype(np.uint8), labels


def untried(images: np.ndarray, names: Any = None, **options: Any) -> MultiscaleMixture:
    """A fit of all photos without a word on how good it is."""
    photos = load_photos(images, names, quiet=True)
    return fit_untried(photos, options_for("multiscale", None, **options))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Two classes of drawn flowers, 40 each."""
    images, labels, _ = make_flowers(80, image_size=32, n_classes=2, random_state=0)
    return images, np.array(["aster", "rose"])[labels]


@pytest.fixture(scope="module")
def fitted(flowers: tuple[np.ndarray, np.ndarray]) -> MultiscaleMixture:
    model = fit(*flowers, n_components=[2, 6], templates=12, quiet=True)
    assert isinstance(model, MultiscaleMixture), "the default kind"
    return model


# --- what comes out ---------------------------------------------------------------------------------------


def test_info_tells_how_the_model_came_about(fitted: MultiscaleMixture) -> None:
    info = fitted.info
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert list(info["choices"]) == list(info["criterion_curves"]) == LEVELS
    for level, phases in zip(LEVELS, fitted.levels, strict=True):
        best = info["criterion_curves"][level][0]["best"]
        assert {mixture.n_components for mixture in phases} == {best}
        assert info["choices"][level].startswith(f"{best} components by BIC")
    assert info["n_components_per_class"] == {"aster": 1, "rose": 1}
    assert info["photos_per_class"] == {"aster": 40, "rose": 40}
    assert info["n_held_back"] > 4
    assert info["options"]["n_components"] == [2, 6]
    assert (info["options"]["model"], info["options"]["sharing"]) == ("multiscale", "details")
    assert not {"variance", "whiten", "symmetry", "covariance_type", "n_init"} & set(info["options"])
    assert {"copies_raw", "sliced_wasserstein_32", "bits_per_pixel"} <= {m["name"] for m in info["measures"]}


def test_templates_are_moved_as_far_as_was_measured(
    fitted: MultiscaleMixture, flowers: tuple[np.ndarray, np.ndarray]
) -> None:
    told = fitted.info["synthesis_strength"]
    assert fitted.strengths.synthesis == told["strength"] > 0.0
    assert told["strength"] in [one["strength"] for one in told["tried"]]
    assert fitted.n_templates == 12
    assert "variation_strength" not in fitted.info, "with templates it is synthesis that is judged"
    drawn, labels = fitted.sample(40, strength=0.0, seed=0)
    apart = np.abs(drawn[:, None].astype(float) - flowers[0]).mean(axis=(2, 3))
    assert apart.min(axis=1).max() < 12, "templates are photos"
    assert (flowers[1][apart.argmin(axis=1)] == np.array(fitted.class_names)[labels]).all()


def test_without_templates_the_strength_of_variation_is_measured(
    flowers: tuple[np.ndarray, np.ndarray],
) -> None:
    images = flowers[0]
    model = fit(images, n_components=4, quiet=True)
    told = model.info["variation_strength"]
    assert told["strength"] in [one["strength"] for one in told["tried"]]
    assert model.info["synthesis_strength"] is None
    assert (model.n_templates, model.strengths.synthesis) == (0, 1.0)
    subject = subject_of(model, load_photos(images, quiet=True))
    assert isinstance(subject, VariedPhotos)
    assert subject.strength == told["strength"]
    assert model.info["copying"]["singles_out"] == []


@pytest.mark.parametrize("kind", ["flowers", "clothes"])
def test_unseen_photos_are_likelier_than_their_own_pixels_in_another_order(kind: str) -> None:
    """The same code for drawn flowers and for clothes padded from 28 x 28."""
    if kind == "flowers":
        images = make_flowers(120, image_size=32, n_classes=1)[0]
    else:
        images = np.pad(draw_clothes(120)[0], ((0, 0), (2, 2), (2, 2)))
    model = untried(images[:90], n_components=6)
    unseen = images[90:]
    order = np.random.default_rng(0).permutation(32 * 32)
    shuffled = unseen.reshape(len(unseen), -1)[:, order].reshape(unseen.shape)
    assert (model.score_samples(unseen) > model.score_samples(shuffled) + 1000).all()
    varied = model.vary(unseen, strength=0.5, seed=0).astype(float)
    assert varied.mean() == pytest.approx(unseen.mean(), rel=0.15)
    assert varied.var() == pytest.approx(unseen.var(), rel=0.25)
    np.testing.assert_array_equal(model.vary(unseen, strength=0.0, seed=0), unseen)


def test_held_out_photos_cost_fewer_bits_than_with_whole_images() -> None:
    images = make_flowers(240, image_size=32, n_classes=1)[0]
    options = {"holdout": 0.0, "allow_copies": True, "quiet": True}
    whole = fit(images[:180], model="pca", **options)
    assert isinstance(whole, PCAMixture)
    found = bits_per_pixel(untried(images[:180], n_components=8), images[180:])
    assert found < bits_per_pixel(whole, images[180:]) - 0.5


def test_details_of_many_components_describe_photos_better_than_of_one() -> None:
    images = make_flowers(160, image_size=32, n_classes=1)[0]
    bits = [bits_per_pixel(untried(images[:120], n_components=k), images[120:]) for k in (1, 8)]
    assert bits[1] < bits[0] - 0.2


# --- sizes ------------------------------------------------------------------------------------------------


def test_arrays_are_enlarged_to_the_next_size_unless_one_is_asked_for() -> None:
    clothes, labels = draw_clothes(40)
    model = fit(clothes, labels, n_components=2, holdout=0.0, quiet=True)
    assert model.image_size == 32
    assert model.class_names == ("0", "1")
    varied = model.vary(clothes, seed=0)
    assert (varied.shape, varied.dtype) == (clothes.shape, clothes.dtype)
    with pytest.raises(ValueError, match=r"one of \[32, 64, 128, 256, 512\].*Received: image_size=28"):
        fit(clothes, labels, image_size=28, quiet=True)


@pytest.mark.parametrize(
    ("size", "fitted_at"), [(16, 32), (32, 32), (33, 64), (128, 128), (192, 256), (600, 512)]
)
def test_the_next_size_is_taken_and_the_greatest_for_more(size: int, fitted_at: int) -> None:
    photos = PhotoSet(np.zeros((4, size, size), np.uint8), None, (), ())
    options = options_for("multiscale", None)
    assert enlarge_to_fit(photos, options).images.shape == (4, fitted_at, fitted_at)
    assert enlarge_to_fit(photos, options_for("pca", None)) is photos


def test_loaded_photos_of_another_size_are_refused() -> None:
    photos = load_photos(draw_clothes(8)[0], quiet=True)
    with pytest.raises(ValueError, match=r"pad them to the next one\. Received: image_size=28"):
        fit(photos, quiet=True)


# --- how many components ----------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["aic", "bic", "heldout"])
def test_the_criterion_curve_is_kept_and_its_minimum_chosen(
    flowers: tuple[np.ndarray, np.ndarray], criterion: str
) -> None:
    """Through the front door, where the numbers chosen go on to the fit of all photos."""
    model = fit(flowers[0], n_components="1:6:2", criterion=criterion, quiet=True)
    for level, phases in zip(LEVELS, model.levels, strict=True):
        curve, *others = model.info["criterion_curves"][level]
        assert curve["criterion"] == criterion
        expected = set() if criterion == "heldout" else {"aic", "bic"} - {criterion}
        assert {one["criterion"] for one in others} == expected
        assert curve["n_components"] == [1, 3, 5]
        assert curve["best"] == curve["n_components"][int(np.argmin(curve["values"]))]
        assert min(curve["standard_errors"]) > 0
        assert {mixture.n_components for mixture in phases} == {curve["best"]}


def test_bic_asks_for_fewer_components_than_aic(flowers: tuple[np.ndarray, np.ndarray]) -> None:
    """BIC - AIC = p (log n - 2) / n for the p parameters and n positions of photos, copies not counted."""
    model = fit(flowers[0][:20], n_components=[1, 4], holdout=0.0, criterion="aic", quiet=True)
    for level, size in zip(LEVELS, (8, 16), strict=True):
        aic, bic = (np.array(one["values"]) for one in model.info["criterion_curves"][level])
        expected = np.zeros(2)
        for share, D in ((0.25, 11), (0.25, 23), (0.5, 23)):
            n = 20 * share * size * size
            p = np.array([k * (1 + D + D * (D + 1) // 2) - 1 for k in (1, 4)])
            expected += share * p * (np.log(n) - 2) / n
        np.testing.assert_allclose(bic - aic, expected, rtol=1e-3)


def test_each_class_chooses_for_itself_where_none_shares(flowers: tuple[np.ndarray, np.ndarray]) -> None:
    """Few photos bear one component. Both go on to the fit of all photos with numbers of their own."""
    noise = np.random.default_rng(0).normal(128, 6, (6, 32, 32)).astype(np.uint8)
    images, names = np.concatenate([flowers[0][:40], noise]), ["flower"] * 40 + ["noise"] * 6
    model = fit(images, names, n_components=[1, 3], sharing="none", quiet=True)
    keys = [f"{name}, {level}" for name in ("flower", "noise") for level in LEVELS]
    assert list(model.info["choices"]) == list(model.info["criterion_curves"]) == keys
    assert model.info["n_held_back"] > 0
    for level, phases in zip(LEVELS, model.levels, strict=True):
        curves = (model.info["criterion_curves"][f"{name}, {level}"] for name in model.class_names)
        assert [deciding["best"] for deciding, *_ in curves] == [3, 1]
        assert [np.bincount(mixture.classes).tolist() for mixture in phases] == [[3, 1]] * 3


# --- what classes share -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_and_busy() -> tuple[np.ndarray, list[str]]:
    """Dark photos that are plain, and light ones full of noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 32, 32))
    plain, busy = 60 + 3 * noise[:20], 170 + 30 * noise[20:]
    images = np.clip(np.concatenate([plain, busy]), 0, 255).astype(np.uint8)
    return images, ["plain"] * 20 + ["busy"] * 20


def test_with_details_of_their_own_classes_differ_in_texture(plain_and_busy) -> None:
    model = untried(*plain_and_busy, n_components=2, sharing="none")
    assert model.class_names == ("busy", "plain")
    drawn = {name: model.sample(30, label=name, seed=0)[0].astype(float) for name in model.class_names}
    roughness = {name: np.diff(images).std() for name, images in drawn.items()}
    assert roughness["busy"] > 5 * roughness["plain"]
    assert {mixture.n_components for level in model.levels for mixture in level} == {4}


def test_with_common_details_classes_differ_in_their_base(plain_and_busy) -> None:
    model = untried(*plain_and_busy, n_components=2)
    assert all(mixture.shared for level in model.levels for mixture in level)
    light, dark = (model.sample(30, label=name, seed=0)[0].mean() for name in ("busy", "plain"))
    assert (light, dark) == (pytest.approx(170, abs=8), pytest.approx(60, abs=8))


def test_where_all_is_shared_nothing_tells_classes_apart(plain_and_busy) -> None:
    model = untried(*plain_and_busy, n_components=2, sharing="all")
    one, other = (model.sample(30, label=name, seed=0) for name in ("busy", "plain"))
    np.testing.assert_array_equal(one[0], other[0])
    assert set(one[1]) == {0}
    assert set(other[1]) == {1}


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 257}, r"at most 256.*1 groups.*Received: n_components=257"),
        (
            {"n_components": [3, 129], "sharing": "none"},
            r"at most 128.*2 groups.*Received: n_components=\[3, 129\]",
        ),
        ({"variance": 0.9}, r"variance: no option of model='multiscale'.*Received: variance=0\.9"),
        ({"whiten": True}, r"Received: whiten=True"),
        ({"symmetry": "flip"}, r"Received: symmetry='flip'"),
        ({"covariance_type": "full", "n_init": 2}, r"Received: covariance_type='full', n_init=2"),
        ({"sharing": "some"}, r"sharing must be one of .*Received: "),
        ({"sharing": "all", "model": "pca"}, r"sharing: no option of model='pca'.*Received: sharing='all'"),
        ({"model": "multiscale", "recipe": "seed"}, r'recipe="seed" fits model="pca"\. Received: '),
        ({"criterion": "best"}, r"criterion must be one of .*Received: "),
        ({"image_size": 100}, r"Received: image_size=100"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_fitted(
    flowers: tuple[np.ndarray, np.ndarray], options: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gmmaug_plugin.fitting.kinds.fit_multiscale_mixture", None)
    with pytest.raises(ValueError, match=message):
        fit(*flowers, quiet=True, **options)


def test_too_few_photos_are_refused(flowers: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(PhotoError, match=r"found 3, needed at least 4"):
        fit(flowers[0][:3], quiet=True)
    options = {"n_components": [1, 2], "criterion": "heldout", "quiet": True}
    with pytest.raises(PhotoError, match=r"criterion='heldout' holds out one photo in 5.*Received: 4 photos"):
        fit(flowers[0][:4], **options)
    few = np.r_[:6, np.flatnonzero(flowers[1] == "rose")[:2]]
    with pytest.raises(PhotoError, match=r"each class that has details of its own\. Received: \d photos"):
        fit(flowers[0][few], ["a"] * 6 + ["b"] * 2, sharing="none", **options)


# --- hardly anything to learn from ------------------------------------------------------------------------


HARDLY_ANY = (
    *("all photos equal", "one photo of a class", "one photo of every class", "four photos"),
    *("black", "plain", "stripes", "black and white noise"),
)


def hardly_any(name: str) -> tuple[np.ndarray, list[str] | None]:
    flowers = make_flowers(12, image_size=32, n_classes=1)[0]
    places = np.arange(32)
    stripes = np.stack([np.tile((places + p) // (1 + p % 5) % 2 * 255, (32, 1)) for p in range(12)])
    plain = np.broadcast_to(np.arange(0, 250, 20)[:, None, None], (13, 32, 32))
    sets = {
        "all photos equal": (np.repeat(flowers[:1], 10, axis=0), None),
        "one photo of a class": (flowers, ["many"] * 11 + ["one"]),
        "one photo of every class": (flowers[:4], ["a", "b", "c", "d"]),
        "black": (np.zeros((8, 32, 32)), None),
        "plain": (plain, None),
        "stripes": (stripes, None),
        "black and white noise": (np.random.default_rng(1).choice([0, 255], (10, 32, 32)), None),
        "four photos": (flowers[:4], None),
    }
    images, names = sets[name]
    return np.ascontiguousarray(images, np.uint8), names


@pytest.mark.parametrize("sharing", ["details", "none"])
@pytest.mark.parametrize("name", HARDLY_ANY)
def test_hardly_anything_to_learn_from_makes_a_model_all_the_same(
    name: str, sharing: str, tmp_path: Path
) -> None:
    images, names = hardly_any(name)
    model = untried(images, names, n_components=[4, 16], sharing=sharing)
    model.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert np.isfinite(again.score_samples(images)).all()
    np.testing.assert_array_equal(again.vary(images, strength=0.0, seed=0), images)
    assert again.vary(images, strength=0.8, seed=0).shape == images.shape
    drawn, labels = again.sample(12, seed=0)
    assert np.isfinite(again.score_samples(drawn)).all()
    assert (labels is None) == (names is None)


@pytest.mark.parametrize("name", ["all photos equal", "black and white noise", "one photo of a class"])
def test_the_front_door_bears_them_too(name: str) -> None:
    images, names = hardly_any(name)
    model = fit(images, names, n_components=4, templates=3, strength=0.5, allow_copies=True, quiet=True)
    assert 1 <= model.n_templates <= 4
    assert model.sample(5, seed=0)[0].shape == (5, 32, 32)


def test_the_same_photos_options_and_seed_give_the_same_bytes(
    flowers: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """In one process and with any number of threads; another seed gives others. See also test_trial.py."""
    from threadpoolctl import threadpool_limits

    files = []
    for index, (n_threads, seed) in enumerate([(1, 0), (2, 0), (2, 0), (2, 1)]):
        with threadpool_limits(n_threads):
            model = untried(*flowers, n_components=[2, 5], templates=4, strength=0.5, random_state=seed)
        model.save(tmp_path / f"{index}.safetensors")
        files.append((tmp_path / f"{index}.safetensors").read_bytes())
    assert files[0] == files[1] == files[2]
    assert files[3] != files[0]
