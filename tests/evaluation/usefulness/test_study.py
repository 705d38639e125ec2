"""The whole study, on small drawn flowers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation.usefulness import (
    StudyFile,
    Usefulness,
    runs,
    study,
    study_usefulness,
    training,
)
from gmmaug_plugin.evaluation.usefulness.training import Trainer
from gmmaug_plugin.pool import Pool

keras = pytest.importorskip("keras")

NAMES = ("daisy", "rose", "tulip")
SHORT: dict[str, Any] = {"photos_per_class": 12, "image_size": 16, "ratios": [0.5], "quiet": True}
Flowers = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module", autouse=True)
def few_points() -> Iterator[None]:
    """Curves of four points: measuring takes longer than these trainings."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (training, study):
            patch.setattr(module, "N_POINTS", 4)
        yield


@pytest.fixture(scope="module")
def flowers() -> Flowers:
    images, labels, _ = make_flowers(150, image_size=32, n_classes=3)
    return images, labels


class Draw:
    """Gives the photos themselves for a pool, and keeps them; ``shift`` makes labels wrong."""

    def __init__(self, shift: int = 0) -> None:
        self.seen: list[np.ndarray] = []
        self.shift = shift

    def __call__(self, images: np.ndarray, labels: np.ndarray, seed: int) -> Pool:
        assert np.bincount(labels).tolist() == [12, 12, 12]
        self.seen.append(images)
        return Pool(images, ((labels + self.shift) % 3).astype(np.int32), NAMES)


@pytest.fixture(scope="module")
def draw() -> Draw:
    return Draw()


@pytest.fixture(scope="module")
def result(flowers: Flowers, draw: Draw) -> Usefulness:
    return study_usefulness(*flowers, NAMES, draw_pool=draw, n_seeds=2, steps=32, **SHORT)


def test_every_arm_has_its_whole_curve_with_every_seed(result: Usefulness) -> None:
    assert [(run.arm, run.seed) for run in result.runs] == [
        (arm, seed) for seed in range(2) for arm in ("photos", "photos + 50% pool", "pool alone")
    ]
    for run in result.runs:
        assert [point.step for point in run.points] == [8, 16, 24, 32]
        assert all(
            np.isfinite([point.nll, point.nll_scaled, point.validation_nll]).all() for point in run.points
        )
    assert result.verdict.startswith("Beside the photos: ")
    assert "Instead of the photos: " in result.verdict


def test_the_pool_of_a_seed_is_drawn_from_its_training_photos_alone(result: Usefulness, draw: Draw) -> None:
    assert [images.shape for images in draw.seen] == [(36, 16, 16)] * 2
    assert (draw.seen[0] != draw.seen[1]).any()


def test_trainings_repeat_themselves_and_finished_ones_are_not_repeated(
    result: Usefulness, flowers: Flowers
) -> None:
    kept: list[Usefulness] = []
    known = [run for run in result.runs if run.arm != "photos + 50% pool"]
    again = study_usefulness(
        *flowers, NAMES, draw_pool=Draw(), n_seeds=1, steps=32, finished=known, on_run=kept.append, **SHORT
    )
    assert [len(one.runs) for one in kept] == [2]
    before = {(run.arm, run.seed): run for run in result.runs}
    for run in again.runs:
        same = before[run.arm, run.seed]
        assert (run is same) is (run in known)
        for point, other in zip(run.points, same.points, strict=True):
            assert point.nll == pytest.approx(other.nll, abs=0.02)


