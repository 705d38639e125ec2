"""Photos a block at a time are the photos."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmmaug_plugin.fitting.photo_blocks import PhotoBlock, PhotoBlocks


def photos_of(n: int) -> NDArray[np.uint8]:
    """Photos of 2 x 2 pixels that tell which they are."""
    return np.arange(4 * n, dtype=np.uint16).astype(np.uint8).reshape(n, 2, 2)


@st.composite
def masked_sets(draw: st.DrawFn) -> tuple[int, int, list[NDArray[np.bool_]]]:
    """Number of photos, block size and two masks, the second over what the first leaves; none is empty."""
    n = draw(st.integers(1, 40))
    masks: list[NDArray[np.bool_]] = []
    left = n
    for _ in range(2):
        mask = np.array(draw(st.lists(st.booleans(), min_size=left, max_size=left)))
        mask[draw(st.integers(0, left - 1))] = True
        masks.append(mask)
        left = int(mask.sum())
    return n, draw(st.integers(1, 45)), masks


def tell(images: NDArray[np.uint8], own: Any, shared: Any) -> tuple[Any, Any, Any]:
    return images, own, shared


@given(masked_sets())
@settings(deadline=None)
def test_blocks_hold_the_photos_that_masks_say(case: tuple[int, int, list[NDArray[np.bool_]]]) -> None:
    n, block_size, masks = case
    expected = photos_of(n)
    values = np.arange(n)
    blocks = PhotoBlocks.of(expected, block_size=block_size)
    assert len(blocks) == -(-n // block_size)
    for mask in (None, *masks):
        if mask is not None:
            blocks, expected, values = blocks.where(mask), expected[mask], values[mask]
        assert (blocks.n_photos, blocks.image_size) == (len(expected), 2)
        assert all(0 < size <= block_size for size in blocks.sizes), "no block is empty"
        np.testing.assert_array_equal(blocks.load(), expected)
        parts = blocks.split(values)
        assert [len(part) for part in parts] == list(blocks.sizes)
        for (images, own, shared), part in zip(blocks.map(tell, "all", each=parts), parts, strict=True):
            np.testing.assert_array_equal(own, part)
            np.testing.assert_array_equal(images, photos_of(n)[part])
            assert shared == "all"


def brightness(images: NDArray[np.uint8], factor: int) -> int:
    return factor * int(images.sum())


def test_what_is_made_of_blocks_is_kept_and_added_up() -> None:
    photos = photos_of(10)
    blocks = PhotoBlocks.of(photos, block_size=4)
    kept = blocks.keep(brightness, 2)
    assert kept.map(int) == [2 * int(photos[begin : begin + 4].sum()) for begin in (0, 4, 8)]
    assert blocks.sum(brightness, 3) == 3 * int(photos.sum())
    assert len(blocks.where(np.arange(10) >= 8)) == 1


def test_a_block_without_rows_is_no_copy() -> None:
    photos = photos_of(6)
    assert np.shares_memory(PhotoBlock(photos, 2, 5).load(None), photos)
    np.testing.assert_array_equal(PhotoBlock(photos, 2, 5).load(np.array([0, 2])), photos[[2, 4]])


def test_arguments_of_other_length_than_the_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        PhotoBlocks.of(photos_of(10), block_size=4).map(tell, each=[1, 2])
