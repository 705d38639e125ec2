"""The front door: what is held back, refused, measured, fitted again and told."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.fitting import trial as subject
from gmmaug_plugin.fitting.fitter import try_photo_set
from gmmaug_plugin.fitting.options import MODEL_KINDS, FitOptions
from gmmaug_plugin.fitting.pca_fitter import fit_pca_mixture
from gmmaug_plugin.fitting.selection import CopiesError
from gmmaug_plugin.fitting.trial import Trial
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.models.pca_mixture import PCAMixture
from tests.factories import fit_pca as fit

CANDIDATES = FitOptions(n_components=[1, 2, 8], variance=0.9, allow_copies=True, random_state=3)
"""Of the photos below one class takes 8 components and the other fewer."""


def in_kinds(n_kinds: int, n_each: int) -> np.ndarray:
    """Photos in well separated kinds, so that each kind wants a component of its own."""
    kinds = make_flowers(n_kinds, image_size=32, n_classes=1, random_state=1)[0].astype(float)
    fog = gaussian_filter(np.random.default_rng(0).normal(size=(n_kinds * n_each, 32, 32)), (0, 1.5, 1.5))
    fog /= fog.std(axis=(1, 2), keepdims=True)
    return np.clip(np.repeat(kinds, n_each, axis=0) * 0.8 + 25 + 15 * fog, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photo_set() -> PhotoSet:
    flowers = make_flowers(50, image_size=32, n_classes=1, random_state=5)[0]
    kinds = in_kinds(8, 7)
    names = ["one"] * len(flowers) + ["several"] * len(kinds)
    return load_photos(np.concatenate([flowers, kinds]), names, quiet=True)


@pytest.fixture(scope="module")
def trial(photo_set: PhotoSet) -> Trial:
    return try_photo_set(photo_set, CANDIDATES, features=False, quiet=True)


def same(model: PCAMixture, other: PCAMixture) -> bool:
    """Whether two models are the same law, number for number."""
    pairs = [
        (model.basis.mean, other.basis.mean),
        *((getattr(model.mixture, name), getattr(other.mixture, name)) for name in ("weights", "means")),
        *((getattr(model.mixture, name), getattr(other.mixture, name)) for name in ("variances", "classes")),
    ]
    return all(np.array_equal(one, two) for one, two in pairs)


# --- what is held back ------------------------------------------------------------------------------------


def test_every_photo_is_either_fitted_on_or_held_back(photo_set: PhotoSet, trial: Trial) -> None:
    kept, held_back = trial.training.digests, trial.held_back.digests
    assert len(held_back) >= subject.MIN_HELD_BACK
    assert not set(kept) & set(held_back)
    assert sorted(kept + held_back) == sorted(photo_set.digests)


def test_the_model_that_was_measured_has_not_seen_what_was_held_back(trial: Trial) -> None:
    """It is what the photos kept give alone, and the basis is theirs too."""
    options = {"n_components": [1, 2, 8], "variance": 0.9, "random_state": 3, "allow_copies": True}
    alone = fit(trial.training, holdout=0.0, quiet=True, **options)
    assert same(trial.tried, alone)


def test_the_model_handed_over_is_fitted_on_all_photos_with_the_numbers_chosen(
    photo_set: PhotoSet, trial: Trial
) -> None:
    chosen = trial.tried.info["n_components_per_class"]
    assert chosen["several"] == 8 > chosen["one"], "the classes must differ to tell their numbers apart"
    assert np.bincount(trial.model.mixture.classes).tolist() == [chosen["one"], chosen["several"]]
    everything = fit_pca_mixture(
        photo_set.images, photo_set.labels, CANDIDATES, n_components=list(chosen.values()), quiet=True
    ).model
    assert same(trial.model, everything)
    assert not same(trial.model, trial.tried)
    shares = np.bincount(trial.model.mixture.classes, trial.model.mixture.weights)
    np.testing.assert_allclose(shares, np.bincount(photo_set.labels) / len(photo_set.images))
    assert trial.model.class_names == trial.tried.class_names == ("one", "several")


def test_without_fitting_again_the_measured_model_is_handed_over(photo_set: PhotoSet, trial: Trial) -> None:
    once = try_photo_set(photo_set, replace(CANDIDATES, refit=False), features=False, quiet=True)
    assert once.model is once.tried
    assert same(once.tried, trial.tried)
    assert once.training.digests == trial.training.digests


@pytest.mark.parametrize(("n_photos", "holdout"), [(50, 0.0), (10, 0.15)])
def test_with_nothing_held_back_the_model_is_measured_all_the_same(n_photos: int, holdout: float) -> None:
    """10 photos would leave fewer than 4 to measure on."""
    photos = load_photos(make_flowers(n_photos, image_size=32, n_classes=1)[0], quiet=True)
    options = FitOptions(n_components=1, holdout=holdout)
    found = try_photo_set(photos, options, features=False, quiet=True)
    assert found.held_back is None
    assert found.training.digests == photos.digests
    assert found.model is found.tried
    assert found.model.info["n_held_back"] == 0
    measured = {one["name"] for one in found.model.info["measures"]}
    assert {"copies_raw", "copies_contrast", "copies_high_pass"} < measured
    assert "bits_per_pixel" not in measured


def test_the_share_held_back_is_the_users(photo_set: PhotoSet) -> None:
    few, many = (
        fit(photo_set, n_components=1, variance=3, holdout=share, allow_copies=True, quiet=True)
        for share in (0.15, 0.5)
    )
    assert few.info["n_held_back"] < 0.35 * len(photo_set.images) < many.info["n_held_back"]


# --- what is told -----------------------------------------------------------------------------------------


def test_the_info_is_of_the_trial_and_plain_json(photo_set: PhotoSet, trial: Trial) -> None:
    info = trial.model.info
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert info["n_held_back"] == len(trial.held_back.images)
    assert info["photos_per_class"] == {"one": 50, "several": 56}
    assert set(info["choices"]) == {"one", "several"}
    assert info["choices"]["several"].startswith("8 components by AIC")
    assert info["refused_candidates"] == {}
    assert info["copying"] == trial.measurements.copying.as_json()
    assert info["measures"] == [one.as_json() for one in trial.measurements.measures]
    assert {"copies_raw", "sliced_wasserstein_32", "bits_per_pixel"} <= {m["name"] for m in info["measures"]}
    by_name = {one["name"]: one["value"] for one in info["measures"]}
    assert by_name["copies_raw"] == pytest.approx(100 * info["copying"]["rates"]["raw"], rel=1e-3)


def test_options_may_be_numpys_numbers(photo_set: PhotoSet, tmp_path: Path) -> None:
    options = {"variance": np.float32(0.75), "tol": np.float32(0.5), "holdout": np.float32(0.25)}
    model = fit(photo_set, n_components=np.int64(1), whiten=np.bool_(False), quiet=True, **options)
    model.save(tmp_path / "model.safetensors")
    plain = {name: float(value) for name, value in options.items()}
    assert {name: model.info["options"][name] for name in plain} == plain


def test_shares_of_variance_are_those_of_the_model_that_tells_them(photo_set: PhotoSet, trial: Trial) -> None:
    """One per dimension, in the order of the codes: the report sorts the directions by them."""
    for model, photos in ((trial.model, photo_set), (trial.tried, trial.training)):
        alone = fit_pca_mixture(photos.images, photos.labels, CANDIDATES, n_components=[1, 1], quiet=True)
        told = model.info["explained_variance_ratio"]
        assert len(told) == model.basis.n_dimensions
        np.testing.assert_allclose(told, alone.explained_variance_ratio, rtol=1e-3)


def test_the_likelihood_told_is_that_of_photos_the_model_had_not_seen(trial: Trial) -> None:
    """Mean negative log2-density per pixel, of held-back photos under the model without them."""
    told = trial.measurements["bits_per_pixel"]
    nats = -trial.tried.score_samples(trial.held_back.images).mean()
    assert told.value == pytest.approx(nats / np.log(2) / 32**2, rel=1e-6)


def test_info_has_nothing_that_depends_on_what_is_installed(
    photo_set: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = subject.measure_model

    def with_features(*photos: Any, **options: Any) -> Any:
        found = measure(*photos, **options | {"features": False})
        recall = Measure("recall", "Recall", 70.0, 80.0, "%", True, "…", "…")
        return replace(found, measures=(*found.measures, recall))

    monkeypatch.setattr(subject, "measure_model", with_features)
    options = replace(CANDIDATES, n_components=1, variance=3)
    found = try_photo_set(photo_set, options, quiet=True)
    assert found.measurements["recall"].value == 70.0
    assert "recall" not in json.dumps(found.model.info)


# --- what is refused --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Two classes, 40 photos each."""
    return make_flowers(80, image_size=32, n_classes=2, random_state=0)[:2]


