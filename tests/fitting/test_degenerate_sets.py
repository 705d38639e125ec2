"""Sets from which little or nothing can be learned: a good model or a clear error, of either kind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gmmaug_plugin import fit, load_model
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.images import PhotoError
from tests.extent import ALL

FLOWERS = make_flowers(12, image_size=32, n_classes=1, random_state=3)[0]
RNG = np.random.default_rng(0)

KINDS: dict[str, dict[str, Any]] = {
    "pca": {"model": "pca", "n_components": 1},
    "multiscale": {"model": "multiscale", "n_components": 2},
    "seed": {"recipe": "seed", "n_components": 1},
}
DO_NOT_DIFFER = "do not differ"


def one_pixel_apart() -> np.ndarray:
    images = np.repeat(FLOWERS[:1], 8, axis=0)
    images[np.arange(8), 4, np.arange(8)] ^= 1
    return images


def bright_pixels() -> np.ndarray:
    images = np.zeros((10, 32, 32), np.uint8)
    images[np.arange(10), np.arange(10) * 3, 7] = 255
    return images


def plain(levels: Any) -> np.ndarray:
    return np.ones((1, 32, 32), np.uint8) * np.asarray(levels, np.uint8)[:, np.newaxis, np.newaxis]


SETS: dict[str, np.ndarray] = {
    "all equal": np.repeat(FLOWERS[:1], 10, axis=0),
    "four photos": FLOWERS[:4],
    "two photos, fifty times": np.repeat(FLOWERS[:2], 50, axis=0),
    "all but one equal": np.concatenate([np.repeat(FLOWERS[:1], 9, axis=0), FLOWERS[1:2]]),
    "one pixel apart": one_pixel_apart(),
    "black": plain([0] * 8),
    "all of one grey": plain([77] * 8),
    "each of one grey": plain(range(0, 250, 25)),
    "black ones and white ones": plain([0, 255] * 5),
    "half black, half white": np.repeat(plain([0, 255] * 5).reshape(5, 64, 32)[:, 16:48], 2, axis=0),
    "noise": RNG.integers(0, 256, (12, 32, 32)).astype(np.uint8),
    "black and white noise": RNG.choice([0, 255], (12, 32, 32)).astype(np.uint8),
    "one bright pixel": bright_pixels(),
}
WITHOUT_DIFFERENCE: dict[str, tuple[str, ...]] = {
    "multiscale": (),
    "seed": ("all equal", "black", "all of one grey", "half black, half white"),
    # Mirrored copies of a photo differ from it, unless it is symmetric.
    "pca": ("black", "all of one grey", "half black, half white"),
}

USUAL = {
    "pca": ("black", "one pixel apart", "all but one equal", "each of one grey", "all equal"),
    "multiscale": ("one pixel apart", "one bright pixel"),  # for others see test_multiscale_fit.py
    "seed": ("black", "all equal", "two photos, fifty times"),
}
"""Sets tested without being asked for all, by kind."""

CASES = [(kind, name) for kind in KINDS for name in SETS if ALL or name in USUAL[kind]]
LABELLED = KINDS if ALL else ("pca",)


def good(model: Any, images: np.ndarray, tmp_path: Path) -> Any:
    """Assert that a model can be kept, drawn from and asked; give it as it is read again."""
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = load_model(path)
    drawn, _ = again.sample(24, seed=0)
    assert (drawn.dtype, drawn.shape) == (np.uint8, (24, again.image_size, again.image_size))
    # No brighter or darker than photos by more than they differ among themselves, and some rounding.
    spread = np.ptp(images.astype(float).mean(axis=(1, 2))) + 8
    assert abs(drawn.mean() - images.mean()) <= spread
    if images.shape[1:] == drawn.shape[1:]:
        assert np.isfinite(again.score_samples(images)).all()
        np.testing.assert_array_equal(again.vary(images, strength=0.0, seed=0).shape, images.shape)
    return again


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_set_makes_a_good_model_or_a_clear_error(kind: str, name: str, tmp_path: Path) -> None:
    images = SETS[name]
    if name in WITHOUT_DIFFERENCE[kind]:
        with pytest.raises(ValueError, match=rf"{DO_NOT_DIFFER}.*Received: "):
            fit(images, **KINDS[kind], allow_copies=True, quiet=True)
        return
    good(fit(images, **KINDS[kind], allow_copies=True, quiet=True), images, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["each of one grey", *(("all of one grey", "black") if ALL else ())])
def test_of_plain_photos_plain_ones_are_drawn(kind: str, name: str) -> None:
    if name in WITHOUT_DIFFERENCE[kind]:
        return
    images = SETS[name]
    drawn = fit(images, **KINDS[kind], allow_copies=True, quiet=True).sample(24, seed=1)[0].astype(float)
    assert drawn.std(axis=(1, 2)).max() < 3
    if name != "each of one grey":
        assert np.abs(drawn - images[0]).max() <= 4
    else:
        assert np.std(drawn.mean(axis=(1, 2))) > 20


# --- classes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LABELLED)
@pytest.mark.parametrize(
    ("names", "n_classes"),
    [(["only"] * 12, 1), (["one", *["many"] * 11], 2), (list("abcdefghijkl"), 12), ([0] * 6 + [1] * 6, 2)],
    ids=["one label", "one photo of a class", "a class for each photo", "integers"],
)
def test_any_labels_make_a_model_of_their_classes(
    kind: str, names: list[Any], n_classes: int, tmp_path: Path
) -> None:
    if kind == "seed" and 1 in np.unique(names, return_counts=True)[1]:
        with pytest.raises(PhotoError, match=r"recipe='seed' needs at least 2\. Received: 1"):
            fit(FLOWERS, names, **KINDS[kind], quiet=True)
        return
    model = good(fit(FLOWERS, names, **KINDS[kind], allow_copies=True, quiet=True), FLOWERS, tmp_path)
    assert len(model.class_names) == n_classes
    for name in model.class_names:
        assert model.sample(2, label=name, seed=0)[0].shape == (2, 32, 32)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ([0] * 11, ValueError),
        ([np.nan] * 12, TypeError),
        ([0.0] * 12, TypeError),
        ([0] * 6 + [2] * 6, ValueError),
        ([-1] + [0] * 11, ValueError),
        ([True] * 12, TypeError),
        ([None] * 12, TypeError),
        (np.zeros((12, 2), int), ValueError),
        (np.zeros(12, complex), TypeError),
        ([["a"]] * 12, ValueError),
        ([["a"], ["b", "c"], *[["d"]] * 10], ValueError),
        (7, ValueError),
        ("abcdefghijkl", ValueError),
        ([2**80] * 12, TypeError),
    ],
)
def test_labels_that_are_none_are_refused(labels: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="Received: "):
        fit(FLOWERS, labels, quiet=True)


# --- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.where(np.arange(32) == 5, np.nan, FLOWERS / 255), ValueError),
        (np.where(np.arange(32) == 5, np.inf, FLOWERS / 255), ValueError),
        (np.where(np.arange(32) == 5, -np.inf, FLOWERS / 255), ValueError),
        (FLOWERS / 254.9, ValueError),
        (FLOWERS / 255 - 0.5, ValueError),
        (FLOWERS.astype(np.float32), ValueError),
        (FLOWERS.astype(np.int64), TypeError),
        (FLOWERS.astype(np.uint16), TypeError),
        (FLOWERS.astype(np.int8), TypeError),
        (FLOWERS > 100, TypeError),
        (FLOWERS.astype(object), TypeError),
        (FLOWERS.astype(complex), TypeError),
        (FLOWERS.astype(str), TypeError),
        (FLOWERS.astype("M8[s]"), TypeError),
        (np.zeros(12, [("a", "u1")]), TypeError),
        (FLOWERS[:, :, :20], ValueError),
        (FLOWERS[:3], PhotoError),
        (FLOWERS[:1], PhotoError),
        (FLOWERS[:0], PhotoError),
        (FLOWERS[0], ValueError),
        (np.zeros(()), PhotoError),
        (np.zeros((8, 0, 0), np.uint8), ValueError),
        (np.zeros((8, 32, 32, 4), np.uint8), ValueError),
        (list(FLOWERS), TypeError),
        ([FLOWERS[0], FLOWERS[1][:16]], TypeError),
        (FLOWERS.tolist(), TypeError),
        (None, TypeError),
        (np.ma.masked_less(FLOWERS, 90), TypeError),
    ],
)
@pytest.mark.parametrize("kind", ["pca", "multiscale"])
def test_arrays_that_are_no_photos_are_refused(images: Any, error: type[Exception], kind: str) -> None:
    with pytest.raises(error, match="Received: "):
        fit(images, model=kind, quiet=True)


@pytest.mark.parametrize("kind", LABELLED)
@pytest.mark.parametrize("dtype", [np.float16, *((np.float64, np.longdouble, ">f4") if ALL else ())])
def test_floats_of_any_width_make_the_model_of_bytes(kind: str, dtype: Any) -> None:
    options = {**KINDS[kind], "allow_copies": True, "quiet": True}
    drawn = [
        fit(images, **options).sample(3, seed=0)[0] for images in (FLOWERS, (FLOWERS / 255).astype(dtype))
    ]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("size", [1, 2, 3] if ALL else [1])
def test_the_smallest_images_make_a_model(size: int, tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (20, size, size)).astype(np.uint8)
    model = good(fit(images, n_components=1, allow_copies=True, quiet=True), images, tmp_path)
    assert model.image_size == 32
    whole = {"model": "pca", "n_components": 1, "allow_copies": True, "quiet": True}
    good(fit(images, **whole, symmetry="none"), images, tmp_path)
    if size % 2:
        with pytest.raises(ValueError, match=r"even image_size.*Received: "):
            fit(images, **whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image_size", [10**6, 2**40, 1025 * 8])
def test_a_size_beyond_all_is_refused_before_anything_is_enlarged(kind: str, image_size: int) -> None:
    with pytest.raises(ValueError, match=rf"image_size.*Received: .*{image_size}"):
        fit(FLOWERS, **KINDS[kind], image_size=image_size, quiet=True)


def test_more_components_than_photos() -> None:
    with pytest.raises(
        ValueError, match=r"at most the number of photos to fit on.*Received: n_components=13"
    ):
        fit(FLOWERS, model="pca", n_components=13, quiet=True)
    with pytest.raises(ValueError, match=r"at most the number of photos of class 'a'.*n_components=2"):
        fit(FLOWERS, ["a"] + ["b"] * 11, model="pca", n_components=2, quiet=True)


# --- folders ----------------------------------------------------------------------------------------------


def command(folder: Path, output: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "gmmaug-fit", folder, "-o", output, *map(str, options)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_photos_of_mixed_sizes_make_a_model(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for index, size in enumerate([(1, 1), (300, 2), (2, 300), (32, 32), (40, 30), (17, 19)]):
        Image.fromarray(FLOWERS[index]).resize(size).save(tmp_path / "photos" / f"{index}.png")
    for kind in ("pca", "multiscale") if ALL else ("pca",):
        options = {**KINDS[kind], "image_size": 32, "allow_copies": True, "quiet": True}
        assert fit(tmp_path / "photos", **options).sample(2, seed=0)[0].shape == (2, 32, 32)


def test_the_command_refuses_in_a_line_and_writes_nothing(tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "model.safetensors"
    (photos / "full").mkdir(parents=True)
    (photos / "empty").mkdir()
    for index in range(6):
        Image.fromarray(SETS["black"][0]).save(photos / "full" / f"{index}.png")
    done = command(photos, output)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Every class folder needs photos; remove or fill: empty. Received: ")
    done = command(photos / "full", output, "--model", "pca", "--image-size", 16, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert DO_NOT_DIFFER in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    assert done.stderr.count("\n") == 1
