"""The README's Python blocks run in order, and the examples run, on drawn flowers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.pictures import write_class_folders

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ["tf_data.py", "keras_sequence.py", "albumentations_transforms.py"]


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos in photos/, as in the README."""
    root = tmp_path_factory.mktemp("readme")
    images, labels, names = make_flowers(60, image_size=48, n_classes=3)
    write_class_folders(images, labels, names, root / "photos")
    return root


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "IMAGE_SIZE": "32"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_readmes_blocks_run(place: Path) -> None:
    blocks = python_blocks()
    for adapter in ("tensorflow", "keras", "albumentations"):
        assert any(f"from gmmaug_plugin.{adapter} import" in block for block in blocks), adapter
    source = "\n".join(blocks)
    # The same calls on images that a test has time for.
    source = source.replace("128", "32").replace('n_images="auto"', "n_images=70")
    done = run("-c", source, cwd=place)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_examples_run(place: Path) -> None:
    # In one process, since importing TensorFlow takes longest.
    lines = ["import runpy, sys", f"sys.path.insert(0, {str(ROOT / 'examples')!r})"]
    lines += [f"runpy.run_path({str(ROOT / 'examples' / name)!r}, run_name='__main__')" for name in EXAMPLES]
    done = run("-c", "\n".join(lines), str(place / "photos"), cwd=place)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Epoch 2/2") == len(EXAMPLES)


def test_the_example_of_a_service_runs(place: Path) -> None:
    script = ROOT / "examples" / "tf_data_service.py"
    done = run(str(script), str(place / "photos"), "--workers", "1", cwd=place)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "200 images came, none twice" in done.stdout
    assert "Epoch 2/2" in done.stdout


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
