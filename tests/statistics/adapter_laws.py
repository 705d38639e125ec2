"""Laws of batches: whose labels synthetic images bear, where they stand, how strongly images are moved."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.stats import binomtest, kstest

from gmmaug_plugin.albumentations import GMMVary
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.mixing import split_batch
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.tensorflow import gmm_dataset, mix
from tests.factories import random_model
from tests.flat_model import FlatModel
from tests.statistics.alarms import PValues
from tests.statistics.p_values import of_counts, of_places

SIZE = 8
BATCH, RATIO = 16, 0.25
N_REAL, N_SYNTHETIC = split_batch(BATCH, RATIO)
N_BATCHES = 400
REAL, SYNTHETIC = 2.0, 1.0
"""Weights: an image that was given, and one that was made."""

P = 0.25
CALLS = 5000


@cache
def model() -> PCAMixture:
    """Of two classes, one of them twice as often as the other or so."""
    return random_model(image_size=SIZE)


def class_shares() -> np.ndarray:
    """Share of every class in the model."""
    return np.bincount(model().mixture.classes, model().mixture.weights)


def photos(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images of one grey level, labels and weights."""
    images = np.full((n, SIZE, SIZE), 100, np.uint8)
    return images, (np.arange(n) % 2).astype(np.int32), np.full(n, REAL, np.float32)


def of_batches(labels: np.ndarray, made: np.ndarray) -> PValues:
    """Of labels and places (n, BATCH) of synthetic images, which must be as many in every batch."""
    assert (made.sum(axis=1) == N_SYNTHETIC).all()
    return {
        "classes": of_counts(np.bincount(labels[made], minlength=2), class_shares()),
        "places": of_places(made.sum(axis=0), len(made), N_SYNTHETIC),
    }


def dataset(seed: int) -> PValues:
    """Classes of ``gmm_dataset``."""
    _, labels = next(gmm_dataset(model(), 6000, seed=seed).batch(6000).as_numpy_iterator())
    return {"classes": of_counts(np.bincount(labels, minlength=2), class_shares())}


def mixture(seed: int) -> PValues:
    """``mix``: the ratio in every batch, classes and places of what is synthetic."""
    real = tf.data.Dataset.from_tensor_slices(photos(N_BATCHES * N_REAL))
    batches = mix(real, model(), ratio=RATIO, batch_size=BATCH, seed=seed).as_numpy_iterator()
    labels, weights = zip(*((batch[1], batch[2]) for batch in batches), strict=True)
    return of_batches(np.stack(labels), np.stack(weights) == SYNTHETIC)


def sequence(seed: int) -> PValues:
    """``GMMSequence``: the same."""
    images, numbers, given = photos(N_BATCHES * N_REAL)
    batches = GMMSequence(
        images, numbers, sample_weight=given, model=model(), ratio=RATIO, batch_size=BATCH, seed=seed
    )
    labels, weights = zip(*(batches[i][1:] for i in range(len(batches))), strict=True)
    return of_batches(np.stack(labels), np.stack(weights) == SYNTHETIC)


def varied_places(seed: int) -> PValues:
    """Which images of a batch ``mix`` and ``GMMSequence`` vary: any, equally often."""
    images, labels, _ = photos(N_BATCHES * BATCH)
    real = tf.data.Dataset.from_tensor_slices((images, labels))
    options = {"ratio": RATIO, "batch_size": BATCH, "mode": "vary", "strength": 0.9, "seed": seed}
    found = {}
    for name, batches in {
        "mix": mix(real, model(), **options).as_numpy_iterator(),
        "GMMSequence": GMMSequence(images, labels, model=model(), **options),
    }.items():
        pixels = np.stack([batch[0] for batch, _ in zip(batches, range(N_BATCHES), strict=True)])
        changed = (pixels != 100).any(axis=(2, 3))
        assert (changed.sum(axis=1) == N_SYNTHETIC).all()
        found[name] = of_places(changed.sum(axis=0), N_BATCHES, N_SYNTHETIC)
    return found


LOW, HIGH = 0.2, 0.6


def strengths(seed: int) -> PValues:
    """Strengths of a range: uniform, by ``mix`` and by ``GMMSequence``."""
    # Its moves are towards black, by as much as their strength.
    black = _Still((0.0,), size=SIZE)
    white = np.full((2000, SIZE, SIZE, 1), 200, np.float32)
    real = tf.data.Dataset.from_tensor_slices(white)
    options = {"ratio": 1.0, "mode": "vary", "strength": (LOW, HIGH), "batch_size": 100, "seed": seed}
    found = {}
    for name, batches in {
        "mix": list(mix(real, black, **options).as_numpy_iterator()),
        "GMMSequence": list(GMMSequence(white, model=black, **options)),
    }.items():
        moved = 1 - np.concatenate(list(batches))[:, 0, 0, 0] / 200
        found[name] = float(kstest((moved - LOW) / (HIGH - LOW), "uniform").pvalue)
    return found


class _Still(FlatModel):
    """The same without noise: what is moved shows by how much."""

    def _draw(self, engine, rows, uniform, normal):
        level, classes = super()._draw(engine, rows, uniform, normal)
        return 0.0 * level, classes


@cache
def model_file() -> tuple[tempfile.TemporaryDirectory, Path]:
    """A file of the model, as long as it is held."""
    folder = tempfile.TemporaryDirectory(prefix="gmmaug-laws-")
    path = Path(folder.name) / "model.safetensors"
    model().save(path)
    return folder, path


def transforms(seed: int, p: float = P) -> PValues:
    """How often a transform of probability ``p`` is applied, against P; and strengths of a range."""
    image = np.full((SIZE, SIZE), 100, np.uint8)
    vary = GMMVary(model_file()[1], strength=(LOW, HIGH), p=p)
    vary.set_random_seed(seed)
    applied = sum((vary(image=image, label=1)["image"] != 100).any() for _ in range(CALLS))
    drawn = [vary.get_params_dependent_on_data({}, {"label": 1})["strength"] for _ in range(4000)]
    return {
        "applied": float(binomtest(int(applied), CALLS, P).pvalue),
        "strengths": float(kstest((np.array(drawn) - LOW) / (HIGH - LOW), "uniform").pvalue),
    }


LAWS = {
    "classes of gmm_dataset": dataset,
    "classes and places of mix": mixture,
    "classes and places of GMMSequence": sequence,
    "places that are varied": varied_places,
    "strengths of a range": strengths,
    "how often a transform is applied": transforms,
}
