import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin import load_model
from gmmaug_plugin.pictures import grid
from tests.cli.conftest import pixels, run
from tests.factories import random_pool


def test_sample_writes_a_grid_of_the_seeds_images(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    done = run("gmmaug", "sample", file, "-n", 6, "--seed", 1, "--label", "daisy", "-o", out)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(pixels(out), grid(load_model(file).sample(6, seed=1, label="daisy")[0]))


def test_export_writes_a_folder_for_each_class(file: Path, tmp_path: Path) -> None:
    done = run("gmmaug", "export", file, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    pool = load_model(file)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["daisy", "dandelion"]
    daisies = [pixels(path) for path in sorted((tmp_path / "out" / "daisy").iterdir())]
    np.testing.assert_array_equal(daisies, pool.images[pool.labels == 0])
    again = run("gmmaug", "export", file, tmp_path / "out")
    assert again.returncode == 1
    assert "must be a new or empty folder. Received: " in again.stderr


def test_inspect_shows_the_file_to_people_and_machines(file: Path) -> None:
    shown = run("gmmaug", "inspect", file)
    assert shown.returncode == 0, shown.stderr
    for expected in ("class dandelion", "20 images, drawn from 12 photos", "grayscale", "kB"):
        assert expected in shown.stdout
    names = [line.split("│")[1].strip() for line in shown.stdout.splitlines() if line.startswith("│")]
    assert len(names) == len(set(names))
    document = json.loads(run("gmmaug", "inspect", file, "--json").stdout)
    assert document["document"]["class_names"] == ["daisy", "dandelion"]
    assert document["file_bytes"] == file.stat().st_size


@pytest.mark.parametrize("kept", [True, False])
def test_inspect_says_that_a_file_holds_photos(tmp_path: Path, kept: bool) -> None:
    pool = random_pool(4)
    arrays = {"photos.images": pool.images} if kept else {}
    replace(pool, class_names=("a\x1b[2J", "[red]b"), arrays=arrays).save(tmp_path / "m.safetensors")
    done = run("gmmaug", "inspect", tmp_path / "m.safetensors")
    assert ("the file holds the training photos" in done.stdout) == kept
    assert "\x1b" not in done.stdout, "names in a file must not control the terminal"
    assert "class [red]b" in done.stdout
