"""Near-duplicates."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse.csgraph import connected_components

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.photos import duplicates, load_photos, near_duplicates
from gmmaug_plugin.photos.duplicates import MAX_DIFFERENT_BITS, group_hashes

NOISE = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)
BITS = np.uint64(1) << np.arange(63, dtype=np.uint64)


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
def test_altered_photos_are_recognised(photos: Path, change: str) -> None:
    some = load_photos(sorted((photos / "rose").iterdir())[::6], quiet=True).images
    altered = np.stack([ALTERED[change](image) for image in some])

    groups = near_duplicates(np.concatenate([some, altered]))

    assert np.mean(groups[: len(some)] == groups[len(some) :]) >= 0.98


def test_alike_is_passed_on() -> None:
    # The middle one is like both others, in 8 bits of 63 each; the outer ones differ in 16.
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


# --- hashes -----------------------------------------------------------------------------------------------


def pairs_of(hashes: np.ndarray) -> np.ndarray:
    """Which photos match, by counting the bits that differ of every pair in every symmetry."""
    differences = hashes[:, np.newaxis, :1] ^ hashes[np.newaxis]
    n_different = np.unpackbits(differences[..., np.newaxis].view(np.uint8), axis=-1).sum(axis=-1)
    return n_different.min(axis=2) <= MAX_DIFFERENT_BITS


def changed(hashes: np.ndarray, n_bits: int, rng: np.random.Generator) -> np.ndarray:
    """Hashes with that many bits inverted at random."""
    which = rng.permuted(np.tile(BITS, (hashes.size, 1)), axis=1)[:, :n_bits]
    return hashes ^ np.bitwise_xor.reduce(which, axis=1).reshape(hashes.shape)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), n_bits=st.integers(0, 14))
@settings(max_examples=60, deadline=None)
def test_groups_are_the_connected_parts_of_all_matching_pairs(seed: int, n: int, n_bits: int) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 2**63, 6, dtype=np.uint64)
    hashes = changed(seeds[rng.integers(6, size=(n, 1))].repeat(8, axis=1), n_bits, rng)
    hashes[:, 1:] = changed(hashes[:, 1:], 12, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_ROWS_AT_ONCE", 7)
        patch.setattr(duplicates, "_COLUMNS_AT_ONCE", 24)
        groups = group_hashes(hashes)

    np.testing.assert_array_equal(groups, connected_components(pairs_of(hashes), directed=False)[1])


def test_of_all_real_photos_few_match(photos: Path) -> None:
    images = load_photos(photos, quiet=True).images

    sizes = np.bincount(near_duplicates(images))

    assert len(images) - len(sizes) == 34
    assert sizes.max() == 3
