"""A leading "~" is the home folder wherever a path is taken, and missing folders are made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.artifact import describe
from gmmaug_plugin.cli import app
from gmmaug_plugin.evaluation.report import write_report
from gmmaug_plugin.evaluation.usefulness import Point, StudyOptions, study_usefulness
from gmmaug_plugin.fitting import vary
from gmmaug_plugin.fitting.resume import Block, Unfinished
from gmmaug_plugin.photos import PhotoSet, load_photos, read_photo
from gmmaug_plugin.pictures import save_png, write_class_folders
from gmmaug_plugin.pool import as_pool
from tests.factories import random_pool

POOL = replace(random_pool(24), class_names=("daisy", "rose"))
PHOTOS = PhotoSet(POOL.images, POOL.labels, POOL.class_names)
STUDY = StudyOptions(ratios=(0.5,), photos_per_class=4, seeds=1, steps=32, image_size=16)


def command(line: str) -> None:
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 0, (done.output, done.exception)


WRITE = {
    "save": lambda out: POOL.save(out + ".safetensors"),
    "fit": lambda out: fit("~/photos", output=out + ".safetensors", n_images=1, measure=False, quiet=True),
    "save_png": lambda out: save_png(POOL.images[0], Path(out + ".png")),
    "write_class_folders": lambda out: write_class_folders(POOL.images, None, (), Path(out)),
    "write_report": lambda out: write_report(out, POOL, PHOTOS, None),
    "study": lambda out: study_usefulness(PHOTOS, lambda *_: POOL, STUDY, file=Path(out), quiet=True),
    "cache": lambda _: Unfinished({}, PHOTOS, resume=True).keep("out", Block(POOL.images, 0, 0)),
    "fit command": lambda out: command(f"fit ~/photos -o ~/x.safetensors --report {out} --images 2"),
    "export": lambda out: command(f"export ~/pool.safetensors {out}"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with photos and a pool, while Python runs in another folder; nothing is trained."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GMMAUG_CACHE", "~/new/cache")
    study = "gmmaug_plugin.evaluation.usefulness.study"
    monkeypatch.setattr(f"{study}.train", lambda *_, **__: (Point(*range(6)),))
    write_class_folders(POOL.images, POOL.labels, POOL.class_names, Path("~/photos"))
    POOL.save("~/pool.safetensors", lossless=True)
    np.save(tmp_path / "photos.npy", POOL.images)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_paths_to_read() -> None:
    for photos in ("~/photos", Path("~/photos.npy"), ["~/photos/daisy/00.png"]):
        assert len(load_photos(photos, quiet=True).images) in {1, 24}
    assert read_photo("~/photos/daisy/00.png").shape == (16, 16)
    assert len(vary("~/photos/daisy/00.png", "~/photos", quiet=True)) == 1
    assert len(load_model("~/pool.safetensors")) == len(as_pool(Path("~/pool.safetensors"))) == 24
    assert describe("~/pool.safetensors")["tensors"]


@pytest.mark.parametrize("write", WRITE.values(), ids=WRITE)
def test_paths_to_write(write: Callable[[str], object], home: Path) -> None:
    write("~/new/folder/out")
    assert list((home / "new").rglob("out*"))
    assert not list((home / "elsewhere").iterdir())
