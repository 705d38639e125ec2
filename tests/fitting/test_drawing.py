"""Copies are drawn again, and the work can be shared out in any way."""

from collections.abc import Sequence

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.fitting.drawing import MAX_DRAWS, ClassDrawing, drawer

PHOTOS = make_flowers(20, image_size=32, n_classes=1, random_state=0)[0]
OTHERS = np.random.default_rng(0).integers(0, 256, PHOTOS.shape, np.uint8)


class CopiesFirst:
    """Draws a photo at the first ``n_copies`` attempts, and another flower then."""

    def __init__(self, n_copies: int) -> None:
        self.n_copies = n_copies

    def draw(self, seed: Sequence[int]) -> np.ndarray:
        index, attempt = seed[-2:]
        return PHOTOS[index] if attempt < self.n_copies else OTHERS[index]


def drawing(n_copies: int) -> ClassDrawing:
    return ClassDrawing(CopiesFirst(n_copies), CopyDetector(PHOTOS), (0, 0), 32)


def test_copies_are_drawn_again_and_counted() -> None:
    block = drawing(2).block(3, 8)
    np.testing.assert_array_equal(block.images, OTHERS[3:8])
    assert (block.n_redrawn, block.n_copies) == (10, 0)


def test_what_only_ever_copies_is_kept_in_the_end_and_counted() -> None:
    block = drawing(MAX_DRAWS).block(0, 4)
    assert block.n_copies == 4
    np.testing.assert_array_equal(block.images, PHOTOS[:4])


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_give_every_block_once(workers: int) -> None:
    places = [(0, 4), (4, 8), (8, 10)]
    with drawer(workers) as draw:
        found = dict(draw(drawing(1), places))
    assert sorted(found) == places
    np.testing.assert_array_equal(np.concatenate([found[place].images for place in places]), OTHERS[:10])


def test_an_error_of_a_draw_ends_the_work() -> None:
    with drawer(2) as draw, pytest.raises(IndexError):
        list(draw(drawing(1), [(0, 4), (18, 30)]))
