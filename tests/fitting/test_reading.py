import numpy as np
import pytest

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.reading import drawn_side, read_photos
from gmmaug_plugin.photos import PhotoSet

PHOTOS = np.zeros((3, 32, 32), np.uint8)
LABELS = np.array([0, 1, 0], np.int32)


def test_the_local_mixture_draws_at_the_next_larger_side() -> None:
    sides = [drawn_side(size, "local") for size in (16, 17, 100, 128, 300, 512)]
    assert sides == [16, 32, 128, 128, 512, 512]
    assert drawn_side(100, "pca") == 100


def test_a_photo_set_decides_size_and_color() -> None:
    color = PhotoSet(np.zeros((3, 40, 40, 3), np.uint8))
    photo_set, options = read_photos(color, None, FitOptions(), strict=False, quiet=True)
    assert photo_set.images.shape == (3, 64, 64, 3)
    assert (options.image_size, options.color) == (40, True)


@pytest.mark.parametrize(
    ("photo_set", "labels", "options", "message"),
    [
        (PhotoSet(PHOTOS[:, :16]), None, {}, "must be square"),
        (PhotoSet(PHOTOS), None, {"color": True}, "loaded with color=True"),
        (PhotoSet(PHOTOS, LABELS, ("a", "b", "c")), None, {}, "each with a photo"),
        (PhotoSet(PHOTOS, None, ("a",)), None, {}, "each with a photo"),
        (PhotoSet(PHOTOS, LABELS, ("a", "b")), LABELS, {}, "labels of a PhotoSet are its own"),
    ],
)
def test_photo_sets_that_do_not_fit_are_refused(
    photo_set: PhotoSet, labels: np.ndarray | None, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_photos(photo_set, labels, FitOptions(**options), strict=False, quiet=True)
