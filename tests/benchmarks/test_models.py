"""What benchmarks compare is the same job: the peers' mixtures, and the engine on a device that is chosen."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.gpu import PlacedEngine
from benchmarks.models import dense_rows, in_scikit_learn, random_model
from benchmarks.peers import prepare
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import Symmetry

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("symmetry", ["none", "flip"])
def test_scikit_learn_decodes_codes_to_the_same_images(symmetry: Symmetry) -> None:
    model = random_model(8, symmetry, 16)
    pca, mixture = in_scikit_learn(model)
    codes = mixture.sample(5)[0]
    ours = model.basis.decode(NumpyEngine(), codes) + model.basis.mean
    np.testing.assert_allclose(pca.inverse_transform(codes), ours.reshape(5, -1), atol=0.5)
    assert dense_rows(model).shape == (8, 256)


def test_random_models_make_images_of_many_greys() -> None:
    images = random_model(64, "flip", 32).sample(20, seed=0)[0]
    assert 10 < images.std() < 100
    assert ((images == 0) | (images == 255)).mean() < 0.2


def test_the_engine_on_a_device_makes_the_same_images() -> None:
    model = random_model(8, "flip", 16)
    rng = np.random.default_rng(0)
    noise = rng.random((4, model.uniform_width)), rng.standard_normal((4, model.noise_width), np.float32)
    rows, strength = np.full(4, model.n_classes, np.int32), np.ones(4)
    ours = model.synthesize(NumpyEngine(), rows, strength, *noise)[0]
    placed = model.synthesize(PlacedEngine("CPU:0"), *map(tf.constant, (rows, strength, *noise)))[0]
    assert np.abs(placed.numpy().astype(int) - ours).max() <= 1


def test_without_a_gpu_it_is_said_and_nothing_fails() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--device", "TPU:0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("TensorFlow sees no TPU here: nothing was measured.")


def test_peers_that_are_missing_or_broken_are_named_and_the_others_are_ready() -> None:
    def missing(model: PCAMixture, photos: np.ndarray):
        import no_such_library

        return no_such_library.draw

    def broken(model: PCAMixture, photos: np.ndarray):
        raise AttributeError("gone since version 3\nand more")

    peers = {"good": lambda model, photos: model.sample, "missing": missing, "broken": broken}
    model = random_model(8, "none", 16)
    ready, why = prepare(peers, model, np.zeros((2, 16, 16), np.uint8))
    assert list(ready) == ["good"]
    assert why == {
        "missing": "not installed (no_such_library)",
        "broken": "AttributeError: gone since version 3",
    }
