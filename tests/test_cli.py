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

from gmmaug_plugin import load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.pictures import grid, save_png
from tests.factories import fit_pca as fit

BIN = Path(sys.executable).parent


OPTIONS = ("--model", "pca", "--image-size", 32, "--n-components", 2, "--allow-copies")
"""Two components for a dozen photos of a class: more than these can bear."""


def run(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
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
def artifact(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "flowers.safetensors"
    done = run("gmmaug-fit", folder, "-o", path, *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "24 photos (1 skipped)" in done.stdout
    assert f"Wrote {path}" in done.stdout
    assert done.stderr.startswith("Skipped daisy/broken.jpg (")
    assert done.stderr.count("\n") == 1, "no progress bar where there is no terminal"
    return path


def test_fitting_writes_the_model_that_python_fits(folder: Path, artifact: Path) -> None:
    model = fit(folder, image_size=32, n_components=2, allow_copies=True, quiet=True)
    np.testing.assert_array_equal(load_model(artifact).sample(5, seed=0)[0], model.sample(5, seed=0)[0])


def test_both_ways_to_the_fitter_take_the_same_options(folder: Path, artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "same.safetensors"
    done = run("gmmaug", "fit", folder, "-o", path, *OPTIONS, "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_bytes() == artifact.read_bytes()


def test_samples_as_a_grid_and_as_a_folder(artifact: Path, tmp_path: Path) -> None:
    done = run("gmmaug", "sample", artifact, "-n", 6, "--seed", 1, "-o", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    images, labels = load_model(artifact).sample(6, seed=1)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "grid.png")), grid(images))
    run("gmmaug", "sample", artifact, "-n", 6, "--seed", 1, "-o", tmp_path / "single")
    names = sorted(path.name for path in (tmp_path / "single").iterdir())
    assert names[0] == f"00000_{['daisy', 'dandelion'][labels[0]]}.png"
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "single" / names[0])), images[0])
    done = run("gmmaug", "sample", artifact, "-n", 3, "--label", "dandelion", "-o", tmp_path / "of_class")
    assert all("dandelion" in path.name for path in (tmp_path / "of_class").iterdir())


def test_a_photo_is_varied_at_its_own_size(artifact: Path, folder: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    flower = make_flowers(1, image_size=70, random_state=5)[0][0]
    Image.fromarray(flower[:, :50]).save(photo)
    for strength, same in ((0, True), (0.5, False)):
        out = tmp_path / f"{strength}.png"
        done = run("gmmaug", "vary", artifact, photo, "--strength", strength, "--seed", 0, "-o", out)
        assert done.returncode == 0, done.stderr
        varied = np.asarray(Image.open(out))
        assert varied.shape == (70, 50)
        assert (varied == flower[:, :50]).all() == same


def test_inspection_for_people_and_machines(artifact: Path) -> None:
    told = run("gmmaug", "inspect", artifact)
    assert told.returncode == 0
    for expected in ("class dandelion", "12 photos, 2 components", "basis.even", "kB"):
        assert expected in told.stdout
    document = json.loads(run("gmmaug", "inspect", artifact, "--json").stdout)
    assert document["document"]["class_names"] == ["daisy", "dandelion"]
    assert document["file_bytes"] == artifact.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "{folder}", "-o", "model.pkl"), "must be named NAME.safetensors. Received: model.pkl"),
        (("fit", "{folder}", "-o", "no/such/m.safetensors"), "folder must exist"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--symmetry", "d4"), "symmetry: no option of "),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--sharing", "some"), "sharing must be one of"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--image-size", "48"), "image_size must be one of"),
        (("fit", "{folder}", "-o", "{tmp}/m.safetensors", "--strict"), "daisy/broken.jpg"),
        (("fit", "{folder}/none", "-o", "{tmp}/m.safetensors"), "Received: "),
        (("sample", "{artifact}", "-o", "{tmp}/x.png", "--label", "rose"), "Received: label='rose'"),
        (("sample", "{tmp}/none.safetensors", "-o", "{tmp}/x.png"), "none.safetensors"),
        (("sample", "{artifact}", "-o", "{tmp}/no/x.png"), "folder must exist. Received: "),
        (("sample", "{artifact}", "-o", "{tmp}/x.png", "--seed", "-1"), "seed must be a whole number"),
        (("sample", "{artifact}", "-o", "{tmp}/x.jpeg"), "must be a .png file or a folder"),
        (("vary", "{artifact}", "{folder}/daisy/broken.jpg", "-o", "{tmp}/x.png"), "cannot be read"),
        (("inspect", "{folder}/daisy/00.png"), "Received: "),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: tuple[str, ...], message: str, folder: Path, artifact: Path, tmp_path: Path
) -> None:
    filled = [part.format(folder=folder, artifact=artifact, tmp=tmp_path) for part in arguments]
    done = run("gmmaug", *filled)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_every_option_is_explained() -> None:
    shown = run("gmmaug-fit", "--help").stdout
    for option in (
        *("--model", "--image-size", "--variance", "--n-components", "--criterion", "--covariance-type"),
        *("--symmetry", "--resize", "--random-state", "--strict", "--quiet", "--recipe", "--output"),
        *("--holdout", "--no-refit", "--allow-copies", "--templates", "--strength", "--report", "--sharing"),
    ):
        assert option in shown
    assert run("gmmaug", "--version").stdout.strip() == "0.1.0"


