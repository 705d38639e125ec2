"""Copies are drawn again, and threads, clusters and interruptions do not change the images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.fitting.drawing import BLOCK, MAX_DRAWS, ClassDrawing, drawer
from gmmaug_plugin.fitting.resume import Unfinished
from gmmaug_plugin.photos import PhotoSet

PHOTOS = make_flowers(20, image_size=32, n_classes=1, random_state=0)[0]
OTHERS = np.random.default_rng(0).integers(0, 256, PHOTOS.shape, np.uint8)


class CopiesFirst:
    """Draws a photo at the first ``n_copies`` attempts, and another image then."""

    def __init__(self, n_copies: int) -> None:
        self.n_copies = n_copies
        self.drawn: list[int] = []

    def draw(self, seed: Sequence[int]) -> np.ndarray:
        index, attempt = seed[-2:]
        self.drawn.append(index)
        return PHOTOS[index] if attempt < self.n_copies else OTHERS[index]


def drawing(n_copies: int) -> ClassDrawing:
    return ClassDrawing("class0", CopiesFirst(n_copies), CopyDetector(PHOTOS), (0, 0), 32)


def unfinished(*, resume: bool = False) -> Unfinished:
    return Unfinished({}, PhotoSet(PHOTOS), resume=resume)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path))


def test_copies_are_drawn_again_and_counted() -> None:
    block = drawing(2).block(3, 8)
    np.testing.assert_array_equal(block.images, OTHERS[3:8])
    assert (block.n_redrawn, block.n_copies) == (10, 0)


def test_an_image_whose_draws_are_all_copies_is_kept_and_counted() -> None:
    block = drawing(MAX_DRAWS).block(0, 4)
    assert block.n_copies == 4
    np.testing.assert_array_equal(block.images, PHOTOS[:4])


def test_an_error_ends_the_work_and_finished_blocks_are_not_drawn_again() -> None:
    with drawer(1, None, unfinished()) as draw, pytest.raises(IndexError):
        draw(drawing(0), 30, lambda _: None)
    resumed = drawing(0)
    with drawer(1, None, unfinished(resume=True)) as draw:
        np.testing.assert_array_equal(draw(resumed, 20, lambda _: None).images, OTHERS)
    assert resumed.mixture.drawn[0] >= BLOCK
