import numpy as np
import pytest

from examples.drawn_flowers import make_flowers


@pytest.mark.parametrize("image_size", [16, 97])
def test_flowers_are_balanced_named_and_vary(image_size: int) -> None:
    images, labels, names = make_flowers(23, image_size=image_size)
    assert images.shape == (23, image_size, image_size)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert np.bincount(labels).tolist() == [5, 5, 5, 4, 4]
    assert images.std(axis=(1, 2)).min() > 4


def test_a_picture_depends_on_seed_and_index_alone() -> None:
    few, many = make_flowers(7, image_size=20)[0], make_flowers(12, image_size=20)[0]
    np.testing.assert_array_equal(many[:7], few)
    other = make_flowers(7, image_size=20, random_state=1)[0]
    assert (few != other).any(axis=(1, 2)).all()


def test_colored_pictures_are_the_same_pictures() -> None:
    gray, colored = make_flowers(10, image_size=24)[0], make_flowers(10, image_size=24, color=True)[0]
    assert colored.shape == (10, 24, 24, 3)
    for one, other in zip(gray, colored, strict=True):
        tones = np.unique(one, return_index=True)[1]
        assert (np.diff(other[..., 0].ravel()[tones].astype(int)) >= 0).all()
    assert (colored[..., 1] != colored[..., 2]).any(axis=(1, 2)).all()