def in_terminal(command: list[str], *, interrupt_at: str | None = None) -> tuple[int, str]:
    """Run under a pseudo-terminal, and press Ctrl-C once a text has appeared."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", COLUMNS="100")
        os.execv(command[0], command)
    shown, deadline = "", time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        shown += piece.decode(errors="replace")
        if interrupt_at is not None and interrupt_at in shown:
            os.kill(child, signal.SIGINT)
            interrupt_at = None
    else:
        os.kill(child, signal.SIGKILL)  # it hangs: that fails the test, and must not stop all others
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_progress_shows_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    status, shown = in_terminal(
        [str(BIN / "gmmaug-fit"), str(folder), "-o", str(tmp_path / "m.safetensors"), "--image-size", "32"]
    )
    assert status == 0
    assert "Reading photos" in shown
    assert "Fitting" in shown


def test_an_interrupted_fit_leaves_the_old_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    target.write_bytes(b"old")
    slow = ["--n-init", "500", "--n-components", "1:10", "--image-size", "128", "--allow-copies"]
    status, shown = in_terminal(
        [str(BIN / "gmmaug-fit"), str(folder), "-o", str(target), "--model", "pca", *slow],
        interrupt_at="Fitting",
    )
    assert status == 130
    assert "Interrupted; nothing is left half-written." in shown
    assert "Traceback" not in shown
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_pictures_are_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "picture.png"
    save_png(np.zeros((4, 4), np.uint8), target)
    before = target.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_png(np.ones((4, 4), np.uint8), target)
    assert target.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_names_of_classes_harm_neither_tables_nor_folders(tmp_path: Path) -> None:
    images = make_flowers(12, image_size=16, n_classes=1)[0]
    names = ["x[/y]", "../../evil", "a [bold] b"] * 4
    fit(images, names, n_components=1, quiet=True).save(tmp_path / "m.safetensors")
    told = run("gmmaug", "inspect", tmp_path / "m.safetensors")
    assert told.returncode == 0, told.stderr
    for name in names[:3]:
        assert f"class {name}" in told.stdout
    done = run("gmmaug", "sample", tmp_path / "m.safetensors", "-n", 9, "--seed", 0, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 9
    assert {path.name for path in tmp_path.iterdir()} == {"m.safetensors", "out"}


def test_the_cache_tells_what_it_holds_and_is_cleared(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for index, image in enumerate(make_flowers(64, image_size=32, n_classes=1)[0]):
        Image.fromarray(image).save(photos / f"{index}.png")
    fitted = ("--quiet", "-o", tmp_path / "a.safetensors", *OPTIONS)
    assert run("gmmaug-fit", photos, "--no-cache", *fitted).returncode == 0
    assert not (tmp_path / "cache").exists()
    assert run("gmmaug-fit", photos, *fitted).returncode == 0
    info = run("gmmaug", "cache", "info").stdout
    assert info == f"{tmp_path / 'cache'}: 1 photo set, 0.1 MB; at most 20 GB\n"
    assert run("gmmaug", "cache", "clear").stdout.startswith("Removed 1 photo set, 0.1 MB from ")
    assert list((tmp_path / "cache").iterdir()) == []
