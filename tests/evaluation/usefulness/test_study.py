"""The whole study, on small drawn flowers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation.usefulness import Point, StudyOptions, study, study_usefulness, training
from gmmaug_plugin.evaluation.usefulness.training import Repetition
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.pool import Pool

NAMES = ("daisy", "rose", "tulip")
ARMS = ("photos", "photos + 50% pool", "pool alone")
SHORT: dict[str, Any] = {"photos_per_class": 12, "image_size": 16, "ratios": (0.5,), "steps": 32}


@pytest.fixture(scope="module")
def photos() -> PhotoSet:
    images, labels, _ = make_flowers(150, image_size=32, n_classes=3)
    return PhotoSet(images, labels.astype(np.int32), NAMES)


def draw(photos: PhotoSet, seed: int) -> Pool:
    """The photos themselves for a pool."""
    return Pool(photos.images, photos.labels, photos.class_names)


class Clocked:
    """Trainings that take a minute of a clock, check the deadline every half minute, and train nothing."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[tuple[int, float]] = []
        self.shared: list[Repetition] = []

    def monotonic(self) -> float:
        return self.now

    def __call__(
        self, shared: Repetition, ratio: float, steps: int, *, deadline: float, advance: Any
    ) -> tuple[Point, ...] | None:
        self.now += 60
        if self.now - 30 > deadline:
            return None
        self.shared.append(shared)
        self.done.append((shared.seed[1], ratio))
        return tuple(Point(step, 0.5, 1.0, 1.0, 1.0, 1.0) for step in (steps // 2, steps))


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    made = Clocked()
    monkeypatch.setattr(study, "train", made)
    monkeypatch.setattr(study, "time", made)
    return made


def test_every_arm_is_trained(photos: PhotoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keras")
    monkeypatch.setattr(training, "N_POINTS", 4)  # measuring takes longer than these trainings
    found = study_usefulness(photos, draw, StudyOptions(seeds=1, **SHORT), quiet=True)
    assert [(run.arm, run.seed, len(run.points)) for run in found.runs] == [(arm, 0, 4) for arm in ARMS]
    assert all(0 < run.points[-1].nll < 10 for run in found.runs)
    assert found.settings["photos_per_class"] == 12
    assert "Not settled" in found.verdict
    assert "Instead of the photos: " in found.verdict


def test_a_seed_has_its_own_photos_and_a_pool_of_the_training_photos_alone(
    photos: PhotoSet, clocked: Clocked
) -> None:
    drawn: list[PhotoSet] = []

    def keep(some: PhotoSet, seed: int) -> Pool:
        drawn.append(some)
        return draw(some, seed)

    study_usefulness(photos, keep, StudyOptions(seeds=2, **SHORT))
    assert [some.images.shape for some in drawn] == [(36, 16, 16)] * 2
    assert set(drawn[0].digests) != set(drawn[1].digests)
    for shared in clocked.shared:
        assert shared.training is drawn[shared.seed[1]]
        held_back = {*shared.validation.digests, *shared.test.digests}
        assert not held_back & set(shared.training.digests)


def test_a_budget_is_used_and_kept_and_brings_an_answer_first(photos: PhotoSet, clocked: Clocked) -> None:
    options = {**SHORT, "ratios": (0.25, 0.5)}
    found = study_usefulness(photos, draw, StudyOptions(budget=9.5, **options))
    assert clocked.done == [
        *((seed, ratio) for seed in (0, 1) for ratio in (0.0, 0.25)),
        *((seed, ratio) for seed in (0, 1) for ratio in (0.5, 1.0)),
        (2, 0.0),
        (2, 0.25),
    ]
    assert len(found.runs) == 10
    assert clocked.now == 600  # no eleventh one is begun
    none = study_usefulness(photos, draw, StudyOptions(budget=0.4, **options))
    assert none.runs == ()
    assert none.helps is None


def test_a_stopped_study_goes_on_from_its_file(
    tmp_path: Path, photos: PhotoSet, clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "study.json"

    def go_on(some: PhotoSet = photos, pool: str = "local", **changes: Any) -> int:
        options = StudyOptions(**{**SHORT, **changes})
        return len(study_usefulness(some, draw, options, file=file, pool_options={"model": pool}).runs)

    assert go_on(budget=4.4) == 4
    clocked.done.clear()
    assert go_on(ratios=(0.5, 0.75), seeds=2) == 8
    assert clocked.done == [(0, 0.75), (0, 1.0), (1, 0.75), (1, 1.0)]
    assert len(json.loads(file.read_text())["runs"]) == 8
    assert go_on(seeds=2) == 8
    for changes in ({"steps": 33}, {"seed": 1}, {"pool": "pca"}, {"some": photos.take(range(149))}):
        with pytest.raises(ValueError, match="name another file"):
            go_on(**changes)
    for text in ("{}", "not JSON", '{"settings": 7, "runs": []}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="must hold a study"):
            go_on()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"photos_per_class": 48}, "50 photos in the smallest class"),
        ({"photos_per_class": 3}, "at least 4. Received: 3"),
        ({"steps": 3}, "at least 32. Received: 3"),
        ({"budget": 0.0}, "above 0 minutes"),
        ({"ratios": (1.0,)}, "below 1"),
        ({"ratios": (0.5, 0.5)}, "no two equal"),
        ({"seeds": 0}, "at least 1"),
    ],
)
def test_unusable_options_are_refused(photos: PhotoSet, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study_usefulness(photos, draw, StudyOptions(**{**SHORT, **options}))


def test_unusable_photos_and_pools_are_refused(photos: PhotoSet) -> None:
    for some in (PhotoSet(photos.images), PhotoSet(photos.images, photos.labels * 0, ("daisy",))):
        with pytest.raises(ValueError, match="at least two classes"):
            study_usefulness(some, draw)
    rows = np.argsort(photos.labels)
    with pytest.raises(ValueError, match="9 photos in the smallest class"):
        study_usefulness(photos.take([*rows[:9], *rows[50:]]), draw, StudyOptions(**SHORT))
    with pytest.raises(ValueError, match="photos' classes"):
        study_usefulness(photos, lambda some, _: Pool(some.images), StudyOptions(**SHORT))
