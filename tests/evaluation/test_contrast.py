import numpy as np
import pytest

from gmmaug_plugin.evaluation.contrast import contrast, measure_contrast


def test_tiles_and_whole_images_are_measured_separately() -> None:
    """Left half black, right half a chequerboard of 0 and 100 with fields of 2 x 2 pixels."""
    image = np.zeros((32, 32), np.uint8)
    image[:, 16:] = 100 * (np.indices((32, 16)) // 2).sum(axis=0) % 200
    found = contrast(np.stack([image, image]))
    assert found.flat == 0.5
    assert found.tile == pytest.approx(25)
    assert found.whole == pytest.approx(image.std())


def test_fog_is_measured_as_a_loss_and_equal_images_as_good() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (10, 20, 20), np.uint8)
    foggy = (0.5 * photos + 60).astype(np.uint8)
    same = measure_contrast(photos, photos)
    assert [one.name for one in same] == ["contrast", "tile_contrast", "flat_tiles"]
    assert all(one.good and one.value == one.real for one in same)
    weak = measure_contrast(foggy, photos)
    assert weak[0].good is False
    assert weak[0].value == pytest.approx(weak[0].real / 2, rel=0.02)
    assert "foggy or blurred" in weak[0].verdict
    assert "harsh or noisy" in measure_contrast(photos, foggy)[1].verdict
    blank = measure_contrast(np.zeros((2, 20, 20), np.uint8), photos)[2]
    assert (blank.value, blank.good) == (100, False)
