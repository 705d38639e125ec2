from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.fitting import vary
from gmmaug_plugin.photos import PhotoError
from gmmaug_plugin.pictures import write_class_folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    images, labels, names = make_flowers(24, image_size=32, n_classes=2)
    write_class_folders(images, labels, names, root)
    return root


def test_the_layout_stays_and_the_rest_does_not(folder: Path) -> None:
    path = sorted((folder / "daisy").iterdir())[0]
    photo = np.asarray(Image.open(path)).astype(float)
    near, far = (
        vary(path, folder, n=4, strength=strength, image_size=32, quiet=True).astype(float)
        for strength in (0.1, 1.0)
    )
    assert near.shape == (4, 32, 32)

    def likeness(images: np.ndarray) -> float:
        coarse = images.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(len(images), -1)
        own = photo.reshape(8, 4, 8, 4).mean(axis=(1, 3)).ravel()
        return float(np.mean([np.corrcoef(one, own)[0, 1] for one in coarse]))

    assert likeness(near) > likeness(far)
    assert not (near == photo).all(axis=(1, 2)).any()


def test_a_photo_of_more_than_8_bits_is_scaled_as_its_set(folder: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted((folder / "daisy").iterdir())):
        dark = np.asarray(Image.open(path)).astype(np.uint16) * (4 if number == 0 else 16)
        Image.fromarray(dark).save(tmp_path / f"{number:02}.png")

    image = vary(tmp_path / "00.png", tmp_path, strength=0.05, image_size=32, quiet=True)[0]

    expected = np.asarray(Image.open(sorted((folder / "daisy").iterdir())[0])).mean() / 4
    assert abs(image.mean() - expected) < 25


def test_the_same_seed_gives_the_same_images(folder: Path) -> None:
    path = sorted((folder / "daisy").iterdir())[1]
    first, second = (vary(path, folder, n=2, seed=3, image_size=32, quiet=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_class_is_named_where_it_cannot_be_known(folder: Path, tmp_path: Path) -> None:
    stranger = 255 - make_flowers(1, image_size=32, random_state=9)[0][0]
    with pytest.raises(ValueError, match="must be given by label, one of"):
        vary(stranger, folder, image_size=32, quiet=True)
    assert vary(stranger, folder, label="dandelion", image_size=32, quiet=True).shape == (1, 32, 32)


def test_a_photo_alone_cannot_be_rerendered() -> None:
    photo = make_flowers(1, image_size=32)[0]
    with pytest.raises(PhotoError, match="needs another photo"):
        vary(photo[0], photo, quiet=True)


@pytest.mark.parametrize("strength", [0, 0.01, 1.5, True])
def test_strengths_out_of_range_are_refused(folder: Path, strength: float) -> None:
    with pytest.raises(ValueError, match=r"strength must be a number from 0\.05 to 1"):
        vary(sorted((folder / "daisy").iterdir())[0], folder, strength=strength)
