import numpy as np
import pytest

from gmmaug_plugin.mixtures import kernel
from gmmaug_plugin.mixtures.annealing import _carried, _Stage, _windows
from gmmaug_plugin.mixtures.pyramid import doubled, halved, pyramid

NO_CODES = np.zeros((0, 0), np.int32)


def anneal(image, views, sigmas, *, size, stride, search, kept=NO_CODES, centred=False, keep=None, **dials):
    """One call of the kernel on a copy: the image, the codes, the weights."""
    image = image.copy()
    if keep is None:
        keep = len(views) * (2 * search + 1) ** 2
    options = {"bandwidth": 0.0, "gain": 1.0, "gain_below": 9.0, "eta": 0.0, **dials}
    steps = len(sigmas) - 1
    noise = options.pop("noise", np.zeros((steps if options["eta"] else 0, *image.shape), np.float32))
    codes, weights = kernel.anneal(
        image,
        views,
        kept,
        *_windows(image.shape[1], size, stride),
        stride,
        search,
        centred,
        keep,
        np.array(sigmas, np.float32),
        *options.values(),
        noise,
    )
    return image, codes, weights


def places(views, y, x, size, radius):
    """All patches within ``radius`` of (y, x), (m, channels, size, size) in float64."""
    limit = views.shape[2] - size
    rows = range(max(y - radius, 0), min(y + radius, limit) + 1)
    columns = range(max(x - radius, 0), min(x + radius, limit) + 1)
    found = [view[:, a : a + size, b : b + size] for view in views for a in rows for b in columns]
    return np.array(found, np.float64)


def posterior_mean(image, views, sigma, *, size, stride, radius, centred=False, bandwidth=0.0, gain=1.0):
    """Tweedie's formula, written out in float64: the denoised image."""
    side = image.shape[1]
    window, cover = _windows(side, size, stride)
    total = np.zeros(image.shape)
    variance = sigma**2 + bandwidth**2
    for y in range(0, side - size + 1, stride):
        for x in range(0, side - size + 1, stride):
            patch = image[:, y : y + size, x : x + size].astype(np.float64)
            components = places(views, y, x, size, radius)
            if centred:
                components += patch.mean((1, 2), keepdims=True) - components.mean((2, 3), keepdims=True)
            squares = ((components - patch) ** 2).mean(1).sum((1, 2))
            weights = np.exp((squares.min() - squares) / (2 * variance))
            weights[weights < 1e-3] = 0
            weights /= weights.sum()
            mean = np.tensordot(weights, components, 1)
            level = mean.mean((1, 2), keepdims=True)
            centred_components = components - components.mean((2, 3), keepdims=True)
            energy = (weights * (centred_components**2).sum((1, 2, 3))).sum()
            factor = min(gain, np.sqrt(energy / ((mean - level) ** 2).sum()))
            mean = level + factor * (mean - level)
            mean += bandwidth**2 / variance * (patch - mean)
            total[:, y : y + size, x : x + size] += window * mean
    return total / cover


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "stride", "radius"), [(16, 1, 0), (12, 2, 1), (8, 2, 2)], ids=["whole", "middle", "small"]
)
@pytest.mark.parametrize(
    "dials", [{}, {"bandwidth": 0.2}, {"gain": 1.5}, {"centred": True, "gain": 2.0}], ids=str
)
def test_a_step_is_the_posterior_mean_of_all_patches_nearby(channels, size, stride, radius, dials):
    rng = np.random.default_rng(size)
    views = rng.random((4, channels, 16, 16), np.float32)
    image = (views[0] + 0.3 * rng.standard_normal(views[0].shape)).astype(np.float32)
    expected = posterior_mean(image, views, 0.8, size=size, stride=stride, radius=radius, **dials)

    clean, codes, weights = anneal(image, views, [0.8, 0], size=size, stride=stride, search=radius, **dials)
    np.testing.assert_allclose(clean, expected, atol=2e-5)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    assert all(len(np.unique(row[row >= 0])) == (row >= 0).sum() for row in codes)

    half, _, _ = anneal(image, views, [0.8, 0.4], size=size, stride=stride, search=radius, **dials)
    np.testing.assert_allclose(half, expected + (image - expected) / 2, atol=2e-5)


def test_part_of_the_noise_is_made_anew():
    rng = np.random.default_rng(3)
    views = rng.random((2, 1, 16, 16), np.float32)
    image = rng.standard_normal((1, 16, 16), np.float32)
    noise = rng.standard_normal((1, 1, 16, 16), np.float32)
    clean, _, _ = anneal(image, views, [1, 0], size=8, stride=2, search=1)
    found, _, _ = anneal(image, views, [1, 0.5], size=8, stride=2, search=1, eta=0.6, noise=noise)
    np.testing.assert_allclose(found, clean + 0.5 * (0.8 * (image - clean) + 0.6 * noise[0]), atol=1e-5)


