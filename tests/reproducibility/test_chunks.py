"""Photos that are varied one at a time or all at once."""

import numpy as np
import pytest

from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from tests.factories import random_model


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_photos_are_varied_alike_in_any_chunk(symmetry: Symmetry) -> None:
    """To a grey level: products with photos, unlike those with rounded codes, are rounded by their shape."""
    model = random_model(symmetry, image_size=32)
    photos = np.random.default_rng(0).integers(0, 256, (150, 32, 32)).astype(np.uint8)
    labels = np.arange(150) % 2
    whole = model.vary(photos, label=labels, seed=3)
    for size in (1, 40):
        parts = [
            model.vary(photos[i : i + size], label=labels[i : i + size], seed=3, start=i)
            for i in range(0, 150, size)
        ]
        apart = np.abs(np.concatenate(parts).astype(int) - whole)
        assert apart.max() <= 1
        assert (apart > 0).mean() < 1e-3
