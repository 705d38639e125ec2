"""Commands as a user runs them: processes on files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.pictures import write_class_folders

BIN = Path(sys.executable).parent

OPTIONS = ("--image-size", "32", "--images", "20", "--no-measure")


def run(command: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / command, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawn flowers in two class folders, and one file that is no photo."""
    root = tmp_path_factory.mktemp("photos")
    images, labels, names = make_flowers(24, image_size=48, n_classes=2)
    write_class_folders(images, labels, names, root)
    (root / "daisy" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    return root


@pytest.fixture(scope="session")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless pool of 20 images of each class."""
    path = tmp_path_factory.mktemp("pools") / "flowers.safetensors"
    done = run("gmmaug-fit", folder, "-o", path, *OPTIONS, "--lossless")
    assert done.returncode == 0, done.stderr
    assert "24 photos (1 files skipped)" in done.stdout
    assert f"Wrote {path}" in done.stdout
    assert done.stderr.startswith("Skipped daisy/broken.jpg (")
    assert done.stderr.count("\n") == 1, "no progress bar without a terminal"
    return path
