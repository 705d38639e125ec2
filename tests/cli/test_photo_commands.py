import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from distributed import LocalCluster

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.fitting import vary
from gmmaug_plugin.pictures import grid
from tests.cli.conftest import BIN, OPTIONS, pixels, run


def test_fit_writes_the_pool_that_python_draws(folder: Path, file: Path) -> None:
    pool = fit(folder, image_size=32, n_images=20, measure=False, quiet=True)
    loaded = load_model(file)
    np.testing.assert_array_equal(loaded.images, pool.images)
    assert loaded.record == pool.record


def test_gmmaug_fit_is_the_same_command_and_quiet_says_nothing(
    folder: Path, file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "same.safetensors"
    done = run("gmmaug", "fit", folder, "-o", path, *OPTIONS, "--lossless", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_bytes() == file.read_bytes()


def test_photos_in_another_layout_are_named_once_and_recorded(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data" / "train")
    shutil.copytree(folder, tmp_path / "data" / "test")
    path = tmp_path / "m.safetensors"
    done = run("gmmaug-fit", tmp_path / "data", "-o", path, *OPTIONS, "--model", "pca")
    assert done.returncode == 0, done.stderr
    note = "Only the photos in 'train' are used; left out: 'test'."
    assert done.stderr.startswith(f"Note: {note}\nSkipped train/daisy/broken.jpg (")
    assert note not in done.stdout
    assert note in load_model(path).record.notes


def test_expert_options_reach_the_mixture(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pca.safetensors"
    done = run("gmmaug-fit", folder, "-o", path, *OPTIONS, "--model", "pca", "--n-components", 2)
    assert done.returncode == 0, done.stderr
    assert load_model(path).record.options["n_components"] == 2
    assert "daisy: 2 Gaussians" in done.stdout


def test_report_beside_the_pool(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    options = ("--image-size", 32, "--images", 12, "--report", report)
    done = run("gmmaug-fit", folder, "-o", tmp_path / "f.safetensors", *options)
    assert done.returncode == 0, done.stderr
    assert f"Wrote {report / 'index.html'}" in done.stdout
    assert "<html" in (report / "index.html").read_text()


def test_a_scheduler_draws_the_same_pool(folder: Path, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with LocalCluster(1, processes=False, protocol="tcp", dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        done = run("gmmaug-fit", folder, "-o", path, *OPTIONS, "--lossless", "--scheduler", address)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == file.read_bytes()


def test_ctrl_c_keeps_the_images_drawn_and_resume_goes_on(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "GMMAUG_CACHE": str(tmp_path / "cache")}
    path, whole = tmp_path / "m.safetensors", tmp_path / "whole.safetensors"
    options = ("--image-size", "64", "--images", "100", "--no-measure")
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
    assert "Traceback" not in errors
    assert not path.exists()
    done = run("gmmaug-fit", folder, "-o", path, *options, "--resume", env=environment)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.npz"))
    assert run("gmmaug-fit", folder, "-o", whole, *options, env=environment).returncode == 0
    assert path.read_bytes() == whole.read_bytes()


def test_vary_shows_the_photo_and_its_renderings(folder: Path, tmp_path: Path) -> None:
    photo = sorted((folder / "dandelion").iterdir())[0]
    out = tmp_path / "new" / "varied.png"
    options = ("--image-size", 48, "-n", 4, "--strength", 0.2, "--seed", 3)
    done = run("gmmaug", "vary", photo, "--photos", folder, *options, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Skipped daisy/broken.jpg (")
    images = vary(photo, folder, n=4, strength=0.2, seed=3, image_size=48, quiet=True)
    np.testing.assert_array_equal(pixels(out), grid(np.concatenate([pixels(photo)[None], images])))
