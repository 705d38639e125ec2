"""The commands that tell of a model: fitting with its summary and report, and ``gmmaug report``."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin import load_model
from gmmaug_plugin.cli import main, main_fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.pca_mixture import PCAMixture
from tests.factories import fit_pca as fit

COPIES = r"copies \d+\.\d% \(real photos against each other \d+\.\d%"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def run(command: str, *arguments: object) -> Done:
    """Run a command here: the entry points themselves, without the seconds a new process takes."""
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    argv, handler = sys.argv, signal.getsignal(signal.SIGINT)
    sys.argv = [command, *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            {"gmmaug": main, "gmmaug-fit": main_fit}[command]()
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        sys.argv = argv
        signal.signal(signal.SIGINT, handler)
    return Done(status, stdout.getvalue(), stderr.getvalue())


def write_photos(root: Path, n_photos: int, *, n_classes: int = 1) -> Path:
    images, labels, names = make_flowers(n_photos, image_size=32, n_classes=n_classes, random_state=4)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / names[label] if n_classes > 1 else root
        folder.mkdir(exist_ok=True, parents=True)
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def flat(place: Path) -> Path:
    """60 drawn flowers without classes."""
    return write_photos(place / "flat", 60)


@pytest.fixture(scope="module")
def classes(place: Path) -> Path:
    """48 drawn flowers of two classes: too few for a network's features."""
    return write_photos(place / "classes", 48, n_classes=2)


SMALL = ("--model", "pca", "--image-size", 32, "--variance", 0.9, "--holdout", 0.3)


@pytest.fixture(scope="module")
def refitted(place: Path, flat: Path) -> tuple[Path, Done]:
    """A model of the flat folder, measured and fitted again, with a report."""
    path = place / "refitted.safetensors"
    done = run("gmmaug-fit", flat, "-o", path, *SMALL, "--n-components", "1:4:1", "--report", place / "told")
    assert done.returncode == 0, done.stderr
    return path, done


@pytest.fixture(scope="module")
def kept(place: Path, classes: Path) -> tuple[Path, Done]:
    """A model of two classes that has not seen what was held back."""
    path = place / "kept.safetensors"
    options = ["--n-components", 1, "--no-refit", "--templates", 5]
    done = run("gmmaug-fit", classes, "-o", path, *SMALL, *options)
    assert done.returncode == 0, done.stderr
    return path, done


def notes(folder: Path) -> str:
    return " ".join(numbers(folder)["notes"])


