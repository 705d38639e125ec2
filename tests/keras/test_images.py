"""Images of batches come in the layout given; what cannot be mixed with is refused."""

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from gmmaug_plugin.artifact import ArtifactError  # noqa: E402
from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from tests.keras.setting import Batches, same  # noqa: E402

ALL_LAYOUTS = [
    (dtype, white, channels)
    for channels in (None, 1, 3)
    for dtype, white in (("uint8", 255), ("float32", 1), ("float32", 255), ("float64", 1), ("float16", 1))
]


@pytest.mark.parametrize(("dtype", "white", "channels"), ALL_LAYOUTS)
@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_images_come_in_the_layout_given(model, flowers, dtype, white, channels, mode):
    def batch(images: np.ndarray) -> np.ndarray:
        before = images.copy()
        images.setflags(write=False)
        batches = GMMSequence(images, flowers[1], model=model, ratio=0.5, batch_size=16, mode=mode)
        made = batches[1][0]
        assert made.dtype == images.dtype
        assert made.shape == (16, *images.shape[1:])
        np.testing.assert_array_equal(images, before)
        return made

    grey = flowers[0][:, 3:27]
    alike = grey if dtype == "uint8" else (grey * (white / 255)).astype(dtype)
    if channels is not None:
        alike = np.repeat(alike[..., None], channels, axis=-1)
    levels = batch(alike).astype(float) * (255 / white)
    levels = levels if channels is None else levels.mean(axis=-1)
    np.testing.assert_allclose(levels, batch(grey.copy()), atol=1.01)


def test_the_range_of_floats_is_told_by_all_of_them_or_said(model, flowers):
    x, y = flowers
    dark = x.astype(np.float32)
    dark[:-1] /= 255
    batches = GMMSequence(dark, y, model=model, ratio=0.5, batch_size=16)
    assert all(images.max() > 100 for images, _ in batches)
    inner = Batches((dark[:8], y[:8]), (dark[8:16], y[8:16]))
    assert GMMSequence(inner, model=model, ratio=0.5)[1][0].max() <= 1
    assert GMMSequence(inner, model=model, ratio=0.5, value_range=255.0)[1][0].max() > 100


def test_strength_may_be_a_range(model, flowers):
    x, y = flowers

    def distances(strength: Any) -> np.ndarray:
        batches = GMMSequence(
            x, y, model=model, ratio=1.0, batch_size=60, mode="vary", strength=strength, shuffle=False
        )
        return np.abs(batches[0][0].astype(float) - x).mean(axis=(1, 2))

    weak, strong, between = distances(0.05), distances((0.95, 1.0)), distances((0.05, 1.0))
    assert weak.mean() < between.mean() < strong.mean()
    assert between.std() > max(weak.std(), strong.std())


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (np.zeros((8, 8), np.uint8), ValueError),
        (np.zeros((5, 8, 8, 2), np.uint8), ValueError),
        (np.zeros((0, 8, 8, 3), np.uint8), ValueError),
        (np.zeros((5, 8, 8), np.int32), TypeError),
        (np.full((5, 8, 8), np.nan), ValueError),
        (np.full((5, 8, 8), -1.0), ValueError),
        (np.full((5, 8, 8), 1.3), ValueError),
        (None, ValueError),
    ],
)
def test_images_that_cannot_be_mixed_with_are_refused(model, images, error):
    with pytest.raises(error, match="Received:"):
        GMMSequence(images, model=model, ratio=0.2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ratio": 1.0}, ValueError),
        ({"ratio": -0.1}, ValueError),
        ({"ratio": 1.1, "mode": "vary"}, ValueError),
        ({"ratio": float("nan"), "mode": "vary"}, ValueError),
        ({"ratio": 0.9, "batch_size": 4}, ValueError),
        ({"batch_size": 0}, ValueError),
        ({"mode": "mix"}, ValueError),
        ({"strength": 1.2}, ValueError),
        ({"strength": (0.5, 0.2)}, ValueError),
        ({"strength": (0.1, 0.2, 0.3)}, ValueError),
        ({"seed": -1}, ValueError),
        ({"seed": 0.5}, ValueError),
        ({"value_range": 100.0}, ValueError),
        ({"sample_weight": np.ones(59)}, ValueError),
        ({"y": np.zeros(59, int)}, ValueError),
        ({"y": None, "sample_weight": np.ones(60)}, ValueError),
    ],
)
def test_options_out_of_range_are_refused(model, flowers, options, error):
    x, y = flowers
    with pytest.raises(error, match="Received:"):
        GMMSequence(x, **{"y": y, "model": model, "ratio": 0.25, **options})


def test_the_model_may_be_a_path(model, flowers, tmp_path):
    model.save(tmp_path / "model.safetensors")
    x, y = flowers
    ours = GMMSequence(x, y, model=model, ratio=0.25)[0]
    same(ours, GMMSequence(x, y, model=str(tmp_path / "model.safetensors"), ratio=0.25)[0])
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(ArtifactError):
        GMMSequence(x, y, model=tmp_path / "model.safetensors", ratio=0.25)
