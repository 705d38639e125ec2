"""The commands as a user runs them: real processes on real files."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.drawn_flowers import make_flowers
from gmmaug_plugin import fit, load_model
from gmmaug_plugin.pictures import grid

BIN = Path(sys.executable).parent

OPTIONS = ("--image-size", 32, "--images", 20, "--no-measure")


def run(command: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawn flowers in two class folders, and one file that is no photo."""
    root = tmp_path_factory.mktemp("photos")
    images, labels, names = make_flowers(24, image_size=48, n_classes=2)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        (root / names[label]).mkdir(exist_ok=True)
        Image.fromarray(image).save(root / names[label] / f"{index:02d}.png")
    (root / "daisy" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    return root


@pytest.fixture(scope="module")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pools") / "flowers.safetensors"
    done = run("gmmaug-fit", folder, "-o", path, *OPTIONS, "--lossless")
    assert done.returncode == 0, done.stderr
    assert "24 photos (1 files skipped)" in done.stdout
    assert f"Wrote {path}" in done.stdout
    assert done.stderr.startswith("Skipped daisy/broken.jpg (")
    assert done.stderr.count("\n") == 1, "no progress bar where there is no terminal"
    return path


def test_the_command_writes_the_pool_that_python_draws(folder: Path, file: Path) -> None:
    pool = fit(folder, image_size=32, n_images=20, measure=False, quiet=True)
    loaded = load_model(file)
    np.testing.assert_array_equal(loaded.images, pool.images)
    assert loaded.record == pool.record


def test_gmmaug_fit_is_the_same_command(folder: Path, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "same.safetensors"
    done = run("gmmaug", "fit", folder, "-o", path, *OPTIONS, "--lossless", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_bytes() == file.read_bytes()


def test_sample_writes_a_grid_of_the_seeds_images(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    done = run("gmmaug", "sample", file, "-n", 6, "--seed", 1, "--label", "daisy", "-o", out)
    assert done.returncode == 0, done.stderr
    images, _ = load_model(file).sample(6, seed=1, label="daisy")
    with Image.open(out) as picture:
        np.testing.assert_array_equal(np.asarray(picture), grid(images))


def test_export_writes_a_folder_for_each_class(file: Path, tmp_path: Path) -> None:
    done = run("gmmaug", "export", file, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    pool = load_model(file)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["daisy", "dandelion"]
    daisies = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out" / "daisy").iterdir())]
    np.testing.assert_array_equal(daisies, pool.images[pool.labels == 0])
    again = run("gmmaug", "export", file, tmp_path / "out")
    assert again.returncode == 1
    assert "Received: " in again.stderr


def test_vary_rerenders_a_photo(folder: Path, tmp_path: Path) -> None:
    photo = sorted((folder / "dandelion").iterdir())[0]
    out = tmp_path / "varied.png"
    done = run("gmmaug", "vary", photo, "--photos", folder, "--image-size", 32, "-n", 4, "-o", out)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert picture.size[0] > 64


def test_inspect_shows_the_file_to_people_and_machines(file: Path) -> None:
    shown = run("gmmaug", "inspect", file)
    assert shown.returncode == 0, shown.stderr
    for expected in ("class dandelion", "20 images, drawn from 12 photos", "grayscale", "kB"):
        assert expected in shown.stdout
    document = json.loads(run("gmmaug", "inspect", file, "--json").stdout)
    assert document["document"]["class_names"] == ["daisy", "dandelion"]
    assert document["file_bytes"] == file.stat().st_size


def test_report_of_a_fit_and_of_a_file(folder: Path, tmp_path: Path) -> None:
    path, report = tmp_path / "f.safetensors", tmp_path / "report"
    done = run("gmmaug-fit", folder, "-o", path, "--image-size", 32, "--images", 12, "--report", report)
    assert done.returncode == 0, done.stderr
    assert "<html" in (report / "index.html").read_text()
    done = run("gmmaug", "report", path, folder, "-o", tmp_path / "again", "--no-features")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "again" / "report.json").read_text())
    other = run("gmmaug", "report", path, folder / "daisy", "-o", tmp_path / "other")
    assert other.returncode == 1
    assert "Received: " in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "{folder}", "-o", "model.pkl"), "must be named NAME.safetensors. Received: model.pkl"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--symmetry", "d4"), "symmetry must be one of"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--variance", "0.9"), 'option of model="pca"'),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--image-size", "8"), "from 16 to 512"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--images", "few"), "n_images must be"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--strict"), "daisy/broken.jpg"),
        (("fit", "{folder}/none", "-o", "{tmp}/m.safetensors"), "Received: "),
        (
            ("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--scheduler", "tcp://127.0.0.1:9"),
            "No Dask scheduler answers",
        ),
        (("sample", "{file}", "-o", "{tmp}/x.png", "--label", "rose"), "Received: 'rose'"),
        (("sample", "{tmp}/none.safetensors", "-o", "{tmp}/x.png"), "none.safetensors"),
        (("sample", "{file}", "-o", "{tmp}/no/x.png"), "folder must exist. Received: "),
        (("vary", "{file}", "--photos", "{folder}", "-o", "{tmp}/x.png"), "Received: "),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    arguments: tuple[str, ...], message: str, folder: Path, file: Path, tmp_path: Path
) -> None:
    filled = [one.format(folder=folder, file=file, tmp=tmp_path) for one in arguments]
    done = run("gmmaug", *filled)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_is_drawn_and_resume_goes_on(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "GMMAUG_CACHE": str(tmp_path / "cache")}
    path, whole = tmp_path / "m.safetensors", tmp_path / "whole.safetensors"
    options = ("--image-size", "64", "--images", "400", "--no-measure")
    process = subprocess.Popen(
        [BIN / "gmmaug-fit", folder, "-o", path, *options, "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = time.monotonic() + 100
    while not list(tmp_path.rglob("*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume goes on from what was drawn" in errors
    assert not path.exists()
    done = run("gmmaug-fit", folder, "-o", path, *options, "--resume", env=environment)
    assert done.returncode == 0, done.stderr
    assert run("gmmaug-fit", folder, "-o", whole, *options, env=environment).returncode == 0
    assert path.read_bytes() == whole.read_bytes()


def test_a_terminal_shows_images_per_second(folder: Path, tmp_path: Path) -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [BIN / "gmmaug-fit", folder, "-o", tmp_path / "m.safetensors", *map(str, OPTIONS)],
        stdout=subprocess.DEVNULL,
        stderr=child,
    )
    os.close(child)
    shown = b""
    while process.poll() is None or select.select([parent], [], [], 0)[0]:
        if select.select([parent], [], [], 0.2)[0]:
            try:
                shown += os.read(parent, 65536)
            except OSError:
                break
    os.close(parent)
    assert process.wait() == 0
    assert b"Drawing" in shown
    assert b"images/s" in shown


@pytest.mark.parametrize("command", ["fit", "sample", "export", "vary", "inspect", "report", "evaluate"])
def test_each_command_has_help(command: str) -> None:
    done = run("gmmaug", command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout
