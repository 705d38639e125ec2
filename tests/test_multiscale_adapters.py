"""Multi-scale mixtures in Keras batches and in albumentations pipelines."""

import multiprocessing

import numpy as np
import pytest

pytest.importorskip("keras")
A = pytest.importorskip("albumentations")

from gmmaug_plugin import load_model  # noqa: E402
from gmmaug_plugin.albumentations import GMMSynthesize, GMMVary  # noqa: E402
from gmmaug_plugin.datasets import make_flowers  # noqa: E402
from gmmaug_plugin.keras import GMMSequence  # noqa: E402
from gmmaug_plugin.models.strengths import Strengths  # noqa: E402
from tests.multiscale_models import random_multiscale  # noqa: E402

SIZE = 32
TRANSFORMS = [GMMSynthesize, GMMVary]
# Keras forks from a program with threads, of which Python 3.12 and later warn.
multi_threaded_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def flowers():
    images, labels, _ = make_flowers(40, image_size=SIZE, n_classes=2)
    return images, labels


@pytest.fixture(scope="module", params=[0, 6], ids=["fresh", "templates"])
def path(request, tmp_path_factory):
    """Models in files, as the adapters take them."""
    path = tmp_path_factory.mktemp("models") / "multiscale.safetensors"
    random_multiscale(shared=False, templates=request.param, strengths=Strengths(1.0, 0.4)).save(path)
    return str(path)


def epoch(sequence):
    return [np.concatenate(part) for part in zip(*(sequence[i] for i in range(len(sequence))), strict=True)]


@pytest.mark.parametrize("layout", ["bytes", "floats", "colours"])
def test_keras_batches_have_varied_images_with_their_labels(path, flowers, layout):
    images, labels = flowers
    x = {
        "bytes": images,
        "floats": images[..., None].astype(np.float32) / 255,
        "colours": np.repeat(images[:, 2:, :, None], 3, axis=3),
    }[layout]
    sequence = GMMSequence(x, labels, model=path, ratio=0.3, batch_size=10, mode="vary", shuffle=False)
    varied, kept = epoch(sequence)
    assert varied.dtype == x.dtype
    assert varied.shape == x.shape
    np.testing.assert_array_equal(kept, labels)
    changed = (varied != x).any(axis=tuple(range(1, x.ndim)))
    assert changed.reshape(4, 10).sum(axis=1).tolist() == [3] * 4
    white = 1.0 if layout == "floats" else 255
    assert varied.min() >= 0
    assert varied.max() <= white
    assert np.abs(varied[changed].astype(float) - x[changed]).mean() > 0.01 * white


def test_keras_batches_have_synthetic_images_of_the_models_own_law(path, flowers):
    images, labels = flowers
    sequence = GMMSequence(images, labels, model=path, ratio=0.2, batch_size=10, shuffle=False, seed=5)
    mixed, numbers = sequence[0]
    np.testing.assert_array_equal(mixed[:8], images[:8])
    np.testing.assert_array_equal(numbers[:8], labels[:8])
    assert mixed[8:].std(axis=(1, 2)).min() > 5
    made = {(image.tobytes(), number) for image, number in zip(mixed[8:], numbers[8:], strict=True)}
    assert len(made) == 2
    sequence.on_epoch_end()
    assert not made & {(image.tobytes(), number) for image, number in zip(*sequence[0], strict=True)}


@multi_threaded_fork
@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_keras_batches_are_the_same_in_workers(path, flowers, mode):
    sequence = GMMSequence(*flowers, model=path, ratio=0.3, batch_size=10, mode=mode, seed=3)
    twin = GMMSequence(*flowers, model=path, ratio=0.3, batch_size=10, mode=mode, seed=3)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        elsewhere = pool.map(twin.__getitem__, reversed(range(len(twin))))
    for index, batch in enumerate(reversed(elsewhere)):
        for one, other in zip(sequence[index], batch, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((SIZE, SIZE), "uint8"), ((SIZE, SIZE, 1), "float32"), ((40, 25, 3), "uint8")],
)
def test_transforms_keep_label_and_layout_and_replay_exactly(path, transform, shape, dtype):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = pixels if dtype == "uint8" else (pixels / 255).astype(dtype)
    before = image.copy()
    pipeline = A.ReplayCompose([transform(path, p=1.0)])
    made = pipeline(image=image, label="b")
    assert made["label"] == "b"
    assert made["image"].shape == shape
    assert made["image"].dtype == image.dtype
    assert (made["image"] != image).mean() > 0.5
    assert made["image"].max() <= (255 if dtype == "uint8" else 1)
    np.testing.assert_array_equal(image, before)
    replayed = A.ReplayCompose.replay(made["replay"], image=image)
    np.testing.assert_array_equal(replayed["image"], made["image"])
    assert (pipeline(image=image, label="b")["image"] != made["image"]).any()


def test_a_synthetic_image_is_one_that_the_model_draws_of_its_class(path, flowers):
    recorded = A.Compose([GMMSynthesize(path, p=1.0)], seed=2, save_applied_params=True)
    made = recorded(image=flowers[0][0], label="a")
    ((_, params),) = made["applied_transforms"]
    seed, strength = [params["sample_seed"], 0], params["strength"]
    expected, numbers = load_model(path).sample(1, label="a", strength=strength, seed=seed)
    np.testing.assert_array_equal(made["image"], expected[0])
    assert numbers.tolist() == [0]


def test_strength_0_gives_the_image_back(path, flowers):
    image = flowers[0][0]
    same = A.Compose([GMMVary(path, strength=0.0, p=1.0)], seed=0)(image=image, label=0)["image"]
    np.testing.assert_array_equal(same, image)