def test_a_model_that_copies_is_refused_and_the_way_out_named(flowers) -> None:
    images, labels = flowers
    names = np.array(["aster", "rose"])[labels]
    with pytest.raises(CopiesError, match=r"The mixture of class 'aster' is refused\. 24 components: copies"):
        fit(images, names, recipe="seed", n_components=24, quiet=True)
    with pytest.raises(
        CopiesError, match=r"allow_copies=True \(--allow-copies\).*Received: n_components=24$"
    ):
        fit(images[labels == 0], recipe="seed", n_components=24, quiet=True)


def test_copies_that_are_allowed_are_measured_and_told(flowers) -> None:
    images, _ = flowers
    options = FitOptions(recipe="seed", n_components=40, allow_copies=True)
    found = try_photo_set(load_photos(images, quiet=True), options, features=False, quiet=True)
    assert found.model.n_components == 40
    assert found.measurements.copying.singles_out() == ("raw", "contrast", "high_pass")
    assert found.model.info["copying"]["singles_out"] == ["raw", "contrast", "high_pass"]
    assert found.model.info["refused_candidates"] == {}
    copies = found.measurements["copies_raw"]
    assert not copies.good
    assert copies.value > 30
    assert copies.real < 10
    assert "the model copies" in copies.verdict


def test_the_next_best_candidate_is_taken_where_the_best_copies() -> None:
    """Ten kinds of six photos: a component per kind is best by AIC, and draws near to those six."""
    images = in_kinds(10, 6)
    options = {"n_components": [1, 10], "variance": 0.9, "quiet": True}
    model = fit(images, **options)
    assert model.n_components == 1
    assert model.info["criterion_curves"][""][0]["best"] == 10
    (refused,) = model.info["refused_candidates"][""]
    assert refused["n_components"] == 10
    assert refused["reason"].startswith("copies ")
    assert model.info["choices"] == {"": "1 component by AIC (BIC agrees); refused: 10"}
    assert model.info["copying"]["singles_out"] == []
    with pytest.raises(CopiesError, match=r"10 components: copies .*Received: n_components=\(8, 10\)"):
        fit(images, **options | {"n_components": [8, 10]})
    kept = fit(images, allow_copies=True, **options)
    assert (kept.n_components, kept.info["refused_candidates"]) == (10, {})
    assert kept.info["copying"]["singles_out"] != []


