"""Codes in blocks are the codes."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.code_blocks import CodeBlocks, class_codes
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.workers import in_turn
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry, symmetric_copies
from tests.factories import random_basis

N_COPIES = {"none": 1, "flip": 2, "d4": 8}


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("block_size", [7, 300, 1000])
def test_means_and_choices_are_those_of_single_photos(symmetry: Symmetry, block_size: int) -> None:
    """Blocks smaller and greater than the 256 photos that are encoded at a time."""
    images = make_flowers(610, image_size=16, random_state=0)[0]
    basis = random_basis(symmetry)
    blocks = CodeBlocks.of(PhotoBlocks.of(images, block_size=block_size), basis, symmetry)
    assert (blocks.n_photos, len(blocks.sizes)) == (610, -(-610 // block_size))
    copies = symmetric_copies(images, symmetry).astype(np.float32) - basis.mean
    by_copy = basis.encode(NumpyEngine(), copies).reshape(N_COPIES[symmetry], 610, -1)
    codes = blocks.gather()
    np.testing.assert_allclose(np.sort(codes[:, 0]), np.sort(by_copy[:, :, 0].ravel()), atol=1e-5)
    means = blocks.photo_means(codes[:, 0])
    np.testing.assert_allclose(means, by_copy[:, :, 0].mean(axis=0), atol=1e-5)
    chosen = np.sort(np.random.default_rng(3).permutation(610)[:90])
    some = blocks.some(90, seed=3)
    expected = by_copy[:, chosen].swapaxes(0, 1).reshape(len(some), -1)
    np.testing.assert_allclose(some, expected, atol=1e-5)
    np.testing.assert_array_equal(blocks.some(610, seed=3), codes)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.sampled_from([1, 2, 8]), st.data())
@settings(deadline=None, max_examples=40)
def test_any_number_of_photos_is_chosen_with_all_their_copies(
    sizes: Sequence[int], n_copies: int, data: st.DataObject
) -> None:
    """Codes that tell photo and copy, laid out as encoding does."""
    photos, blocks, begin = np.arange(sum(sizes)), [], 0
    for size in sizes:
        chunks = [photos[begin : begin + size][k : k + 256] for k in range(0, size, 256)]
        blocks.append(np.concatenate([np.tile(chunk, n_copies) for chunk in chunks])[:, None].astype(float))
        begin += size
    codes = CodeBlocks(in_turn.spread(blocks), sizes)
    np.testing.assert_array_equal(codes.photo_means(codes.gather()[:, 0]), photos)
    n = data.draw(st.integers(1, len(photos)))
    chosen, counts = np.unique(codes.some(n, seed=0), return_counts=True)
    assert len(chosen) == n
    assert set(counts) == {n_copies}


def test_one_block_of_codes_is_taken_as_it_is() -> None:
    images = make_flowers(20, image_size=16, random_state=0)[0]
    codes = class_codes(random_basis("flip"), images, "flip")
    whole = CodeBlocks.whole(codes, 20)
    np.testing.assert_array_equal(whole.gather(), codes)
    assert whole.n_photos == 20
