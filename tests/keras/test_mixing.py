"""How many images of a batch are synthetic or varied, and where they stand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")

from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.mixing import split_batch, synthetic_beside  # noqa: E402
from tests.keras.setting import Batches  # noqa: E402


def numbered(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images that differ, and sample weights that tell which image is which: image i weighs i + 2."""
    x = np.random.default_rng(1).integers(0, 256, (n, 6, 5), np.uint8)
    return x, np.arange(n) % 3, np.arange(n, dtype=np.float32) + 2


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    ratio=st.floats(0, 0.95),
    shuffle=st.booleans(),
)
def test_every_batch_has_the_ratio_and_every_image_is_used_once(model, n, batch_size, ratio, shuffle):
    assume(round(ratio * batch_size) < batch_size)
    x, y, weight = numbered(n)
    batches = GMMSequence(
        x, y, sample_weight=weight, model=model, ratio=ratio, batch_size=batch_size, shuffle=shuffle
    )
    n_real, n_synthetic = split_batch(batch_size, ratio)
    assert len(batches) == batches.num_batches == -(-n // n_real)
    used: list[int] = []
    for index, (images, labels, weights) in enumerate(batches):
        real = weights > 1
        here = (weights[real] - 2).astype(int)
        left = n - index * n_real
        expected = (n_real, n_synthetic) if left >= n_real else (left, synthetic_beside(left, ratio))
        assert (real.sum(), (~real).sum()) == expected
        np.testing.assert_array_equal(weights[~real], 1)
        np.testing.assert_array_equal(images[real], x[here])
        np.testing.assert_array_equal(labels[real], y[here])
        assert shuffle or real[: len(here)].all()
        used.extend(here)
    assert sorted(used) == list(range(n))
    assert shuffle or used == sorted(used)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 20), ratio=st.floats(0, 1))
def test_varying_moves_the_ratio_of_every_batch(model, n, batch_size, ratio):
    x, y, weight = numbered(n)
    before = x.copy()
    batches = GMMSequence(
        x, y, sample_weight=weight, model=model, ratio=ratio, batch_size=batch_size, mode="vary"
    )
    used: list[int] = []
    for index, (images, labels, weights) in enumerate(batches):
        here = (weights - 2).astype(int)
        assert len(here) == min(batch_size, n - index * batch_size)
        moved = (images != x[here]).any(axis=(1, 2))
        assert moved.sum() == round(ratio * len(here))
        np.testing.assert_array_equal(labels, y[here])
        used.extend(here)
    assert sorted(used) == list(range(n))
    np.testing.assert_array_equal(x, before)


def test_synthetic_and_varied_images_stand_anywhere_in_a_batch(model, flowers):
    x, y = flowers
    weight = np.full(len(x), 2.0)
    batches = GMMSequence(x, y, sample_weight=weight, model=model, ratio=0.5, batch_size=8)
    assert len({tuple(weights) for _, _, weights in batches}) > 5
    varied = GMMSequence(x, model=model, ratio=0.5, batch_size=8, mode="vary", shuffle=False)
    places = {tuple((images != x[8 * i : 8 * i + 8]).any(axis=(1, 2))) for i, images in enumerate(varied)}
    assert len(places) > 4


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_nothing_is_added_at_ratio_0(model, flowers, mode):
    x, y = flowers
    batches = GMMSequence(x, y, model=model, ratio=0, batch_size=25, shuffle=False, mode=mode)
    assert [len(labels) for _, labels in batches] == [25, 25, 10]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), x)
    inner = Batches((x[:7], y[:7]))
    images, labels = GMMSequence(inner, model=model, ratio=0, mode=mode)[0]
    np.testing.assert_array_equal(images, x[:7])
    np.testing.assert_array_equal(labels, y[:7])
