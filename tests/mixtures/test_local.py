import subprocess
import sys

import numpy as np
import pytest

from gmmaug_plugin.mixtures.local import LocalMixture
from gmmaug_plugin.mixtures.options import LocalOptions


def noise_photos(n, side, channels=0, seed=0):
    """Photos of pure noise: each patch names its photo."""
    shape = (n, side, side, channels) if channels else (n, side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def shaded_photos(n, side, seed=0):
    """Smooth photos of different brightness and slope."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    a, b, c = rng.uniform(20, 100, (3, n, 1, 1))
    return (a + b * y + c * x * rng.choice([-1, 1], (n, 1, 1)) / 2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("n", "side", "channels"), [(1, 16, 0), (3, 16, 3), (2, 32, 0), (1, 32, 3), (3, 512, 0), (2, 512, 3)]
)
def test_images_have_the_photos_size_and_channels(n, side, channels):
    image = LocalMixture(noise_photos(n, side, channels)).draw([5])
    assert image.dtype == np.uint8
    assert image.shape == ((side, side, 3) if channels else (side, side))
    assert image.std() > 20


def test_a_draw_depends_on_photos_options_and_seed_alone():
    photos = shaded_photos(20, 32)
    mixture = LocalMixture(photos)
    first = mixture.draw([1, 2])
    mixture.draw([3])
    np.testing.assert_array_equal(mixture.draw([1, 2]), first)
    np.testing.assert_array_equal(LocalMixture(photos.copy()).draw([1, 2]), first)
    assert (mixture.draw([2, 1]) != first).any()


def test_patches_that_never_shrink_give_photos_back():
    photos = noise_photos(5, 16)
    mixture = LocalMixture(photos, mirror=False, options=LocalOptions(locality=0))
    for seed in range(8):
        difference = np.abs(photos.astype(int) - mixture.draw([seed])).max((1, 2))
        assert difference.min() <= 1


def test_an_image_is_drawn_without_the_photo_that_gave_its_layout():
    """So little noise is added that the photo would come back."""
    photos = noise_photos(12, 32)
    mixture = LocalMixture(photos, options=LocalOptions(strength=0.04))
    drawn = np.stack([mixture.draw([seed]) for seed in range(12)])
    likeness = np.corrcoef(np.concatenate([drawn, photos]).reshape(24, -1))[:12, 12:]
    assert likeness.max() < 0.7


def test_mirror_images_are_components_only_where_asked_for():
    """Photos are dark on the left, and so are patches at one place."""
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    photos = np.broadcast_to(ramp, (3, 32, 32)).copy()

    def drawn(mirror):
        mixture = LocalMixture(photos, mirror=mirror)
        return np.stack([mixture.draw([i]) for i in range(16)]).astype(int)

    plain, both = drawn(mirror=False), drawn(mirror=True)
    assert (plain[..., -4:].mean((1, 2)) > plain[..., :4].mean((1, 2)) + 150).all()
    assert (both[..., -4:].mean((1, 2)) < both[..., :4].mean((1, 2)) - 100).any()


class TestRerender:
    def test_a_photo_keeps_its_layout_the_more_the_weaker(self):
        photos = shaded_photos(60, 32)
        mixture = LocalMixture(photos)

        def distance(strength):
            seeds = range(8)
            drawn = [mixture.rerender(photos[i], strength, [i], without=[i]) for i in seeds]
            return np.mean([np.abs(drawn[i].astype(int) - photos[i]).mean() for i in seeds])

        assert distance(0.1) < 12
        assert distance(0.1) < distance(3.0) / 2

    @pytest.mark.parametrize("side", [32, 64, 128])
    def test_a_photo_is_made_of_a_shifted_copy_of_itself(self, side):
        """Shifted by 2 pixels at side 16, as far as patches of 8 are searched there."""
        scene, shift = noise_photos(1, side * 9 // 8, seed=1)[0], side // 8
        photos = np.concatenate([noise_photos(5, side), scene[None, :side, :side]])
        mixture = LocalMixture(photos, options=LocalOptions(detail=1))
        found = mixture.rerender(scene[shift:, shift:], 0.1, [0]).astype(int)
        difference = np.abs(found - scene[shift:, shift:])[: -2 * shift, : -2 * shift]
        assert np.median(difference) <= 2

    @pytest.mark.parametrize("mirror", [False, True])
    def test_banned_photos_their_mirror_images_and_near_duplicates_give_nothing(self, mirror):
        """The banned photos alone are bright: a single patch of them would be seen."""
        photos = noise_photos(12, 64) // 4
        photos[[2, 5]] = 192 + photos[[2, 5]]
        groups = np.arange(100, 112, dtype=np.int32)
        groups[5] = groups[2]
        mixture = LocalMixture(photos, mirror=mirror, groups=groups)
        bright = mixture.rerender(photos[2], 0.1, [1])
        dark = mixture.rerender(photos[2], 0.1, [1], without=[2])
        assert bright.mean() > 180
        # Patches of 8 take their mean from the coarser side, which is dark too.
        assert dark.max() < 128


@pytest.mark.parametrize("shape", [(2, 48, 48), (2, 8, 8), (2, 1024, 1024), (2, 32, 64)])
def test_sides_are_powers_of_two(shape):
    with pytest.raises(ValueError, match=rf"power of two from 16 to 512\. Received: shape \(2, {shape[1]}"):
        LocalMixture(np.zeros(shape, np.uint8))


def test_numba_is_loaded_by_the_first_draw():
    script = (
        "import sys, numpy as np\n"
        "from gmmaug_plugin.mixtures.local import LocalMixture\n"
        "LocalMixture(np.zeros((1, 16, 16), np.uint8))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
