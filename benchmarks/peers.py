"""Images per second of other libraries that draw from the same mixture, or make new samples of photos.

    python -m benchmarks.peers [PHOTOS] [--quick]

A peer that is not installed is named; ``pip install "gmmaug-plugin[bench]"`` brings those there are.
"""

import os
from collections.abc import Callable

import numpy as np

from benchmarks.common import Setting, best_seconds, run_alone
from benchmarks.models import dense_rows, model_of
from benchmarks.rows import NOT_INSTALLED, Beside, Row
from benchmarks.sampling import PEER, scikit_learn
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.models.engine import NumpyEngine

Draw = Callable[[int], object]
"""Draws n images."""

N_DIMENSIONS = 256
NEIGHBOURS = 5


def tensorflow_probability(model: PCAMixture, photos: np.ndarray) -> Draw:
    """``MixtureSameFamily`` of diagonal normals and the decoding product, in one graph."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    mixture = model.mixture
    deviations = np.sqrt(mixture.variances[mixture.groups])
    law = tfp.distributions.MixtureSameFamily(
        tfp.distributions.Categorical(probs=mixture.weights.astype(np.float32)),
        tfp.distributions.MultivariateNormalDiag(mixture.means, deviations),
    )
    rows, mean = tf.constant(dense_rows(model)), tf.constant(model.basis.mean.ravel())

    @tf.function
    def draw(n):
        images = law.sample(n) @ rows + mean
        return tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), tf.uint8)

    return lambda n: draw(tf.constant(n)).numpy()


def pomegranate(model: PCAMixture, photos: np.ndarray) -> Draw:
    """``GeneralMixtureModel`` of diagonal normals and the decoding product, in PyTorch."""
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    mixture = model.mixture
    normals = [
        Normal(mean.copy(), variances.copy(), covariance_type="diag")
        for mean, variances in zip(mixture.means, mixture.variances[mixture.groups], strict=True)
    ]
    law = GeneralMixtureModel(normals, priors=mixture.weights.astype(np.float32))
    rows, mean = torch.from_numpy(dense_rows(model)), torch.from_numpy(model.basis.mean.ravel().copy())
    return lambda n: (law.sample(n) @ rows + mean).round().clip(0, 255).to(torch.uint8).numpy()


def smote_on_codes(model: PCAMixture, photos: np.ndarray) -> Draw:
    """imbalanced-learn's SMOTE between the codes of photos, decoded."""
    codes = model.basis.encode(NumpyEngine(), photos.astype(np.float32) - model.basis.mean)
    rows, mean = dense_rows(model), model.basis.mean.ravel()
    oversample = _smote(codes.astype(np.float32))
    return lambda n: np.clip(np.rint(oversample(n) @ rows + mean), 0, 255).astype(np.uint8)


def smote_on_pixels(model: PCAMixture, photos: np.ndarray) -> Draw:
    """imbalanced-learn's SMOTE between photos themselves."""
    oversample = _smote(photos.reshape(len(photos), -1).astype(np.float32))
    return lambda n: np.clip(np.rint(oversample(n)), 0, 255).astype(np.uint8)


def _smote(samples: np.ndarray) -> Callable[[int], np.ndarray]:
    """Makes n samples; another class of one sample more stands by, since it balances classes only."""
    from imblearn.over_sampling import SMOTE

    other = np.zeros((1, samples.shape[1]), samples.dtype)
    x, y = np.concatenate([samples, other]), np.append(np.ones(len(samples), int), 0)

    def oversample(n: int) -> np.ndarray:
        wanted = {1: len(samples) + n}
        found, _ = SMOTE(sampling_strategy=wanted, k_neighbors=NEIGHBOURS, random_state=0).fit_resample(x, y)
        return found[len(x) :]

    return oversample


PEERS: dict[str, Callable[[PCAMixture, np.ndarray], Draw]] = {
    PEER: lambda model, photos: scikit_learn(model),
    "TensorFlow Probability, MixtureSameFamily": tensorflow_probability,
    "pomegranate, GeneralMixtureModel": pomegranate,
    "imbalanced-learn, SMOTE on codes": smote_on_codes,
    "imbalanced-learn, SMOTE on pixels": smote_on_pixels,
}


def prepare(
    peers: dict[str, Callable[[PCAMixture, np.ndarray], Draw]], model: PCAMixture, photos: np.ndarray
) -> tuple[dict[str, Draw], dict[str, str]]:
    """The peers that work here, and why the others do not."""
    ready, missing = {}, {}
    for name, make in peers.items():
        try:
            draw = make(model, photos)
            draw(2)
        except ModuleNotFoundError as error:
            missing[name] = f"{NOT_INSTALLED} ({error.name})"
        except Exception as error:  # What a peer raises is its own affair; the others are measured anyway.
            missing[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
        else:
            ready[name] = draw
    return ready, missing


def measure(setting: Setting) -> list[Row]:
    # TensorFlow Probability still speaks to Keras 2.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    photos = setting.photos()
    model, made = model_of(photos, 64 if setting.quick else N_DIMENSIONS, "flip")
    ready, missing = prepare(PEERS, model, photos)
    rows = []
    for n in (64,) if setting.quick else (64, 1024):
        tasks = {name: lambda n=n, draw=draw: draw(n) for name, draw in ready.items()}
        found = best_seconds({"ours": lambda n=n: model.sample(n, seed=0), **tasks}, budget=20.0)
        beside = tuple(
            Beside(name, n / found[name] if name in found else None, missing.get(name, "")) for name in PEERS
        )
        what = f"sample({n}), {model.basis.n_dimensions} dimensions"
        rows.append(Row(what, n / found["ours"], "images/s", beside, f"10 diagonal components, {made}"))
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