def test_the_nearest_components_are_kept_in_order():
    rng = np.random.default_rng(4)
    views = rng.random((5, 1, 16, 16), np.float32)
    image = rng.random((1, 16, 16), np.float32)
    _, codes, _ = anneal(image, views, [0.5, 0], size=16, stride=1, search=0, keep=3)
    distances = ((views - image) ** 2).sum((1, 2, 3))
    assert codes.tolist() == [(distances.argsort()[:3] * 256).tolist()]


def test_equal_channels_give_what_one_channel_gives():
    rng = np.random.default_rng(5)
    views = rng.random((3, 1, 32, 32), np.float32)
    image = rng.random((1, 32, 32), np.float32)
    one, _, _ = anneal(image, views, [0.4, 0], size=8, stride=4, search=2, centred=True, gain=2.0)
    three, _, _ = anneal(
        image.repeat(3, 0), views.repeat(3, 1), [0.4, 0], size=8, stride=4, search=2, centred=True, gain=2.0
    )
    np.testing.assert_allclose(three, one.repeat(3, 0), atol=1e-6)


def test_the_search_moves_by_a_pixel_a_step_and_through_neighbours():
    """A photo shifted by two pixels is found from candidates at no shift, within its limits."""
    rng = np.random.default_rng(6)
    scene = rng.random((1, 40, 40), np.float32)
    views = np.ascontiguousarray(scene[None, :, 2:34, 2:34])
    image = np.ascontiguousarray(scene[:, 4:36, 4:36])
    rows, columns = np.divmod(np.arange(49), 7)
    kept = (rows * 4 * 32 + columns * 4).astype(np.int32)[:, None]
    kept[0] = 2 * 32 + 2  # one position knows; its neighbours learn from it
    dials = {"size": 8, "stride": 4, "search": kernel.AROUND_KEPT, "keep": 4}
    found, codes, _ = anneal(image, views, [0.02] * 14 + [0], kept=kept, **dials)
    inside = (rows < 6) & (columns < 6)
    assert (codes[:, 0] == (rows * 4 + 2) * 32 + columns * 4 + 2)[inside].all()
    np.testing.assert_allclose(found[:, 4:24, 4:24], image[:, 4:24, 4:24], atol=0.02)


@pytest.mark.parametrize("scale", [1, 2])
def test_components_are_handed_to_the_same_pixels_of_another_grid(scale):
    old, new = _Stage(8, 4, True, -1, 1), _Stage(16, 8, True, -1, 1)
    rows, columns = np.divmod(np.arange(49), 7)
    codes = (32 * 32 + rows * 4 * 32 + columns * 4).astype(np.int32)[
        :, None
    ]  # of view 1, each at its own place
    handed, shares = _carried(codes, np.ones((49, 1), np.float32), old, new, 32, scale)
    side = 32 * scale
    rows, columns = np.divmod(np.arange(len(handed)), (side - 16) // 8 + 1)
    np.testing.assert_array_equal(handed, (side * side + rows * 8 * side + columns * 8)[:, None].repeat(2, 1))
    np.testing.assert_array_equal(shares, np.array([[1, 0.3]], np.float32).repeat(len(handed), 0))


def test_components_come_from_the_nearest_position():
    old, new = _Stage(8, 4, True, -1, 1), _Stage(8, 4, True, -1, 1)
    codes = np.arange(49, dtype=np.int32)[:, None] * 1024  # a view for each position
    handed, _ = _carried(codes, np.ones((49, 1), np.float32), old, new, 32, 2)
    rows, columns = np.divmod(np.arange(225), 15)
    views = handed[:, 0] // 64**2
    centres = np.stack(np.divmod(views, 7), 1) * 8 + 8
    here = np.stack([rows, columns], 1) * 4 + 4
    assert np.abs(centres - here).max() <= 4


def test_halving_undoes_doubling_of_smooth_images_and_keeps_means():
    ramp = np.broadcast_to(np.linspace(0, 1, 32, dtype=np.float32), (1, 32, 32))
    np.testing.assert_allclose(halved(doubled(ramp))[:, 1:-1, 1:-1], ramp[:, 1:-1, 1:-1], atol=1e-6)
    image = np.random.default_rng(8).random((3, 64, 64), np.float32)
    assert [level.shape[-1] for level in pyramid(image, 16)] == [16, 32, 64]
    np.testing.assert_allclose(pyramid(image, 16)[0], image.reshape(3, 16, 4, 16, 4).mean((2, 4)), atol=1e-6)


def test_it_compiles_where_no_cache_can_be_written(monkeypatch):
    def njit(*, cache=False, **_):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr(kernel.numba, "njit", njit)
    assert kernel._compiled(abs) == ("compiled", abs)
