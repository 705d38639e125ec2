from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from examples.drawn_flowers import make_flowers
from gmmaug_plugin import fit
from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.fitting.choosing import choose_options
from gmmaug_plugin.fitting.drawing import ClassDrawing
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.resume import Block
from gmmaug_plugin.mixtures import LocalOptions
from gmmaug_plugin.mixtures.pyramid import with_detail
from gmmaug_plugin.photos import load_photos

IMAGES = make_flowers(150, image_size=32, n_classes=1, random_state=0)[0]
PHOTOS = load_photos(IMAGES)
OTHERS = make_flowers(96, image_size=32, n_classes=1, random_state=9)[0]


def chosen(drawn: Callable[[float], np.ndarray], given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The choice if the candidate of each locality draws some images."""

    def draw(drawing: ClassDrawing, n: int, _: object) -> Block:
        return Block(drawn(drawing.mixture.options.locality)[:n], 0, 0)

    options = FitOptions(holdout=0.3)
    return choose_options(PHOTOS, options, LocalOptions(), given, CopyDetector(IMAGES), draw, quiet=True)[1]


def test_the_locality_nearest_to_photos_held_back_is_chosen() -> None:
    found = chosen(lambda locality: OTHERS if locality == 0.5 else 255 - OTHERS)
    assert found["chosen"]["locality"] == 0.5
    assert len(found["candidates"]) == 3


def test_candidates_that_copy_are_not_chosen() -> None:
    found = chosen(lambda locality: IMAGES[:96] if locality == 0.5 else 255 - OTHERS)
    assert found["chosen"]["locality"] != 0.5
    assert "the fewest copies" in chosen(lambda _: IMAGES[:96])["choice"]


def test_contrast_of_detail_that_is_missing_is_restored() -> None:
    flat = with_detail(OTHERS.astype(np.float32), 16, [1 / 1.45])
    found = chosen(lambda _: np.clip(flat, 0, 255).astype(np.uint8), frozenset({"locality"}))
    (candidate,) = found["candidates"]
    assert candidate["options"] == {"locality": LocalOptions().locality, "detail": [1.45]}


@pytest.mark.parametrize(
    ("options", "why"),
    [({"locality": 0.5, "detail": 1.2}, "as given"), ({"holdout": 0}, "few photos are held back")],
)
def test_the_record_says_why_nothing_was_chosen(options: dict[str, float], why: str) -> None:
    pool = fit(IMAGES[:20], n_images=2, quiet=True, **options)
    assert why in pool.record.choices["local"]["choice"]
    assert pool.record.options["locality"] == options.get("locality", LocalOptions().locality)
