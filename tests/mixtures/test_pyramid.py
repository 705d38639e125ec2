import numpy as np

from gmmaug_plugin.mixtures.pyramid import doubled, pyramid, with_detail

IMAGE = np.random.default_rng(8).random((3, 64, 64), np.float32)


def test_levels_are_means_of_pixels() -> None:
    levels = pyramid(IMAGE, 16)
    assert [level.shape[-1] for level in levels] == [16, 32, 64]
    np.testing.assert_allclose(levels[0], IMAGE.reshape(3, 16, 4, 16, 4).mean((2, 4)), atol=1e-6)


def test_each_band_of_detail_is_scaled_and_the_coarse_image_stays() -> None:
    np.testing.assert_allclose(with_detail(IMAGE, 16, [1]), IMAGE, atol=1e-6)
    coarse = doubled(doubled(pyramid(IMAGE, 16)[0]))
    np.testing.assert_allclose(with_detail(IMAGE, 16, [0]), coarse, atol=1e-6)
    middle = doubled(pyramid(IMAGE, 16)[1])
    np.testing.assert_allclose(with_detail(IMAGE, 16, [1, 0]), middle, atol=1e-6)
    np.testing.assert_allclose(with_detail(IMAGE, 16, [1, 2]), 2 * IMAGE - middle, atol=1e-5)
