import json
from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.usefulness import Usefulness, bench, study, study_usefulness
from gmmaug_plugin.evaluation.usefulness.classifier import LEARNING_RATE, Classifier, Feed
from gmmaug_plugin.evaluation.usefulness.splits import order_of_batches
from tests.factories import fit_pca as fit

SIZE = 16
NAMES = ("daisy", "rose", "tulip")
SHORT: dict[str, Any] = {
    "photos_per_class": 12,
    "image_size": SIZE,
    "strengths": [0.5],
    "ratios": [0.5],
    "synthesis_ratios": [],
    "quiet": True,
}
Flowers = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def flowers() -> Flowers:
    images, labels, _ = make_flowers(150, image_size=32, n_classes=3)
    return images, labels


class Ruin:
    """Makes real photos with wrong labels."""

    class_names = NAMES

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def sample(self, n: int, *, seed: object, start: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.random.default_rng(start).integers(len(self.images), size=n)
        return self.images[chosen], (self.labels[chosen] + 1) % len(NAMES)

    def vary(self, images: np.ndarray, *, label: np.ndarray, **_: object) -> np.ndarray:
        """A photo of the next class for every one."""
        others = [np.flatnonzero(self.labels == (one + 1) % len(NAMES)) for one in range(len(NAMES))]
        return self.images[[others[one][index % 12] for index, one in enumerate(label)]]


def classifier_after(cuts: tuple[int, ...], seed: int = 0, **options: Any) -> np.ndarray:
    """Logits of some photos after twelve steps, trained in so many goes."""
    images, labels, _ = make_flowers(60, image_size=SIZE, n_classes=3)
    order = order_of_batches(len(images), 12, 32, (0,))
    empty = np.zeros((12, 0, SIZE, SIZE), np.uint8), np.zeros((12, 0), np.int32)
    classifier = Classifier(SIZE, 3)
    classifier.reset((seed,))
    for first, stop in zip((0, *cuts), (*cuts, 12), strict=True):
        made = (part[first:stop] for part in empty)
        classifier.train(Feed(images, labels, order[first:stop], *made, **options))
    return classifier.logits(images[:20])


def test_training_is_the_same_however_it_is_cut() -> None:
    options: dict[str, Any] = {"stack": True, "n_noisy": 16, "deviation": 9.0}
    whole = classifier_after((), **options)
    assert np.allclose(whole, classifier_after((5,), **options), atol=1e-5)
    assert not np.allclose(whole, classifier_after((), seed=1, **options), atol=1e-2)


def test_what_is_fed_matters() -> None:
    plain = classifier_after(())
    for options in ({"stack": True}, {"smoothing": 0.1}, {"n_noisy": 16, "deviation": 20.0}):
        assert not np.allclose(plain, classifier_after((), **options), atol=1e-3)


def test_adam_moves_weights_by_its_rate_at_the_first_step() -> None:
    classifier = Classifier(SIZE, 3)
    classifier.reset((0,))
    before = [weights.numpy() for weights in classifier._weights]
    images, labels, _ = make_flowers(32, image_size=SIZE, n_classes=3)
    empty = np.zeros((1, 0, SIZE, SIZE), np.uint8), np.zeros((1, 0), np.int32)
    classifier.train(Feed(images, labels, np.arange(32, dtype=np.int32)[None], *empty))
    moved = [after.numpy() - other for after, other in zip(classifier._weights, before, strict=True)]
    sizes = np.abs(np.concatenate([part.ravel() for part in moved]))
    assert np.median(sizes) == pytest.approx(LEARNING_RATE, rel=0.02)


class Fitter:
    """Fits small models, and keeps what they were fitted on."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, images: np.ndarray, labels: np.ndarray) -> Any:
        assert np.bincount(labels).tolist() == [12, 12, 12]
        self.seen.append(images)
        return fit(images, labels, n_components=1, quiet=True)


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    return Fitter()


@pytest.fixture(scope="module")
def result(flowers: Flowers, fitter: Fitter) -> Usefulness:
    options = {**SHORT, "synthesis_ratios": [0.5]}
    return study_usefulness(*flowers, NAMES, fit_model=fitter, n_seeds=2, steps=33, **options)


def test_every_arm_has_its_whole_curve_with_every_seed(result: Usefulness) -> None:
    assert [(run.arm, run.seed) for run in result.runs] == [
        (arm.name, seed) for seed in range(2) for arm in result.arms
    ]
    assert len(result.arms) == 8
    for run in result.runs:
        assert run.curve.values("step").tolist() == list(range(1, 34))
        assert (run.energy > 0.0) is ("variation" in run.arm)
    assert result.verdict.split(":")[0] in ("Yes", "No", "Not settled")
    assert Usefulness.from_json(json.loads(json.dumps(result.as_json()))) == result


def test_the_model_of_a_seed_sees_its_training_photos_alone(result: Usefulness, fitter: Fitter) -> None:
    assert [len(images) for images in fitter.seen] == [36] * result.settings["n_seeds"]
    assert (fitter.seen[0] != fitter.seen[1]).any()


def test_the_same_seeds_give_the_same_figures(result: Usefulness, flowers: Flowers) -> None:
    kept: list[Usefulness] = []
    known = [run for run in result.runs if run.arm not in ("stack", "stack + variation 0.5, half")]
    again = study_usefulness(
        *flowers, NAMES, fit_model=Fitter(), n_seeds=1, steps=33, finished=known, on_run=kept.append, **SHORT
    )
    assert [len(one.runs) for one in kept] == [2, 3], "told of what was trained, not of what was known"
    before = {(run.arm, run.seed): run for run in result.runs}
    for run in again.runs:
        same = before[run.arm, run.seed]
        assert (run is same) is (run in known)
        for name in ("step", "accuracy", "nll", "validation_nll"):
            assert np.allclose(run.curve.values(name), same.curve.values(name), atol=0.02)


def test_a_model_that_ruins_labels_does_not_help(flowers: Flowers) -> None:
    found = study_usefulness(*flowers, NAMES, fit_model=Ruin, n_seeds=2, steps=231, **SHORT)
    assert found.verdict.startswith("No: ")
    ruined = found.comparison.difference("stack + variation 0.5, half", "stack", "accuracy", "end")
    assert ruined.mean < -2 * ruined.standard_error < 0
    assert found.best_variation_strength is None


class Clock:
    """Goes on by a second whenever a classifier would be trained for some steps; none is."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    def train(_: Classifier, feed: Feed) -> None:
        made.now += 1.0

    def logits(_: Classifier, images: np.ndarray) -> np.ndarray:
        return np.zeros((len(images), len(NAMES)))

    monkeypatch.setattr(Classifier, "train", train)
    monkeypatch.setattr(Classifier, "logits", logits)
    for module in (bench, study):
        monkeypatch.setattr(module, "time", made)
    return made


def test_budget_is_kept_and_reductions_are_told(flowers: Flowers, clock: Clock) -> None:
    # Six arms with three seeds would take 6 x 3 x 33 seconds.
    found = study_usefulness(*flowers, NAMES, fit_model=Ruin, n_seeds=3, steps=33, budget=400.0, **SHORT)
    assert clock.now <= 400.0
    assert found.settings["n_seeds"] == 2
    assert len(found.runs) == 2 * len(found.arms)
    assert 4 <= len(found.arms) < 6
    assert "2 of 3 seeds" in found.reductions[0]
    assert "variation 0.5, half" in found.reductions[1]


def test_a_budget_that_runs_out_keeps_what_was_trained(flowers: Flowers, clock: Clock) -> None:
    def slow_down(found: Usefulness) -> None:
        clock.now += 60.0

    options = {**SHORT, "on_run": slow_down}
    found = study_usefulness(*flowers, NAMES, fit_model=Ruin, n_seeds=2, steps=33, budget=400.0, **options)
    assert clock.now <= 400.0 + 60.0
    assert 0 < len(found.runs) < 2 * len(found.arms)
    assert f"{len(found.runs)} of {2 * len(found.arms)} trainings" in found.reductions[-1]
    assert found.helps is None


def test_a_tiny_budget_settles_nothing_and_says_so(flowers: Flowers, clock: Clock) -> None:
    found = study_usefulness(*flowers, NAMES, fit_model=Ruin, n_seeds=3, steps=660, budget=1.0, **SHORT)
    assert found.runs == ()
    assert found.verdict.startswith("Not settled: ")
    assert any("of 660 steps" in told for told in found.reductions)
    assert [len(table.rows) for table in found.tables()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"class_names": ("daisy",)}, "two classes"),
        ({"class_names": ("daisy", "rose")}, "indices into the 2 class names"),
        ({"class_names": (*NAMES, "poppy")}, "0 photos of class 'poppy'"),
        ({"images": np.zeros((150, 32, 32), np.float32)}, "uint8"),
        ({"labels": np.zeros(7, np.int32)}, "one label each"),
        ({"photos_per_class": 48}, "Too few photos"),
        ({"photos_per_class": 3}, "Too few photos"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"steps": 5}, "steps"),
        ({"budget": 0}, "budget"),
        ({"image_size": 0}, "image_size"),
        ({"random_state": -1}, "random_state"),
        ({"strengths": [2.0]}, "strength"),
    ],
)
def test_bad_input_is_told(flowers: Flowers, changed: dict[str, Any], message: str) -> None:
    options = {"class_names": NAMES, "images": flowers[0], "labels": flowers[1], **SHORT, **changed}
    photos = [options.pop(name) for name in ("images", "labels", "class_names")]
    with pytest.raises(ValueError, match="Received: ") as caught:
        study_usefulness(*photos, fit_model=Ruin, **options)
    assert message in str(caught.value)
