import numpy as np
import pytest

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import (
    PIXELS_PER_VALUE,
    SYMMETRIES,
    Symmetry,
    fold,
    part_shape,
    symmetric_copies,
    unfold,
)

ENGINE = NumpyEngine()


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_unfold_undoes_fold_and_norms_agree(symmetry: Symmetry) -> None:
    images = np.random.default_rng(0).normal(size=(5, 12, 12))
    parts = fold(ENGINE, images, symmetry)
    np.testing.assert_allclose(unfold(ENGINE, parts, symmetry), images, atol=1e-12)
    folded = sum((part**2).sum(axis=(1, 2, 3)) for part in parts)
    np.testing.assert_allclose(PIXELS_PER_VALUE[symmetry] * folded, (images**2).sum(axis=(1, 2)))


@pytest.mark.parametrize(("symmetry", "count"), [("none", 1), ("flip", 2), ("d4", 8)])
def test_copies_are_all_different_and_the_photo_comes_first(symmetry: Symmetry, count: int) -> None:
    image = np.arange(36.0).reshape(1, 6, 6)
    copies = symmetric_copies(image, symmetry)
    assert len(np.unique(copies, axis=0)) == len(copies) == count
    np.testing.assert_array_equal(copies[0], image[0])


@pytest.mark.parametrize("symmetry", ["flip", "d4"])
def test_a_part_of_one_kind_keeps_its_kind_under_every_symmetry(symmetry: Symmetry) -> None:
    """What makes the covariance block-diagonal: no symmetry moves anything from one part to another."""
    parts = fold(ENGINE, np.random.default_rng(1).normal(size=(1, 8, 8)), symmetry)
    for kept in range(len(parts)):
        alone = [part if index == kept else np.zeros_like(part) for index, part in enumerate(parts)]
        for copy in symmetric_copies(unfold(ENGINE, alone, symmetry), symmetry):
            for index, part in enumerate(fold(ENGINE, copy[None], symmetry)):
                assert index == kept or np.abs(part).max() < 1e-12


def test_odd_sizes_cannot_be_folded() -> None:
    with pytest.raises(ValueError, match=r"even image_size\. Received: image_size=33"):
        part_shape("flip", 33)
    assert part_shape("none", 33) == (33, 33)
