import json
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from gmmaug_plugin.artifact import ArtifactError, as_pool, describe, load_model, save_pool
from gmmaug_plugin.artifact.container import read_document, read_tensors, write_bytes
from gmmaug_plugin.artifact.encoding import psnr
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.record import FitRecord
from tests.factories import random_pool

RECORD = FitRecord("local", {"bandwidth": 0.5}, 7, {"a": 20, "b": 20}, photos="00ff", notes=("A note.",))
ARRAYS = {
    "basis": np.arange(-6, 6, dtype=np.int8).reshape(3, 4),
    "mean": np.linspace(0, 1, 4, dtype=np.float32),
}


def full_pool(channels: int = 1) -> Pool:
    """A pool that has everything that a pool can have."""
    plain = random_pool(6, channels=channels)
    return Pool(plain.images, plain.labels, plain.class_names, False, (0.25, 0.75), RECORD, ARRAYS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pool.safetensors"


def rewrite(path: Path, fields: dict[str, Any], tensors: dict[str, Any] | None = None) -> None:
    """Change a file and sign it; a value of None drops a field or tensor."""
    contents = path.read_bytes()
    document = read_document(contents)
    found = {**read_tensors(contents, document), **(tensors or {})}
    document = {**document, "sha256": None, **fields}
    kept = [{name: value for name, value in one.items() if value is not None} for one in (document, found)]
    path.write_bytes(write_bytes(*kept))


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_comes_back(path: Path, channels: int) -> None:
    pool = full_pool(channels)
    assert save_pool(pool, path, lossless=True) == path.stat().st_size
    found = load_model(path)
    for name in ("class_names", "mirror", "class_shares", "record"):
        assert getattr(found, name) == getattr(pool, name)
    np.testing.assert_array_equal(found.images, pool.images)
    np.testing.assert_array_equal(found.labels, pool.labels)
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in found.arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])
    np.testing.assert_array_equal(found.sample(2, seed=3)[0], pool.sample(2, seed=3)[0])


def test_a_pool_without_classes_comes_back(path: Path) -> None:
    pool = random_pool(3, n_classes=0)
    pool.save(path)
    found = load_model(path)
    assert (found.labels, found.class_names, found.class_shares, found.arrays) == (None, (), (), {})
    assert found.record == FitRecord()
    assert min(map(psnr, pool.images, found.images)) >= 45


def test_the_same_pool_gives_the_same_bytes_and_a_loaded_one_is_stable(path: Path, tmp_path: Path) -> None:
    for lossless in (False, True):
        save_pool(full_pool(), path, lossless=lossless)
        save_pool(full_pool(), tmp_path / "other.safetensors", lossless=lossless)
        assert path.read_bytes() == (tmp_path / "other.safetensors").read_bytes()
    save_pool(load_model(path), tmp_path / "again.safetensors", lossless=True)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_photos_take_less_than_seven_kilobytes(path: Path, photos: Path) -> None:
    """Photos have more detail than drawn images, whose limit is 6 MB for 1,000."""
    from PIL import Image

    files = sorted((photos / "daisy").glob("*.jpg"))[:40]
    images = np.stack([np.asarray(Image.open(file).convert("L").resize((128, 128))) for file in files])
    assert save_pool(Pool(images), path) < 7000 * len(images)
    assert min(map(psnr, images, load_model(path).images)) >= 45


def test_a_file_is_described_without_decoding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_pool(full_pool(), path)
    monkeypatch.setattr("gmmaug_plugin.artifact.pools.decode_images", lambda *_: pytest.fail("decoded"))
    found = describe(path)
    assert found["file_bytes"] == path.stat().st_size
    assert found["document"]["class_names"] == ["a", "b"]
    assert found["document"]["n_images"] == 6
    assert found["document"]["record"]["options"] == {"bandwidth": 0.5}
    assert found["tensors"]["arrays.basis"] == {"shape": [3, 4], "dtype": "int8", "bytes": 12}
    json.dumps(found)


def test_as_pool_takes_pools_and_paths(path: Path) -> None:
    pool = full_pool()
    pool.save(path)
    assert as_pool(pool) is pool
    assert as_pool(str(path)).image_size == as_pool(path).image_size == pool.image_size
    with pytest.raises(TypeError, match="Received: ndarray"):
        as_pool(pool.images)  # type: ignore[arg-type]


def test_a_missing_folder_is_made_and_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_pool(full_pool(), "~/new/folder/pool.safetensors")
    assert len(load_model("~/new/folder/pool.safetensors")) == 6


