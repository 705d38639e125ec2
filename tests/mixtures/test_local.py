import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest

from gmmaug_plugin.mixtures.local import LocalMixture, LocalOptions


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


@pytest.mark.parametrize("side", [16, 32, 512])
@pytest.mark.parametrize("channels", [0, 3])
def test_images_have_the_photos_size_and_channels(side, channels):
    image = LocalMixture(noise_photos(3, side, channels)).draw([5])
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
    assert (LocalMixture(photos, options=LocalOptions(eta=0.5)).draw([1, 2]) != first).any()


def test_threads_draw_the_same_images():
    mixture = LocalMixture(shaded_photos(20, 64))
    seeds = [[7, i] for i in range(12)]
    one_by_one = [mixture.draw(seed) for seed in seeds]
    with ThreadPoolExecutor(4) as threads:
        np.testing.assert_array_equal(list(threads.map(mixture.draw, seeds)), one_by_one)


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


def test_constant_photos_give_constant_images():
    image = LocalMixture(np.full((2, 64, 64), 90, np.uint8)).draw([0])
    np.testing.assert_allclose(image, 90, atol=4)  # fine patches take their mean from the noisy image


def test_equal_channels_stay_equal():
    photos = shaded_photos(8, 32)[..., None].repeat(3, 3)
    image = LocalMixture(photos).draw([4]).astype(int)
    assert np.abs(image - image[..., :1]).max() <= 12  # their noise differs
    assert image.std() > 5


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


@pytest.mark.parametrize("photos", [1, 2, 3])
def test_a_few_photos_are_enough(photos):
    assert LocalMixture(noise_photos(photos, 32)).draw([0]).std() > 20


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

    def test_without_any_ban_a_photo_comes_back_from_little_noise(self):
        photos = noise_photos(30, 32)
        found = LocalMixture(photos, options=LocalOptions(detail=1)).rerender(photos[4], 0.1, [0])
        assert np.median(np.abs(found.astype(int) - photos[4])) <= 2

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

    def test_leaving_no_photo_is_an_error(self):
        mixture = LocalMixture(noise_photos(2, 16), groups=np.zeros(2, np.int32))
        with pytest.raises(ValueError, match=r"none of the 2 photos. Received: \[1\]"):
            mixture.rerender(mixture.photos[0], 0.3, [0], without=[1])

    def test_what_does_not_fit_is_refused(self):
        mixture = LocalMixture(noise_photos(2, 32))
        with pytest.raises(ValueError, match=r"photo must be uint8 of shape \(32, 32\)"):
            mixture.rerender(np.zeros((16, 16), np.uint8), 0.3, [0])
        with pytest.raises(ValueError, match=r"strength must be from 0\.04 to 3\.0\. Received: 0"):
            mixture.rerender(mixture.photos[0], 0, [0])


@pytest.mark.parametrize(
    ("photos", "error", "words"),
    [
        (np.zeros((2, 32, 32)), TypeError, "uint8"),
        (
            np.zeros((2, 48, 48), np.uint8),
            ValueError,
            r"\[16, 32, 64, 128, 256, 512\]. Received: shape \(2, 48",
        ),
        (np.zeros((0, 32, 32), np.uint8), ValueError, "n at least 1"),
        (np.zeros((2, 32, 32, 4), np.uint8), ValueError, r"\(n, S, S, 3\)"),
    ],
)
def test_photos_that_do_not_fit_are_refused(photos, error, words):
    with pytest.raises(error, match=words):
        LocalMixture(photos)


def test_groups_are_one_number_a_photo():
    with pytest.raises(ValueError, match=r"one number per photo, \(3,\). Received: shape \(2,\)"):
        LocalMixture(noise_photos(3, 16), groups=np.zeros(2, np.int32))


def test_options_say_their_ranges_and_have_help():
    assert all(one.metadata["help"] for one in fields(LocalOptions))
    with pytest.raises(ValueError, match=r"eta must be a number from 0 to 1\. Received: 2"):
        LocalOptions(eta=2)


def test_options_and_mixture_are_there_without_numba():
    script = (
        "import sys, numpy as np\n"
        "from gmmaug_plugin.mixtures.local import LocalMixture\n"
        "LocalMixture(np.zeros((1, 16, 16), np.uint8))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
