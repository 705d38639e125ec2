import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from gmmaug_plugin.artifact import ArtifactError, describe
from gmmaug_plugin.artifact.container import read_bytes, write_bytes
from gmmaug_plugin.artifact.encoding import psnr
from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.pool import Pool, load_model
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
    document, found = read_bytes(path.read_bytes())
    changed = ({**document, "sha256": None, **fields}, {**found, **(tensors or {})})
    kept = [{name: value for name, value in one.items() if value is not None} for one in changed]
    path.write_bytes(write_bytes(*kept))


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_comes_back(path: Path, channels: int) -> None:
    pool = full_pool(channels)
    assert pool.save(path, lossless=True) == path.stat().st_size
    found = load_model(path)
    for name in ("class_names", "mirror", "class_shares", "record"):
        assert getattr(found, name) == getattr(pool, name)
    np.testing.assert_array_equal(found.images, pool.images)
    np.testing.assert_array_equal(found.labels, pool.labels)
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in found.arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_a_pool_without_classes_comes_back(path: Path) -> None:
    pool = random_pool(3, n_classes=0)
    pool.save(path)
    found = load_model(path)
    assert (found.labels, found.class_names, found.class_shares, found.arrays) == (None, (), (), {})
    assert found.record == FitRecord()
    assert min(map(psnr, pool.images, found.images)) >= 45


def test_the_same_pool_gives_the_same_bytes_and_a_loaded_one_is_stable(path: Path, tmp_path: Path) -> None:
    for lossless in (False, True):
        full_pool().save(path, lossless=lossless)
        full_pool().save(tmp_path / "other.safetensors", lossless=lossless)
        assert path.read_bytes() == (tmp_path / "other.safetensors").read_bytes()
    load_model(path).save(tmp_path / "again.safetensors", lossless=True)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_file_is_described_without_decoding(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_pool().save(path)
    monkeypatch.setattr("gmmaug_plugin.artifact.pool_fields.decode_images", lambda *_: pytest.fail("decoded"))
    found = describe(path)
    assert found["file_bytes"] == path.stat().st_size
    assert found["document"]["class_names"] == ["0", "1"]
    assert found["images_per_class"] == {"0": 3, "1": 3}
    assert found["document"]["record"]["options"] == {"bandwidth": 0.5}
    assert found["tensors"]["arrays.basis"] == {"shape": [3, 4], "dtype": "int8", "bytes": 12}
    json.dumps(found)


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
            Pool(good.images, good.labels, good.class_names, record=record, arrays=arrays).save(path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"must end in .safetensors. Received: 'pool.npz'"):
        good.save("pool.npz")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_old_formats_name_the_release_that_reads_them(path: Path, version: int) -> None:
    document = {"format": "gmmaug", "format_version": version, "kind": "pca", "sha256": "0"}
    path.write_bytes(
        save({"weights": np.ones(1), "basis": np.ones(1, np.float16)}, {"gmmaug": json.dumps(document)})
    )
    for read in (load_model, describe):
        with pytest.raises(ArtifactError, match=r"gmmaug-plugin 0.1, or fit again.*version " + str(version)):
            read(path)


FIELD = "lacks a field"


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"format_version": 5}, "update gmmaug-plugin"),
        ({"format_version": True}, "must name format"),
        ({"format": "other"}, "must name format"),
        ({"new": 1}, FIELD),
        ({"mirror": 1}, FIELD),
        ({"image_size": 0}, FIELD),
        ({"image_size": 2**40}, FIELD),
        ({"image_size": 17}, "An image must be"),
        ({"channels": 2}, FIELD),
        ({"channels": 3}, "An image must be"),
        ({"codec": "png"}, "An image is damaged"),
        ({"codec": "webp"}, FIELD),
        ({"n_images": 5}, "Tensors must be"),
        ({"n_images": 10**400}, "Tensors must be"),
        ({"n_images": -1}, FIELD),
        ({"class_names": ["a", 1]}, FIELD),
        ({"class_names": ["a", "a"]}, "do not fit together"),
        ({"class_names": []}, "Tensors must be"),
        ({"class_shares": [0.5, 0.6]}, "do not fit together"),
        ({"class_shares": [True, 0.0]}, FIELD),
        ({"record": {"seed": "1"}}, "do not fit together: .*seed must be int"),
        ({"record": [1]}, FIELD),
    ],
    ids=str,
)
def test_documents_that_are_wrong_are_refused(path: Path, fields: dict[str, Any], match: str) -> None:
    full_pool().save(path)
    rewrite(path, fields)
    with pytest.raises(ArtifactError, match=f"{match}(?s:.*)Received: ") as error:
        load_model(path)
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(
    "tensors",
    [
        {"images": None},
        {"images": np.zeros((2, 4), np.uint8)},
        {"offsets": np.arange(7, dtype=np.int32)},
        {"offsets": np.zeros(7, np.int64)},
        {"labels": None},
        {"labels": np.full(6, -1, np.int32)},
        {"labels": np.array([0, 1] * 3)},
        {"more": np.zeros(1)},
    ],
    ids=lambda tensors: str(tensors)[:30],
)
def test_tensors_that_are_wrong_are_refused(path: Path, tensors: dict[str, Any]) -> None:
    full_pool().save(path)
    rewrite(path, {}, tensors)
    with pytest.raises(ArtifactError, match="Received: "):
        load_model(path)
