import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.code_blocks import CodeBlocks, class_codes, photo_means
from gmmaug_plugin.fitting.contest import CandidateFits
from gmmaug_plugin.fitting.expectation_maximisation import climb, fit_mixture
from gmmaug_plugin.fitting.maximisation import Covariances
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pca_fitter import describe_curves, describe_refused, fit_pca_mixture
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.search import first_candidates, search
from gmmaug_plugin.fitting.seed_recipe import fit_seed_recipe
from gmmaug_plugin.fitting.selection import CopiesError, Refused, folds
from gmmaug_plugin.fitting.starts import k_means_labels, split_start
from gmmaug_plugin.fitting.subspace import fit_subspace
from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.symmetry import symmetric_copies


def flowers(n: int = 90, n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(n, image_size=32, n_classes=n_classes, random_state=0)
    return images, labels


def search_curve(curve: Callable[[int], float], n_photos: int) -> tuple[int, list[int]]:
    """The candidate found, and all that were fitted for it."""
    fitted: list[int] = []

    def evaluate(candidates: tuple[int, ...]) -> list[float]:
        fitted.extend(candidates)
        return [curve(k) for k in candidates]

    values = search("auto", n_photos, evaluate)
    assert sorted(values) == sorted(fitted), "no candidate is fitted twice"
    return min(values, key=values.__getitem__), fitted


def test_auto_tries_a_ladder_up_to_one_component_per_20_photos() -> None:
    assert first_candidates("auto", 593) == (1, 2, 4, 8, 16, 29)
    assert first_candidates("auto", 640) == (1, 2, 4, 8, 16, 32)
    assert first_candidates("auto", 59) == (1, 2)
    assert first_candidates("auto", 10**6) == (1, 2, 4, 8, 16, 32, 64, 128)
    assert first_candidates("auto", 39) == first_candidates("auto", 3) == (1,)
    assert first_candidates((1, 11, 21), 15) == (1, 11)
    assert first_candidates(4, 15) == (4,)


@pytest.mark.parametrize("greatest", [3, 29, 200, 5000])
def test_a_valley_is_followed_to_its_floor_with_few_fits(
    greatest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Price of parameters plus a misfit that shrinks as 1 / K: lowest at K = place."""
    monkeypatch.setattr("gmmaug_plugin.fitting.search.MOST_COMPONENTS", greatest)
    for place in {1, 2, 3, *np.geomspace(1, greatest, 25).astype(int)}:
        found, fitted = search_curve(lambda k, place=place: k + place**2 / k, 20 * greatest)
        # An eighth apart at most, or one.
        assert abs(found - place) <= max(1, found // 8)
        assert len(fitted) <= 2 + np.log2(greatest) + 8
        assert max(fitted) <= greatest
    if greatest >= 29:
        assert len(fitted) < greatest / 2


def test_a_small_optimum_is_found_exactly() -> None:
    for place in range(1, 8):
        assert search_curve(lambda k, place=place: k + place**2 / k, 800)[0] == place


def test_noise_costs_the_search_little() -> None:
    """Fifty noisy curves: the value found is within the noise of the whole grid's lowest."""
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(50):
        noise = rng.normal(0, 0.3, 41)
        values = np.array([k + 49 / k + noise[k] for k in range(1, 41)])
        found, fitted = search_curve(lambda k, values=values: values[k - 1], 800)
        assert len(fitted) <= 15
        losses.append(values[found - 1] - values.min())
    assert max(losses) < 1.5
    assert np.median(losses) < 0.3


def test_a_range_is_tried_completely_and_in_order() -> None:
    calls: list[tuple[int, ...]] = []

    def evaluate(candidates: tuple[int, ...]) -> list[float]:
        calls.append(candidates)
        return [0.0] * len(candidates)

    assert list(search((1, 11, 21, 31), 25, evaluate)) == [1, 11, 21]
    assert calls == [(1, 11, 21)]


def test_splitting_divides_the_widest_component_at_its_mean() -> None:
    """Two far clusters side by side in one component, beside a narrow one."""
    rng = np.random.default_rng(0)
    centres = np.array([[-6.0, 0.0], [6.0, 0.0], [0.0, 30.0]])
    owner = np.repeat([0, 1, 2], 40)
    X = centres[owner] + rng.normal(size=(120, 2))
    start = np.eye(2)[(owner == 2).astype(int)]
    two = climb(X, start, Covariances("diag", np.full(2, 0.1)), max_iter=20, tol=1e-6)
    three = split_start(X, two.mixture, 3)
    np.testing.assert_allclose(three.sum(axis=1), 1.0)
    # Every cluster has a component of its own.
    assert len({int(np.argmax(three[owner == k].mean(axis=0))) for k in range(3)}) == 3
    np.testing.assert_allclose(three.max(axis=1), 1.0, atol=1e-6)
    assert split_start(X, two.mixture, 7).shape == (120, 7)


def test_components_without_spread_can_be_split() -> None:
    X = np.repeat([[0.0, 1.0], [5.0, 2.0]], 6, axis=0)
    two = fit_mixture(X, 2, floor=0.1)
    start = split_start(X, two.mixture, 5)
    more = climb(X, start, Covariances("diag", np.full(2, 0.1)), max_iter=10, tol=1e-3)
    assert more.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("n_init", [1, 2])
def test_candidates_are_never_less_likely_than_by_k_means_alone(n_init: int) -> None:
    images, labels = flowers(120, 1)
    options = FitOptions(n_components=(1, 2, 3, 5, 8), variance=12, n_init=n_init)
    curve = fit_pca_mixture(images, labels, options, quiet=True).curves[0][0]
    with workers():
        subspace = fit_subspace(PhotoBlocks.of(images), options)
        codes = class_codes(subspace.basis, images, "flip")
        alone = [
            fit_mixture(codes, k, floor=subspace.floor, n_init=n_init).log_likelihood
            for k in curve.n_components
        ]
    q = codes.shape[1]
    found = [
        (2 * (2 * k * q + k - 1) / 120 - value) / 2
        for k, value in zip(curve.n_components, curve.values, strict=True)
    ]
    assert (np.array(found) >= np.array(alone) - 1e-9).all()
    assert (np.array(found) > np.array(alone) + 1e-6).any(), "a warm start has won somewhere"


def test_the_likeliest_end_is_kept_wherever_it_started() -> None:
    images, _ = flowers(60, 1)
    options = FitOptions(variance=6)
    with workers():
        subspace = fit_subspace(PhotoBlocks.of(images), options)
        fits = CandidateFits(
            CodeBlocks.whole(class_codes(subspace.basis, images, "flip"), len(images)),
            subspace,
            options,
            lambda: None,
        )
        one, two, three = (fits.fresh(k, 0) for k in (1, 2, 3))
        lucky = replace(two, log_densities=two.log_densities + 100.0)
        unlucky = replace(three, log_densities=three.log_densities - 100.0)
        fits.settle([(1, [one]), (2, [two, lucky]), (3, [unlucky])])
    assert fits.best[2] is lucky
    assert fits.best[3] is not unlucky
    assert fits.best[3].log_likelihood > three.log_likelihood - 100.0


def test_one_number_is_fitted_from_k_means_alone() -> None:
    images, labels = flowers(60, 1)
    options = FitOptions(n_components=3, variance=6)
    fitted = fit_pca_mixture(images, labels, options, quiet=True)
    with workers():
        subspace = fit_subspace(PhotoBlocks.of(images), options)
        alone = fit_mixture(class_codes(subspace.basis, images, "flip"), 3, floor=subspace.floor)
    np.testing.assert_array_equal(fitted.model.mixture.means, alone.mixture.means.astype(np.float32))
    assert [curve.n_components for curve in fitted.curves[0]] == [(3,), (3,)]


@pytest.mark.parametrize("criterion", ["aic", "heldout"])
@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_any_number_of_threads_gives_the_same_bytes(criterion: str, covariance_type: str) -> None:
    images, labels = flowers(110)
    options = FitOptions(variance=20, n_init=2, criterion=criterion, covariance_type=covariance_type)
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads):
            found.append(fit_pca_mixture(images, labels, options, quiet=True))
    assert len(found[0].curves[0][0].n_components) > 1
    for other in found[1:]:
        assert other.curves == found[0].curves
        for name in ("means", "variances", "factors", "weights"):
            mine, theirs = (getattr(one.model.mixture, name) for one in (found[0], other))
            assert mine.tobytes() == theirs.tobytes()
        assert [rows.tobytes() for rows in other.model.basis.rows] == [
            rows.tobytes() for rows in found[0].model.basis.rows
        ]


def test_workers_keep_every_task_to_one_thread_and_their_order() -> None:
    def threads() -> dict[str, int]:
        return {library["filepath"]: library["num_threads"] for library in threadpool_info()}

    with threadpool_limits(3):
        before = threads()  # not 3 of every library: some are built for one thread
        assert 3 in before.values()
        with workers() as run:
            assert run([threads] * 6) == [dict.fromkeys(before, 1)] * 6
            assert run([partial(pow, 2, k) for k in range(20)]) == [2**k for k in range(20)]
        assert threads() == before
    with pytest.raises(ZeroDivisionError), workers() as run:
        run([lambda: 1 // 0, lambda: 1])


def test_workers_let_no_warning_of_k_means_out_and_leave_the_filters_as_they_were() -> None:
    """Filters are shared by all threads: those that set and reset them at once would undo one another's."""
    before = list(warnings.filters)
    with workers() as run:
        run([partial(warnings.warn, "Fewer different rows than clusters", ConvergenceWarning)] * 5)
        run([partial(k_means_labels, np.zeros((50, 2)), 4, seed) for seed in range(20)])
    assert warnings.filters == before


def test_photo_means_are_over_the_copies_of_each_photo() -> None:
    """600 photos of one value each, flat: encoding keeps to chunks, and so must this."""
    images = np.broadcast_to(np.arange(600, dtype=np.float64)[:, None, None], (600, 2, 2))
    for symmetry in ("none", "flip", "d4"):
        rows = np.concatenate(
            [symmetric_copies(images[begin : begin + 256], symmetry)[:, 0, 0] for begin in (0, 256, 512)]
        )
        np.testing.assert_allclose(photo_means(rows, 600), np.arange(600))


@pytest.mark.parametrize("criterion", ["aic", "bic", "heldout"])
def test_every_criterion_is_told_of_every_candidate(criterion: str) -> None:
    images, labels = flowers(120)
    fitted = fit_pca_mixture(images, labels, FitOptions(criterion=criterion, variance=6), quiet=True)
    described = describe_curves(fitted.curves, ("aster", "rose"))
    assert list(described) == ["aster", "rose"]
    counts = np.bincount(fitted.model.mixture.classes).tolist()
    for chosen, curves in zip(counts, described.values(), strict=True):
        told = [curve["criterion"] for curve in curves]
        assert told[0] == criterion
        assert sorted(told) == sorted({criterion, "aic", "bic"})
        assert len({tuple(curve["n_components"]) for curve in curves}) == 1
        for curve in curves:
            assert curve["n_components"][:2] == [1, 2]
            assert curve["best"] == curve["n_components"][int(np.argmin(curve["values"]))]
            assert min(curve["standard_errors"]) > 0
        assert curves[0]["best"] == chosen


def test_errors_of_aic_are_over_photos_and_not_over_copies() -> None:
    images, labels = flowers(70, 1)
    options = FitOptions(n_components=2, variance=6, symmetry="d4")
    fitted = fit_pca_mixture(images, labels, options, quiet=True)
    aic, bic = fitted.curves[0]
    codes = class_codes(fitted.model.basis, images, "d4").reshape(8, 70, -1)
    joint = fitted.model.mixture.log_joint(NumpyEngine(), codes.reshape(560, -1)).reshape(8, 70, 2)
    inside = np.logaddexp(joint[..., 0], joint[..., 1]).mean(axis=0)
    assert aic.standard_errors[0] == pytest.approx(2 * inside.std(ddof=1) / np.sqrt(70), rel=1e-4)
    assert aic.standard_errors == bic.standard_errors


def test_held_out_errors_are_over_folds() -> None:
    """Against models fitted by hand without each fold, scored on it."""
    images, labels = flowers(60, 1)
    options = {"variance": 5, "criterion": "heldout"}
    curve = fit_pca_mixture(images, labels, FitOptions(n_components=(2, 4), **options), quiet=True).curves[0][
        0
    ]
    fold_of = folds(labels, random_state=0)
    by_hand = []
    for fold in range(5):
        kept, out = images[fold_of != fold], images[fold_of == fold]
        fitted = fit_pca_mixture(kept, labels[: len(kept)], FitOptions(n_components=2, **options), quiet=True)
        by_hand.append(-fitted.model.score_samples(out).mean())
    assert curve.values[0] == pytest.approx(np.mean(by_hand), rel=1e-9)
    assert curve.standard_errors[0] == pytest.approx(np.std(by_hand, ddof=1) / np.sqrt(5), rel=1e-6)


def test_the_best_that_the_judge_lets_pass_is_taken() -> None:
    images, labels = flowers(80)
    options = FitOptions(n_components=(1, 2, 3), variance=6)
    free = fit_pca_mixture(images, labels, options, quiet=True)
    ranked = {label: curves[0].ranked for label, curves in free.curves.items()}
    seen: list[tuple[int, int]] = []

    def judge(model: PCAMixture, label: int) -> str | None:
        seen.append((label, model.n_components))
        assert model.mixture.n_classes == 1
        assert model.mixture.weights.sum() == pytest.approx(1.0)
        assert model.basis.n_dimensions == free.model.basis.n_dimensions
        assert model.sample(2, seed=0)[0].shape == (2, 32, 32)
        return None if label == 0 or model.n_components == ranked[1][2] else "too like"

    fitted = fit_pca_mixture(images, labels, options, quiet=True, judge=judge)
    assert seen == [(0, ranked[0][0]), *((1, k) for k in ranked[1])]
    assert fitted.refused == {1: tuple(Refused(k, "too like") for k in ranked[1][:2])}
    assert np.bincount(fitted.model.mixture.classes).tolist() == [ranked[0][0], ranked[1][2]]
    assert fitted.curves == free.curves
    assert describe_refused(fitted.refused, ("a", "b")) == {
        "b": [{"n_components": k, "reason": "too like"} for k in ranked[1][:2]]
    }


def test_when_all_are_refused_the_error_names_class_reasons_and_the_way_out() -> None:
    images, labels = flowers(80)
    options = FitOptions(n_components=(1, 2, 3, 4), variance=6)

    def judge(model: PCAMixture, label: int) -> str | None:
        return f"copies {model.n_components}0%." if label else None

    with pytest.raises(CopiesError) as caught:
        fit_pca_mixture(images, labels, options, quiet=True, judge=judge, class_names=("aster", "rose"))
    assert caught.value.label == 1
    assert sorted(one.n_components for one in caught.value.refused) == [1, 2, 3, 4]
    first = caught.value.refused[0]
    text = str(caught.value)
    assert "class 'rose'" in text
    assert f"{first.n_components} component" in text
    assert f"copies {first.n_components}0%" in text
    assert text.count("0%") == 3, "three reasons"
    assert "and 1 more" in text
    assert "allow_copies=True" in text
    assert "--allow-copies" in text
    assert text.endswith("Received: n_components=(1, 2, 3, 4)")


def test_the_seed_recipe_refuses_its_best_and_tells_both_criteria() -> None:
    images, labels = flowers(50, 1)
    options = FitOptions(recipe="seed", n_components=(1, 3, 9))
    fitted = fit_seed_recipe(images, labels, options, quiet=True)
    aic, bic = fitted.curves[0]
    assert (aic.criterion, bic.criterion) == ("aic", "bic")
    seen = []

    def judge(model: PCAMixture, label: int) -> str:
        seen.append(model.n_components)
        return "72% are copies"

    with pytest.raises(CopiesError, match=r"72% are copies\. .*Received: n_components=\(1, 3, 9\)"):
        fit_seed_recipe(images, labels, options, quiet=True, judge=judge)
    assert seen == [aic.best]
