import numpy as np
import pytest

from gmmaug_plugin.mixtures import kernel

NO_CODES = np.zeros((0, 0), np.int32)


def anneal(
    image,
    views,
    sigmas,
    *,
    size,
    stride,
    search,
    kept=NO_CODES,
    centred=False,
    keep=None,
    bandwidth=0.0,
    gain=1.0,
):
    """One call of the kernel on a copy, with a window that differs at each pixel: image, codes, weights."""
    image, side = image.copy(), image.shape[1]
    if keep is None:
        keep = len(views) * (2 * search + 1) ** 2
    window = np.linspace(0.5, 2, size * size, dtype=np.float32).reshape(size, size)
    cover = np.zeros((side, side), np.float32)
    for y in range(0, side - size + 1, stride):
        for x in range(0, side - size + 1, stride):
            cover[y : y + size, x : x + size] += window
    levels = np.array(sigmas, np.float32)
    codes, weights = kernel.anneal(
        *(image, views, kept, window, cover, stride, search, centred, keep, levels, bandwidth, gain)
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
    window = np.linspace(0.5, 2, size * size).reshape(size, size)
    total, cover = np.zeros(image.shape), np.zeros(image.shape)
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
            cover[:, y : y + size, x : x + size] += window
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
    views = 0.15 * rng.random((4, channels, 16, 16), np.float32)  # alike, so that weights differ little
    image = (views[0] + 0.3 * rng.standard_normal(views[0].shape)).astype(np.float32)
    expected = posterior_mean(image, views, 0.4, size=size, stride=stride, radius=radius, **dials)

    clean, codes, weights = anneal(image, views, [0.4, 0], size=size, stride=stride, search=radius, **dials)
    np.testing.assert_allclose(clean, expected, atol=2e-5)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    assert weights.max() < 0.99
    assert all(len(np.unique(row[row >= 0])) == (row >= 0).sum() for row in codes)

    half, _, _ = anneal(image, views, [0.4, 0.2], size=size, stride=stride, search=radius, **dials)
    np.testing.assert_allclose(half, expected + (image - expected) / 2, atol=2e-5)


def test_means_are_not_scaled_at_noise_above_one_half():
    rng = np.random.default_rng(3)
    views, image = rng.random((2, 1, 16, 16), np.float32), rng.random((1, 16, 16), np.float32)
    dials = {"sigmas": [0.6, 0], "size": 8, "stride": 2, "search": 1}
    plain, scaled = anneal(image, views, **dials)[0], anneal(image, views, gain=2.0, **dials)[0]
    np.testing.assert_array_equal(scaled, plain)


def test_the_nearest_components_are_kept_in_order():
    rng = np.random.default_rng(4)
    views = rng.random((5, 1, 16, 16), np.float32)
    image = rng.random((1, 16, 16), np.float32)
    _, codes, _ = anneal(image, views, [0.5, 0], size=16, stride=1, search=0, keep=3)
    distances = ((views - image) ** 2).sum((1, 2, 3))
    assert codes.tolist() == [(distances.argsort()[:3] * 256).tolist()]


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


def test_it_compiles_where_no_cache_can_be_written(monkeypatch):
    def njit(*, cache=False, **_):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr(kernel.numba, "njit", njit)
    assert kernel._compiled(abs) == ("compiled", abs)