def test_candidates_are_judged_class_by_class_until_one_may_pass(
    photo_set: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def judge(model: PCAMixture, label: int) -> str | None:
        asked.append((label, model.n_components))
        return "because" if label == 1 and model.n_components > 1 else None

    monkeypatch.setattr(subject, "_judge", lambda *_: judge)
    found = try_photo_set(photo_set, replace(CANDIDATES, allow_copies=False), features=False, quiet=True)
    info = found.model.info
    assert set(info["refused_candidates"]) == {"several"}
    assert [one["n_components"] for one in info["refused_candidates"]["several"]] == [8, 2]
    assert {one["reason"] for one in info["refused_candidates"]["several"]} == {"because"}
    assert info["n_components_per_class"]["several"] == 1
    assert np.bincount(found.model.mixture.classes)[1] == 1, "what was refused does not come back with all"
    assert asked == [(0, info["n_components_per_class"]["one"]), (1, 8), (1, 2), (1, 1)]


def test_few_photos_are_no_reason_to_refuse_one_gaussian(flowers) -> None:
    model = fit(flowers[0][:12], n_components=1, quiet=True)
    assert model.info["copying"]["exceeds"] != []
    assert model.info["copying"]["singles_out"] == []


def test_equal_photos_are_told_to_be_equal() -> None:
    photos = PhotoSet(np.full((12, 32, 32), 7, np.uint8), None, (), ())
    with pytest.raises(ValueError, match="do not differ"):
        fit(photos, quiet=True)


def test_classes_of_one_photo_each_are_fitted_without_a_word_on_copies() -> None:
    """No two photos of a class differ: there is nothing to tell copies by."""
    images = make_flowers(4, image_size=32, n_classes=1)[0]
    model = fit(images, ["a", "b", "c", "d"], n_components=1, quiet=True)
    assert model.info["copying"] is None
    assert not [one for one in model.info["measures"] if one["name"].startswith("copies")]


# --- strengths --------------------------------------------------------------------------------------------


def test_the_strength_of_synthesis_is_measured_or_the_users(flowers) -> None:
    images = flowers[0][:30]
    options = {"n_components": 1, "templates": 20, "quiet": True}
    measured = fit(images, **options)
    told = measured.info["synthesis_strength"]
    assert measured.strengths.synthesis == told["strength"]
    assert 0.0 < told["strength"] <= 1.0
    tried = [one["strength"] for one in told["tried"]]
    assert told["strength"] in tried
    assert len(tried) > 1
    given = fit(images, strength=0.35, allow_copies=True, **options)
    assert given.strengths.synthesis == 0.35
    assert given.info["synthesis_strength"] is None
    assert len(measured.templates) == 20
    none = fit(images, n_components=1, quiet=True)
    assert (none.strengths.synthesis, none.templates, none.info["synthesis_strength"]) == (1.0, None, None)


def test_templates_of_the_model_handed_over_are_in_its_own_codes(photo_set: PhotoSet) -> None:
    """At strength 0 they decode to photos; a basis of other photos would make other images of them."""
    options = replace(CANDIDATES, n_components=2, variance=0.98, templates=1000, strength=0.0)
    found = try_photo_set(photo_set, options, features=False, quiet=True)
    for model, photos in ((found.model, photo_set.images), (found.tried, found.training.images)):
        assert len(model.templates) == len(photos)
        drawn = model.sample(30, seed=0)[0].astype(float)
        apart = np.abs(drawn[:, None] - photos).mean(axis=(2, 3)).min(axis=1)
        assert apart.max() < 15


# --- sameness ---------------------------------------------------------------------------------------------

FIT_A_FOLDER = """
import sys
from gmmaug_plugin import fit
options = dict(image_size=32, n_components=[1, 3], templates=5, strength=0.5, allow_copies=True)
fit(sys.argv[1], model=sys.argv[3], quiet=True, **options).save(sys.argv[2])
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    images, labels, names = make_flowers(40, image_size=32, n_classes=2)

    def write(name: str) -> Path:
        root = tmp_path_factory.mktemp(name)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            (root / names[label]).mkdir(exist_ok=True)
            Image.fromarray(image).save(root / names[label] / f"{index:02d}.png")
        return root

    return write


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_the_same_photos_options_and_seed_give_the_same_bytes_wherever_they_are(
    kind: str, folders: Callable[[str], Path], tmp_path: Path
) -> None:
    """Two processes, other folders, other numbers of threads."""
    running = []
    for n_threads in (1, 2):
        target = tmp_path / f"{n_threads}.safetensors"
        command = [sys.executable, "-c", FIT_A_FOLDER, folders(f"of_{n_threads}"), target, kind]
        environment = os.environ | {"OMP_NUM_THREADS": str(n_threads), "OPENBLAS_NUM_THREADS": str(n_threads)}
        running.append(subprocess.Popen([str(part) for part in command], env=environment))
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    first, second = ((tmp_path / f"{n}.safetensors").read_bytes() for n in (1, 2))
    assert first == second
    assert b"of_1" not in first
    assert str(tmp_path.parent).encode() not in first


def test_no_path_is_told(folders: Callable[[str], Path]) -> None:
    root = folders("secret_place")
    (root / "daisy" / "broken.jpg").write_bytes(b"no photo")
    model = fit(root, image_size=32, n_components=1, quiet=True)
    told = json.dumps(model.info)
    assert model.info["n_skipped"] == 1
    for part in ("secret_place", str(root.parent), "broken.jpg"):
        assert part not in told


def test_another_seed_makes_another_model_of_the_same_split(photo_set: PhotoSet) -> None:
    options = replace(CANDIDATES, n_components=3, variance=5)
    one, other = (
        try_photo_set(photo_set, replace(options, random_state=seed), features=False, quiet=True)
        for seed in (0, 1)
    )
    assert one.training.digests == other.training.digests
    assert one.model.info["measures"] != other.model.info["measures"]
