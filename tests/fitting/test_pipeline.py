"""``fit``: photos in, a pool out, the same whatever draws it and however often it is interrupted."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

from examples.drawn_flowers import make_flowers
from gmmaug_plugin import fit, load_model
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.mixtures.local import LocalMixture
from gmmaug_plugin.pool import Pool

QUICK: dict[str, Any] = {"n_images": 20, "measure": False, "quiet": True}


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(30, image_size=32, n_classes=2, random_state=0)
    return images, labels


@pytest.fixture(scope="module")
def pool(flowers: tuple[np.ndarray, np.ndarray]) -> Pool:
    return fit(*flowers, **QUICK)


def test_a_pool_has_the_images_asked_for_of_each_class(pool: Pool) -> None:
    assert pool.images.shape == (40, 32, 32)
    np.testing.assert_array_equal(np.bincount(pool.labels), [20, 20])
    assert pool.class_names == ("0", "1")
    assert pool.class_shares == (0.5, 0.5)
    assert pool.record.photos_per_class == {"0": 15, "1": 15}
    assert len(np.unique(pool.images, axis=0)) == 40


def test_any_number_of_threads_draws_the_same_images(
    flowers: tuple[np.ndarray, np.ndarray], pool: Pool
) -> None:
    for workers in (1, 3):
        np.testing.assert_array_equal(fit(*flowers, workers=workers, **QUICK).images, pool.images)


def test_image_i_does_not_depend_on_how_many_are_drawn(
    flowers: tuple[np.ndarray, np.ndarray], pool: Pool
) -> None:
    fewer = fit(*flowers, **{**QUICK, "n_images": 5})
    np.testing.assert_array_equal(fewer.images[:5], pool.images[:5])
    np.testing.assert_array_equal(fewer.images[5:], pool.images[20:25])


def test_another_seed_draws_other_images(flowers: tuple[np.ndarray, np.ndarray], pool: Pool) -> None:
    assert not (fit(*flowers, seed=1, **QUICK).images == pool.images).all(axis=(1, 2)).any()


def test_a_fit_whose_pool_cannot_be_saved_resumes(
    flowers: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        fit(*flowers, output=tmp_path / "file" / "m.safetensors", **QUICK)
    monkeypatch.setattr(LocalMixture, "draw", lambda *_: np.zeros((32, 32), np.uint8))
    pool = fit(*flowers, output=tmp_path / "m.safetensors", lossless=True, resume=True, **QUICK)
    assert pool.images.any(axis=(1, 2)).all(), "no image was drawn again"
    np.testing.assert_array_equal(load_model(tmp_path / "m.safetensors").images, pool.images)


def test_no_image_is_a_copy_of_a_photo(flowers: tuple[np.ndarray, np.ndarray], pool: Pool) -> None:
    images, labels = flowers
    for number in (0, 1):
        detector = CopyDetector(images[labels == number])
        ratios = detector.ratios(pool.images[pool.labels == number])
        assert (ratios >= 1).all() or any("resemble a photo" in note for note in pool.record.notes)


@pytest.mark.parametrize("n_photos", [1, 2, 3])
def test_classes_of_a_few_photos_work_and_say_what_to_expect(n_photos: int) -> None:
    images = make_flowers(n_photos, image_size=32, n_classes=1)[0]
    found = fit(images, quiet=True, n_images=3)
    assert found.images.shape == (3, 32, 32)
    assert any("can only rearrange" in note for note in found.record.notes)


@pytest.mark.parametrize(("size", "asked"), [(28, None), (28, 20), (40, 48)])
def test_images_have_any_size_asked_for(size: int, asked: int | None) -> None:
    images = make_flowers(8, image_size=size, n_classes=1)[0]
    assert fit(images, image_size=asked, **{**QUICK, "n_images": 2}).image_size == (asked or size)


def test_color_photos_give_color_images(tmp_path: Path) -> None:
    gray = make_flowers(8, image_size=32, n_classes=1)[0]
    color = np.stack([gray, gray // 2, 255 - gray], axis=3)
    found = fit(color, color=True, **{**QUICK, "n_images": 4})
    assert found.images.shape == (4, 32, 32, 3)
    red, green, blue = np.moveaxis(found.images.astype(int), 3, 0)
    assert np.percentile(np.abs(red // 2 - green), 90) <= 3
    assert np.percentile(np.abs(255 - red - blue), 90) <= 3


def test_without_symmetry_no_image_is_mirrored() -> None:
    """Photos bright on the left stay bright on the left."""
    ramp = np.linspace(200, 0, 32)[None, None] + 20 * np.random.default_rng(0).random((10, 32, 32))
    found = fit(ramp.astype(np.uint8), symmetry="none", allow_copies=True, **QUICK)
    assert (found.images[:, :, :8].mean(axis=(1, 2)) > found.images[:, :, 24:].mean(axis=(1, 2))).all()
    assert not found.mirror


def test_measures_stand_in_the_record(flowers: tuple[np.ndarray, np.ndarray]) -> None:
    found = fit(*flowers, **{**QUICK, "measure": True})
    names = {one["name"] for one in found.record.measures}
    assert {"copies_raw", "copies_contrast", "copies_high_pass"} <= names
    assert not {"precision", "recall", "frechet_distance"} & names, "a network's measures stay in reports"
    assert "choice" in found.record.choices["local"]


def test_photos_are_kept_in_the_file_only_on_demand(
    flowers: tuple[np.ndarray, np.ndarray], pool: Pool
) -> None:
    assert not pool.arrays
    kept = fit(*flowers, keep_photos=True, **{**QUICK, "n_images": 2})
    np.testing.assert_array_equal(kept.arrays["photos.images"], flowers[0])


def test_the_notebooks_mixture_draws_a_pool_too(flowers: tuple[np.ndarray, np.ndarray]) -> None:
    found = fit(*flowers, model="pca", n_components=1, **QUICK)
    assert found.images.shape == (40, 32, 32)
    assert any(name.startswith("pca.1.") for name in found.arrays)
    assert "pca" in found.record.choices


@contextmanager
def cluster(n_workers: int) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, memory_limit="1GiB", dashboard_address=":0"
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_cluster_draws_the_same_images_even_if_a_worker_is_killed(
    flowers: tuple[np.ndarray, np.ndarray], pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path))
    with cluster(2) as client:
        victim = next(iter(client.run(os.getpid).values()))

        def kill() -> None:
            while not list(tmp_path.rglob("*.npz")):
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        found = fit(*flowers, client=client, **QUICK)
        thread.join()
    np.testing.assert_array_equal(found.images, pool.images)