def test_training_learns_and_wrong_labels_do_harm() -> None:
    """Stripes across, stripes down, and none; the pool has each of them under another's name."""
    rng = np.random.default_rng(0)
    stripes = np.broadcast_to(90 * (np.arange(16) // 2 % 2), (16, 16))
    kinds = np.stack([stripes, stripes.T, np.full((16, 16), 45)])
    labels = (np.arange(150) % 3).astype(np.int32)
    images = np.clip(80 + kinds[labels] + rng.normal(0, 15, (150, 16, 16)), 0, 255).astype(np.uint8)
    found = study_usefulness(images, labels, NAMES, draw_pool=Draw(shift=1), n_seeds=1, steps=96, **SHORT)
    photos, mixed, alone = (run.read("end").accuracy for run in found.runs)
    assert photos > 0.8
    assert mixed < photos - 0.1
    assert alone < 0.2
    assert found.helps is None  # one seed


def test_color_is_trained_on_as_it_is() -> None:
    """Classes differ by hue alone, at equal luma."""
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 2).astype(np.int32)
    hues = np.array([[200, 60, 60], [20, 140, 150]])[labels][:, None, None]
    images = np.clip(hues + rng.normal(0, 20, (120, 16, 16, 1)), 0, 255).astype(np.uint8)
    trainer = Trainer(images, labels, lambda x, y, _: Pool(x, y, ("a", "b")), 20, 0)
    run = trainer.train(study.make_arms([0.5])[0], 0, 96)
    assert run.points[-1].accuracy > 0.9


class Clock:
    """Goes on by a second for every step trained; nothing is trained."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    def fit(keras: Any, model: Any, feed: Any, part: int, measure_part: Any) -> None:
        for place in range(1, training.N_POINTS + 1):
            made.now += part
            measure_part(place * part)

    monkeypatch.setattr(
        training, "build_classifier", lambda *_: lambda images, **_: np.zeros((len(images), 3), np.float32)
    )
    monkeypatch.setattr(training, "_fit", fit)
    monkeypatch.setattr(training, "_restart", lambda *_: None)
    for module in (training, study):
        monkeypatch.setattr(module, "time", made)
    return made


def test_a_budget_is_used_and_kept(flowers: Flowers, clock: Clock) -> None:
    """Three arms of 32 steps take 96 seconds a seed, after 96 seconds of timing: nine seeds fit."""
    found = study_usefulness(*flowers, NAMES, draw_pool=Draw(), n_seeds=2, steps=32, budget=16.0, **SHORT)
    assert len(found.runs) == 3 * 9
    assert clock.now <= 16 * 60
    assert found.reductions == ()


def test_a_short_budget_drops_ratios_and_steps_and_says_so(flowers: Flowers, clock: Clock) -> None:
    options = {**SHORT, "ratios": [0.25, 0.5]}
    found = study_usefulness(*flowers, NAMES, draw_pool=Draw(), steps=64, budget=6.0, **options)
    assert [arm.name for arm in found.arms] == ["photos", "photos + 25% pool", "pool alone"]
    assert found.settings["steps"] == 44
    assert len(found.runs) >= 6
    assert clock.now <= 6 * 60
    assert 'without "photos + 50% pool"' in found.reductions[0]
    assert "44 of 64 steps" in found.reductions[1]


def test_measuring_does_not_count_as_steps(
    flowers: Flowers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A curve takes 40 seconds and 128 steps 128: six trainings of 168 fit, after 176 of timing."""

    def slowly(*points: Any) -> Any:
        clock.now += 10
        return runs.measure(*points)

    monkeypatch.setattr(training, "measure", slowly)
    found = study_usefulness(*flowers, NAMES, draw_pool=Draw(), steps=128, budget=19.8, **SHORT)
    assert found.reductions == ()
    assert len(found.runs) == 6
    assert clock.now <= 19.8 * 60


def test_a_budget_that_runs_out_keeps_finished_trainings(flowers: Flowers, clock: Clock) -> None:
    found = study_usefulness(*flowers, NAMES, draw_pool=Draw(), steps=64, budget=0.1, **SHORT)
    assert found.runs == ()
    assert "used up before" in found.reductions[-1]
    assert found.helps is None


def test_a_stopped_study_goes_on_from_its_file(tmp_path: Path, flowers: Flowers, clock: Clock) -> None:
    path = tmp_path / "study.json"
    options: dict[str, Any] = {**SHORT, "draw_pool": Draw(), "steps": 32}

    def stop(found: Usefulness) -> None:
        file.write(found)
        if len(found.runs) == 4:
            raise KeyboardInterrupt

    file = StudyFile(path, *flowers, depends_on={"steps": (32,)})
    assert file.finished() == ()
    with pytest.raises(KeyboardInterrupt):
        study_usefulness(*flowers, NAMES, on_run=stop, **options)
    again = StudyFile(path, *flowers, depends_on={"steps": (32,)})
    assert len(again.finished()) == 4
    trained: list[Usefulness] = []
    study_usefulness(*flowers, NAMES, finished=again.finished(), on_run=trained.append, **options)
    assert len(trained) == 5
    again.write(trained[0])
    assert len(json.loads(path.read_text())["runs"]) == 5
    with pytest.raises(ValueError, match="name another file"):
        StudyFile(path, *flowers, depends_on={"steps": 33}).finished()
    path.write_text("{}")
    with pytest.raises(ValueError, match="which holds none"):
        again.finished()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ("daisy",)}, "at least two classes"),
        ({"class_names": NAMES[:2]}, "Received: from 0 to 2"),
        ({"photos_per_class": 100}, "Too few photos"),
        ({"steps": 3}, "at least 32. Received: 3"),
        ({"budget": 0.0}, "above 0 minutes"),
        ({"ratios": [1.5]}, "below 1"),
        ({"images": np.zeros((150, 8, 8))}, "Received: float64"),
    ],
)
def test_unusable_arguments_are_refused(flowers: Flowers, options: dict[str, Any], message: str) -> None:
    arguments = {"images": flowers[0], "labels": flowers[1], "class_names": NAMES, **SHORT, **options}
    with pytest.raises(ValueError, match=message):
        study_usefulness(**arguments, draw_pool=Draw())