def numbers(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


# --- gmmaug-fit -------------------------------------------------------------------------------------------


def test_fitting_says_what_was_chosen_and_why_and_whether_it_copies(refitted: tuple[Path, Done]) -> None:
    path, done = refitted
    info = load_model(path).info
    first, *refused, choice, wrote, wrote_report = done.stdout.splitlines()
    assert first.startswith(f"60 photos, {info['n_held_back']} held back to measure on, then fitted again on")
    assert first.endswith(f"; {load_model(path).basis.n_dimensions} dimensions")
    assert choice.startswith(f"{info['choices']['']}; copies ")
    assert re.match(rf"\d+ components? by AIC \(.*BIC.*\).*; {COPIES}", choice)
    assert refused == [
        f"{one['n_components']} refused: {one['reason']}" for one in info["refused_candidates"].get("", ())
    ]
    assert wrote.startswith(f"Wrote {path} (")
    assert wrote_report.startswith("Wrote ")
    assert done.stderr == ""


def test_fitting_with_a_report_writes_page_and_figures(place: Path, refitted: tuple[Path, Done]) -> None:
    path, done = refitted
    assert {one.name for one in (place / "told").iterdir()} == {"index.html", "report.json"}
    assert f"Wrote {place / 'told' / 'index.html'}" in done.stdout
    page = (place / "told" / "index.html").read_text()
    assert "refitted.safetensors" in page
    assert str(place) not in page, "the page may be sent to others"
    told = {one["name"]: one["value"] for one in numbers(place / "told")["measures"]}
    assert told == {one["name"]: one["value"] for one in load_model(path).info["measures"]}
    assert "bits_per_pixel" in told


def test_the_report_is_of_the_model_that_was_measured(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the one handed over, which has seen what was held back."""
    told = []

    def gather(model: PCAMixture, training: PhotoSet, held_back: PhotoSet, *_: object, **__: object) -> None:
        told.extend([model, training, held_back])
        raise ValueError("Enough is known.")

    monkeypatch.setattr("gmmaug_plugin.cli.report.gather", gather)
    target, options = tmp_path / "m.safetensors", [*SMALL, "--n-components", 1, "--report", tmp_path / "told"]
    assert run("gmmaug-fit", flat, "-o", target, *options).stderr == "Error: Enough is known.\n"
    model, training, held_back = told
    alone = fit(training, variance=0.9, n_components=1, holdout=0.0, allow_copies=True, quiet=True)
    np.testing.assert_array_equal(model.basis.mean, alone.basis.mean)
    assert (load_model(target).basis.mean != model.basis.mean).any()
    assert len(training.images) + len(held_back.images) == 60


def test_each_class_has_its_line_and_the_strength_has_one(kept: tuple[Path, Done]) -> None:
    path, done = kept
    model = load_model(path)
    assert "then fitted again" not in done.stdout
    for name in model.class_names:
        assert f"\n{name}: 1 component as given\n" in done.stdout
    assert re.search(rf"^All: {COPIES}", done.stdout, re.MULTILINE)
    measured = model.info["synthesis_strength"]
    assert model.strengths.synthesis == measured["strength"]
    (told,) = (line for line in done.stdout.splitlines() if "templates" in line)
    assert re.search(rf" {measured['strength']:g}\b", told)
    assert ("the least that is no copying" in told) == measured["within"]


def test_a_model_that_varies_photos_is_told_by_levels_and_by_its_strength(flat: Path, tmp_path: Path) -> None:
    """The default kind, without templates and with them."""
    path, options = tmp_path / "m.safetensors", ["--image-size", 32, "--n-components", "2:5:2"]
    done = run("gmmaug-fit", flat, "-o", path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    info = load_model(path).info
    first, coarse, fine, varied, training, wrote = done.stdout.splitlines()
    assert first == f"60 photos, {info['n_held_back']} held back to measure on, then fitted again on all"
    assert [coarse, fine] == [f"{level}: {choice}" for level, choice in info["choices"].items()]
    assert re.match(r"details at 32 x 32: \d components by BIC \(AIC (agrees|\d)\)$", fine)
    measured = info["variation_strength"]
    ending = "the least that is no copying" if measured["within"] else "which is as far as can be"
    assert re.match(rf"Photos varied by strength {measured['strength']:g}(: |, ){ending}: {COPIES}", varied)
    assert training.startswith("In training photos are varied by 0.5; for synthesis from nothing, keep ")
    assert wrote.startswith(f"Wrote {path} (")

    done = run("gmmaug-fit", flat, "-o", path, *options, "--templates", 9, "--no-refit", "--criterion", "aic")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by AIC" in done.stdout
    assert re.search(rf"^All: {COPIES}", done.stdout, re.MULTILINE)
    strength = load_model(path).strengths.synthesis
    assert re.search(rf"moves? (templates by strength |them by ){strength:g}\b", done.stdout)
    assert "Photos varied" not in done.stdout


SEED = ("--image-size", 32, "--recipe", "seed", "--n-components", 40)


def test_a_model_that_copies_is_not_written_unless_it_is_wanted(flat: Path, tmp_path: Path) -> None:
    target, report = tmp_path / "seed.safetensors", tmp_path / "report"
    done = run("gmmaug-fit", flat, "-o", target, *SEED, "--report", report)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(rf"^Error: The mixture is refused\. 40 components: {COPIES}, one Gaussian", done.stderr)
    assert "(--allow-copies) keeps it all the same. Received: n_components=40" in done.stderr
    assert not list(tmp_path.iterdir())

    done = run("gmmaug-fit", flat, "-o", target, *SEED, "--allow-copies")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"40 components as given; {COPIES}, one Gaussian \d+\.\d%\)\n", done.stdout)
    assert load_model(target).n_components == 40
    assert {"raw", "contrast"} <= set(load_model(target).info["copying"]["singles_out"])


def test_a_refused_fit_leaves_the_old_model_and_report(flat: Path, tmp_path: Path) -> None:
    target, page = tmp_path / "seed.safetensors", tmp_path / "report" / "index.html"
    page.parent.mkdir()
    for old in (target, page):
        old.write_bytes(b"old")
    assert run("gmmaug-fit", flat, "-o", target, *SEED, "--report", page.parent).returncode == 1
    assert target.read_bytes() == page.read_bytes() == b"old"
    assert {one.name for one in page.parent.iterdir()} == {"index.html"}


def test_refused_candidates_are_named_with_the_reason(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gmmaug_plugin.fitting.trial._judge",
        lambda *_: lambda model, _: "copies too much" if model.n_components == 2 else None,
    )
    monkeypatch.setattr(
        "gmmaug_plugin.fitting.selection.CriterionCurve.ranked",
        property(lambda curve: tuple(sorted(curve.n_components, reverse=True))),
    )
    options = [*SMALL, "--n-components", "1:3:1"]
    done = run("gmmaug-fit", flat, "-o", tmp_path / "m.safetensors", *options)
    assert done.returncode == 0, done.stderr
    _, refused, choice, _ = done.stdout.splitlines()
    assert refused == "2 refused: copies too much"
    assert choice.startswith("1 component by AIC (BIC agrees); refused: 2; copies ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--holdout", "0.9"), "holdout must be a share in [0, 0.5]. Received: holdout=0.9"),
        (("--holdout", "-0.1"), "holdout must be a share in [0, 0.5]. Received: holdout=-0.1"),
        (("--strength", "0.5"), "Without templates there are only fresh draws"),
        (("--templates", "-1"), "templates must be a whole number"),
        (("--report", "{flat}/00.png"), "The report's place must be a folder. Received: {flat}/00.png"),
    ],
)
def test_mistakes_are_told_before_the_photos_are_read(
    options: tuple[str, ...], message: str, flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("gmmaug_plugin.cli.running.load_photos")
    filled = [part.format(flat=flat) for part in options]
    done = run("gmmaug-fit", flat, "-o", tmp_path / "m.safetensors", *filled)
    assert done.returncode == 1
    assert message.format(flat=flat) in done.stderr
    assert not list(tmp_path.iterdir())


# --- gmmaug report ----------------------------------------------------------------------------------------


def test_a_model_fitted_again_has_seen_all_photos(
    flat: Path, refitted: tuple[Path, Done], tmp_path: Path
) -> None:
    done = run("gmmaug", "report", refitted[0], flat, "-o", tmp_path / "new" / "report")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Wrote {tmp_path / 'new' / 'report' / 'index.html'} in ")
    told = numbers(tmp_path / "new" / "report")
    assert "The model was fitted on all of these photos." in notes(tmp_path / "new" / "report")
    assert "bits_per_pixel" not in {one["name"] for one in told["measures"]}
    assert told["summary"][0] == "Fitted on 60 photos at 32 x 32 pixels."


def test_a_model_not_fitted_again_is_measured_on_what_was_held_back(
    classes: Path, kept: tuple[Path, Done], tmp_path: Path
) -> None:
    """The same photos are found again, and the same figures with them."""
    done = run("gmmaug", "report", kept[0], classes, "-o", tmp_path, "--no-features", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told, info = numbers(tmp_path), load_model(kept[0]).info
    n_held_back = info["n_held_back"]
    assert told["summary"][0].startswith(f"Fitted on {48 - n_held_back} photos of 2 classes (daisy ")
    assert told["summary"][0].endswith(f"; {n_held_back} photos held back to measure on.")
    assert n_held_back >= 4
    assert "fitted on all of these photos" not in notes(tmp_path)
    found = {one["name"]: one["value"] for one in told["measures"]}
    assert found == {one["name"]: one["value"] for one in info["measures"]}
    assert "bits_per_pixel" in found


@pytest.mark.parametrize(
    ("photos", "output", "message"),
    [
        ("flat", "report", "The photos' classes must be the model's, ['daisy', 'dandelion']. Received: []"),
        ("classes", "report/index.html", "The report's place must be a folder. Received: "),
        ("nothing", "report", "Received: "),
        ("fewer", "report", "must be those that the model was fitted on, 48"),
    ],
)
def test_a_report_that_fails_leaves_the_old_one_whole(
    photos: str,
    output: str,
    message: str,
    place: Path,
    classes: Path,
    kept: tuple[Path, Done],
    tmp_path: Path,
) -> None:
    old = {"index.html": b"page", "report.json": b"figures"}
    (tmp_path / "report").mkdir()
    for name, content in old.items():
        (tmp_path / "report" / name).write_bytes(content)
    if photos == "fewer":
        shutil.copytree(classes, place / photos)
        min((place / photos).rglob("*.png")).unlink()
    done = run("gmmaug", "report", kept[0], place / photos, "-o", tmp_path / output)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert {one.name: one.read_bytes() for one in (tmp_path / "report").iterdir()} == old


def test_a_full_disk_leaves_the_old_report_whole(
    classes: Path, kept: tuple[Path, Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("index.html", "report.json"):
        (tmp_path / name).write_bytes(b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    done = run("gmmaug", "report", kept[0], classes, "-o", tmp_path, "--no-features")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == dict.fromkeys(
        ("index.html", "report.json"), b"old"
    )


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_its_libraries_a_report_is_refused_before_anything_is_fitted(
    missing: str, flat: Path, tmp_path: Path
) -> None:
    """A real process, in which the library is not to be had; broken photos show what was read before."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {missing!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    (tmp_path / "photos").mkdir()
    command = [
        BIN / "gmmaug-fit",
        tmp_path / "photos",
        "-o",
        tmp_path / "m.safetensors",
        "--report",
        tmp_path,
    ]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert f'Error: {missing} is not installed. Install it with: pip install "gmmaug-plugin[report]"' in (
        done.stderr
    )
    assert "photo" not in done.stderr.replace(str(tmp_path), "")
    assert {one.name for one in tmp_path.iterdir()} <= {"sitecustomize.py", "photos", "__pycache__"}
