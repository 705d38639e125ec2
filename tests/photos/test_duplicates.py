"""Near-duplicates."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.photos import duplicates, load_photos, near_duplicates

NOISE = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    picture = Image.fromarray(image)
    smaller = picture.resize((round(picture.width * factor),) * 2, Image.Resampling.BICUBIC)
    return np.asarray(smaller.resize(picture.size, Image.Resampling.BICUBIC))


def relit(image: np.ndarray, gain: float, offset: float) -> np.ndarray:
    return np.clip(np.rint(gain * image + offset), 0, 255).astype(np.uint8)


ALTERED = {
    "JPEG at quality 50": lambda image: as_jpeg(image, 50),
    "mirrored, JPEG at quality 50": lambda image: as_jpeg(np.ascontiguousarray(image[:, ::-1]), 50),
    "turned, JPEG at quality 50": lambda image: as_jpeg(np.ascontiguousarray(np.rot90(image)), 50),
    "half the size": lambda image: resized(image, 0.5),
    "0.7 of the size": lambda image: resized(image, 0.7),
    "0.9 of the size": lambda image: resized(image, 0.9),
    "brighter": lambda image: relit(image, 1.15, 10),
    "less contrast": lambda image: relit(image, 0.8, 25),
    "more contrast": lambda image: relit(image, 1.25, -32),
}


@pytest.mark.parametrize("change", ALTERED)
def test_altered_photos_are_recognized(photos: Path, change: str) -> None:
    some = load_photos(sorted((photos / "rose").iterdir())[::6], quiet=True).images
    altered = np.stack([ALTERED[change](image) for image in some])

    groups = near_duplicates(np.concatenate([some, altered]))

    assert np.mean(groups[: len(some)] == groups[len(some) :]) >= 0.98


def test_up_to_8_bits_may_differ_and_near_duplicates_of_near_duplicates_belong_together() -> None:
    # The middle image differs from both others in 8 of 63 bits; the outer ones differ in 16.
    rng = np.random.default_rng(0)
    coefficients = rng.choice([-30.0, 30.0], (8, 8))
    chain = np.stack([coefficients] * 3)
    chain[1:, 1, :8] *= -1
    chain[2, 3, :8] *= -1
    chain[:, 0, 0] = 32 * 128
    frequencies = np.arange(8)[:, None]
    waves = np.cos(np.pi * frequencies * (np.arange(32) + 0.5) / 32) / 4
    waves[0] /= 2**0.5
    images = np.rint(waves.T @ chain @ waves).astype(np.uint8)

    assert len(set(near_duplicates(images))) == 1
    assert len(set(near_duplicates(images[[0, 2]]))) == 2


def test_no_photos_have_no_groups_and_blank_ones_are_alike() -> None:
    assert near_duplicates(NOISE[:0]).tolist() == []
    blank = np.broadcast_to(np.array([0, 90, 255], np.uint8)[:, None, None], (3, 16, 16))
    assert near_duplicates(np.concatenate([blank, NOISE[:2]])).tolist() == [0, 0, 0, 1, 2]


def test_color_photos_are_compared_by_their_luma() -> None:
    flowers = make_flowers(6, image_size=48, color=True)[0]

    assert near_duplicates(np.concatenate([flowers, flowers[:, ::-1]])).tolist() == [*range(6), *range(6)]


def test_numbers_do_not_depend_on_the_blocks_that_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    flowers = make_flowers(40, image_size=32)[0]
    rng = np.random.default_rng(0)
    images = np.concatenate([flowers, flowers[::-2, :, ::-1], np.rot90(flowers[:9], axes=(1, 2))])
    images = images[rng.permutation(len(images))]
    expected = near_duplicates(images)

    monkeypatch.setattr(duplicates, "_AT_ONCE", 7)

    np.testing.assert_array_equal(near_duplicates(images), expected)
    assert expected.max() == 39


def test_of_all_real_photos_few_match(photos: Path) -> None:
    images = load_photos(photos, quiet=True).images

    sizes = np.bincount(near_duplicates(images))

    assert len(images) - len(sizes) == 34
    assert sizes.max() == 3
