import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import run


def test_report_of_a_file(folder: Path, file: Path, tmp_path: Path) -> None:
    done = run("gmmaug", "report", file, folder, "-o", tmp_path / "report", "--no-features")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {measure["name"] for measure in document["measurements"]["measures"]} >= {"copies_raw", "contrast"}
    assert "<html" in (tmp_path / "report" / "index.html").read_text()


def test_a_report_shows_eigen_images_of_a_pca_mixture(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pca.safetensors"
    options = ("--image-size", 16, "--images", 4, "--model", "pca", "--no-measure")
    assert run("gmmaug-fit", folder, "-o", path, *options).returncode == 0
    done = run("gmmaug", "report", path, folder, "-o", tmp_path / "report", "--no-features")
    assert done.returncode == 0, done.stderr
    assert "eigen" in (tmp_path / "report" / "index.html").read_text()


@pytest.mark.parametrize("change", ["fewer photos", "other classes"])
def test_a_report_beside_other_photos_is_refused(
    folder: Path, file: Path, tmp_path: Path, change: str
) -> None:
    others = tmp_path / "others"
    shutil.copytree(folder, others)
    if change == "fewer photos":
        next((others / "daisy").glob("*.png")).unlink()
    else:
        (others / "daisy").rename(others / "aster")
    done = run("gmmaug", "report", file, others, "-o", tmp_path / "report")
    assert done.returncode == 1
    assert "must be" in done.stderr.splitlines()[-1]
    assert "Received: " in done.stderr.splitlines()[-1]
    assert not (tmp_path / "report").exists()


def test_evaluate_gives_a_verdict_and_goes_on_from_its_file(folder: Path, tmp_path: Path) -> None:
    study = tmp_path / "new" / "study.json"
    options = ("--image-size", 16, "--photos-per-class", 6, "--steps", 32, "--ratio", 0.5, "-o", study)
    done = run("gmmaug", "evaluate", folder, "--seeds", 1, *options)
    assert done.returncode == 0, done.stderr
    assert "Trained 3 classifiers" in done.stdout
    assert "photos + 50% pool" in done.stdout
    first = study.read_bytes()
    assert len(json.loads(first)["runs"]) == 3
    done = run("gmmaug", "evaluate", folder, "--seeds", 1, *options, "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert study.read_bytes() == first  # finished trainings, whose seconds it holds, are not repeated