def test_a_pool_that_could_not_be_loaded_leaves_the_old_file(path: Path) -> None:
    path.write_bytes(b"old")
    good = random_pool(2)
    for record, arrays in (
        (FitRecord(options={"a": float("nan")}), {}),
        (FitRecord(options={"a": object()}), {}),
        (FitRecord(seed=True), {}),
        (FitRecord(), {"a": np.array([np.inf])}),
        (FitRecord(), {"a": np.zeros(2, np.float16)}),
    ):
        with pytest.raises(ArtifactError):
            save_pool(Pool(good.images, good.labels, good.class_names, record=record, arrays=arrays), path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"must end in .safetensors. Received: 'pool.npz'"):
        save_pool(good, "pool.npz")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_old_formats_name_the_release_that_reads_them(path: Path, version: int) -> None:
    document = {"format": "gmmaug", "format_version": version, "kind": "pca", "sha256": "0"}
    path.write_bytes(
        save({"weights": np.ones(1), "basis": np.ones(1, np.float16)}, {"gmmaug": json.dumps(document)})
    )
    for read in (load_model, describe):
        with pytest.raises(ArtifactError, match=r"gmmaug-plugin 0.1, or fit again.*version " + str(version)):
            read(path)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"format_version": 5}, "update gmmaug-plugin"),
        ({"format_version": 0}, "must name format"),
        ({"format_version": True}, "must name format"),
        ({"format_version": None}, "must name format"),
        ({"format": "other"}, "must name format"),
        ({"new": 1}, "lacks a field"),
        ({"mirror": None}, "lacks a field"),
        ({"mirror": 1}, "lacks a field"),
        ({"image_size": 0}, "lacks a field"),
        ({"image_size": 2**40}, "lacks a field"),
        ({"image_size": 17}, "An image must be"),
        ({"image_size": 16.0}, "lacks a field"),
        ({"channels": 2}, "lacks a field"),
        ({"channels": 3}, "An image must be"),
        ({"codec": "png"}, "An image is damaged"),
        ({"codec": "webp"}, "lacks a field"),
        ({"n_images": 5}, "Tensors must be"),
        ({"n_images": 10**400}, "Tensors must be"),
        ({"n_images": -1}, "lacks a field"),
        ({"class_names": ["a", 1]}, "lacks a field"),
        ({"class_names": ["a", "a"]}, "do not fit together"),
        ({"class_names": ["a"]}, "do not fit together"),
        ({"class_names": []}, "Tensors must be"),
        ({"class_shares": [0.5, 0.6]}, "do not fit together"),
        ({"class_shares": [1.0]}, "do not fit together"),
        ({"class_shares": [True, 0.0]}, "lacks a field"),
        ({"record": {"color": 1}}, "do not fit together: .*unknown fields"),
        ({"record": {"seed": "1"}}, "do not fit together"),
        ({"record": [1]}, "lacks a field"),
    ],
    ids=str,
)
def test_documents_that_are_wrong_are_refused(path: Path, fields: dict[str, Any], match: str) -> None:
    save_pool(full_pool(), path)
    rewrite(path, fields)
    with pytest.raises(ArtifactError, match=f"{match}(?s:.*)Received: ") as error:
        load_model(path)
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(
    "tensors",
    [
        {"images": None},
        {"images": np.zeros((2, 4), np.uint8)},
        {"images": np.zeros(9, np.int8)},
        {"offsets": None},
        {"offsets": np.arange(7, dtype=np.int32)},
        {"offsets": np.zeros(7, np.int64)},
        {"labels": None},
        {"labels": np.zeros(6, np.int32)},
        {"labels": np.full(6, -1, np.int32)},
        {"labels": np.arange(5, dtype=np.int32)},
        {"labels": np.array([0, 1] * 3)},
        {"more": np.zeros(1)},
    ],
    ids=lambda tensors: str(tensors)[:30],
)
def test_tensors_that_are_wrong_are_refused(path: Path, tensors: dict[str, Any]) -> None:
    save_pool(full_pool(), path)
    rewrite(path, {}, tensors)
    with pytest.raises(ArtifactError, match="Received: "):
        load_model(path)


@cache
def small_file(lossless: bool = False) -> bytes:
    with TemporaryDirectory() as folder:
        save_pool(random_pool(2), Path(folder) / "pool.safetensors", lossless=lossless)
        return (Path(folder) / "pool.safetensors").read_bytes()


SOME = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@SOME
@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5)
)
def test_changed_bytes_are_refused_or_change_nothing(path: Path, places: list[tuple[float, int]]) -> None:
    contents = bytearray(small_file())
    for place, value in places:
        contents[int(place * len(contents))] = value
    path.write_bytes(contents)
    try:
        found = load_model(path)
    except ArtifactError:
        return
    path.write_bytes(small_file())
    np.testing.assert_array_equal(found.images, load_model(path).images)


@SOME
@given(cut=st.floats(0, 1, exclude_max=True), added=st.integers(1, 9))
def test_shortened_and_lengthened_files_are_refused(path: Path, cut: float, added: int) -> None:
    whole = small_file()
    for contents in (whole[: int(cut * len(whole))], whole + bytes(added)):
        path.write_bytes(contents)
        with pytest.raises(ArtifactError):
            load_model(path)


@SOME
@given(lossless=st.booleans(), data=st.data())
def test_changed_images_under_a_right_checksum_are_refused_or_images(
    path: Path, lossless: bool, data: st.DataObject
) -> None:
    """What an attacker can write: decoders see bytes that no encoder wrote."""
    path.write_bytes(small_file(lossless))
    blob = read_tensors(path.read_bytes(), read_document(path.read_bytes()))["images"].copy()
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    rewrite(path, {}, {"images": blob})
    with suppress(ArtifactError):
        assert load_model(path).images.shape == (2, 16, 16)


def test_loading_imports_nothing_heavy(path: Path) -> None:
    save_pool(full_pool(), path)
    code = (
        "import sys, gmmaug_plugin; gmmaug_plugin.load_model(sys.argv[1]).sample(3, seed=0);"
        "print({'sklearn', 'scipy', 'numba', 'matplotlib', 'typer', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
