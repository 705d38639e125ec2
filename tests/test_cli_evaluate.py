"""``gmmaug evaluate``: a study of usefulness from the command line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.artifact import describe_artifact
from gmmaug_plugin.cli.evaluate import _fit_options, _write_strength
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.usefulness import Arm, Usefulness
from gmmaug_plugin.evaluation.usefulness.study_file import StudyFile
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.strengths import Strengths
from tests.evaluation.usefulness.curves_by_hand import ARMS, runs
from tests.factories import fit_all, random_model
from tests.multiscale_models import random_multiscale

BIN = Path(sys.executable).parent
SMALL = ("--photos-per-class", 12, "--image-size", 16, "--steps", 33, "--variation", "0.5:0.5")


def evaluate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [BIN / "gmmaug", "evaluate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    return make_flowers(80, image_size=16, n_classes=2)


@pytest.fixture
def photos(flowers, tmp_path: Path) -> Path:
    images, labels, names = flowers
    np.savez(tmp_path / "photos.npz", images=images, labels=labels, class_names=np.array(names))
    return tmp_path / "photos.npz"


@pytest.fixture(scope="module")
def fitted(flowers) -> ImageModel:
    images, labels, names = flowers
    return fit_all(images, [names[label] for label in labels], n_components=1, symmetry="d4", quiet=True)


@pytest.fixture
def artifact(fitted: ImageModel, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def test_a_study_is_told_kept_and_gone_on_with(photos: Path, artifact: Path, tmp_path: Path) -> None:
    before, study = artifact.read_bytes(), tmp_path / "study.json"
    options = (photos, "--model", artifact, *SMALL, "--synthesis", 0.25, "-o", study, "--write")
    done = evaluate(*options, "--seeds", 1)
    assert done.returncode == 0, done.stderr
    assert "Not settled: one seed" in done.stdout
    for told in ("stack + variation 0.5, half", "stack + noise like variation 0.5, half", "NLL, scaled"):
        assert told in done.stdout
    assert "No strength was found to help" in done.stdout
    assert artifact.read_bytes() == before
    first = json.loads(study.read_text())
    assert f"Trained {len(first['runs'])} classifiers" in done.stdout

    again = evaluate(*options, "--seeds", 1, "--quiet")
    assert (again.returncode, "Trained" in again.stdout) == (0, False)
    assert json.loads(study.read_text())["runs"] == first["runs"], "finished trainings are not done again"

    for change in (("--steps", 34), ("--random-state", 7)):
        other = evaluate(photos, "--model", artifact, *SMALL, *change, "-o", study)
        assert other.returncode == 1
        assert "name another file" in other.stderr
    assert json.loads(study.read_text())["runs"] == first["runs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--variation", "0.5"), "variation must be STRENGTH:RATIO"),
        (("--variation", "0.5:2"), "Received: "),
        (("--photos-per-class", 1000), "Received: "),
        (("-o", "."), "must be a file. Received: a folder"),
        (("-o", "no/such/study.json"), "folder must exist"),
    ],
)
def test_mistakes_are_told_in_a_line(
    photos: Path, artifact: Path, arguments: tuple[object, ...], message: str
) -> None:
    done = evaluate(photos, "--model", artifact, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_photos_without_classes_cannot_train_a_classifier(flowers, artifact: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", flowers[0])
    done = evaluate(tmp_path / "plain.npy", "--model", artifact)
    assert done.returncode == 1
    assert "needs a folder for each class" in done.stderr


def test_photos_of_other_classes_are_refused(flowers, artifact: Path, tmp_path: Path) -> None:
    images, labels, _ = flowers
    np.savez(tmp_path / "other.npz", images=images, labels=labels, class_names=np.array(["x", "y"]))
    done = evaluate(tmp_path / "other.npz", "--model", artifact)
    assert done.returncode == 1
    assert "classes must be the model's" in done.stderr


def test_trainings_that_a_file_holds_are_never_lost(flowers, tmp_path: Path) -> None:
    """A study stopped early, with another arm, that had not come to the old ones yet."""
    arms, made = ARMS, runs((0.55, 1.2))
    path, options = tmp_path / "study.json", {"depends_on": {"steps": 3}}
    StudyFile(path, *flowers[:2], **options).write(Usefulness({}, arms, tuple(made)))
    file = StudyFile(path, *flowers[:2], **options)
    assert len(file.finished()) == len(made)
    new = replace(made[0], arm="another")
    file.write(Usefulness({}, (*arms, Arm("another")), (made[0], new)))
    kept = StudyFile(path, *flowers[:2], **options).finished()
    assert {(run.arm, run.seed) for run in kept} == {(run.arm, run.seed) for run in (*made, new)}


def test_a_strength_that_helped_is_written_and_becomes_the_default(artifact: Path) -> None:
    model = load_model(artifact)
    found = SimpleNamespace(best_variation_strength=0.3, verdict="Yes: it helps.", settings={"steps": 7})
    _write_strength(model, artifact, found)
    written = load_model(artifact)
    assert (written.strengths.variation, written.strengths.synthesis) == (0.3, 1.0)
    told = describe_artifact(artifact)["document"]["info"]["usefulness"]
    assert told == {"verdict": "Yes: it helps.", "settings": {"steps": 7}}
    images = model.sample(4, seed=0)[0]
    np.testing.assert_array_equal(written.vary(images, seed=1), model.vary(images, strength=0.3, seed=1))


def test_models_are_fitted_again_with_their_own_options(artifact: Path) -> None:
    """On the photos of each repetition alone, whatever they copy: the classifier is the judge."""
    options = _fit_options(load_model(artifact))
    assert (options.n_components, options.symmetry, options.holdout) == (1, "d4", 0.0)
    assert options.allow_copies
    assert _fit_options(random_model()).n_components == "auto", "a model without options"


@pytest.mark.parametrize("templates", [0, 3])
def test_options_of_a_multi_scale_mixture_come_back(templates: int, tmp_path: Path) -> None:
    asked = options_for("multiscale", None, n_components=[2, 5], sharing="none", criterion="heldout", tol=0.5)
    asked = replace(asked, templates=templates)
    info = {"options": {**asked.as_json(), "resize": "crop"}}
    model = replace(random_multiscale(templates=templates), info=info, strengths=Strengths(0.7))
    model.save(tmp_path / "m.safetensors")
    strength = 0.7 if templates else "auto"
    expected = replace(asked, holdout=0.0, allow_copies=True, strength=strength)
    assert _fit_options(load_model(tmp_path / "m.safetensors")) == expected


def test_a_multi_scale_mixture_is_judged_at_sizes_that_it_can_have(
    flowers, photos: Path, tmp_path: Path
) -> None:
    images, labels, names = flowers
    path = tmp_path / "m.safetensors"
    fit(images, [names[label] for label in labels], n_components=2, holdout=0.0, quiet=True).save(path)
    small = ("--photos-per-class", 12, "--steps", 33, "--seeds", 1, "--variation", "0.5:0.5")
    done = evaluate(photos, "--model", path, *small, "--synthesis", 0.25, "--image-size", 32)
    assert done.returncode == 0, done.stderr
    assert "stack + variation 0.5, half" in done.stdout
    done = evaluate(photos, "--model", path, *small, "--image-size", 48)
    assert done.returncode == 1
    assert "image_size must be one of [32, 64, 128, 256, 512]" in done.stderr


def test_a_file_of_something_else_is_not_written_over(flowers, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    file = StudyFile(path, *flowers[:2], depends_on={"steps": 3})
    assert file.finished() == ()
    for contents in ("no JSON", "[]", "{}", '{"key": {}, "arms": 3}'):
        path.write_text(contents)
        with pytest.raises(ValueError, match=r"must hold a study.*Received: "):
            file.finished()
        assert path.read_text() == contents
