"""Images per second of ``model.sample``, beside the bare matrix product of the same shape and scikit-learn.

python -m benchmarks.sampling [PHOTOS] [--quick]
"""

import numpy as np

from benchmarks.common import WHOLE_IMAGES, Setting, rate_row, run_alone
from benchmarks.models import in_scikit_learn, model_of
from benchmarks.products import limits_of_decoding
from benchmarks.rows import Row
from gmmaug_plugin import fit
from gmmaug_plugin.models import PCAMixture

BATCHES = (16, 64, 256, 1024)
DIMENSIONS = (64, 256, 512, 1024)
PEER = "scikit-learn, sample and inverse_transform"


def shapes(setting: Setting) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Batches and numbers of dimensions to measure."""
    return ((64, 256), (64,)) if setting.quick else (BATCHES, DIMENSIONS)


def scikit_learn(model: PCAMixture):
    """Draws n images with scikit-learn, as the same mixture and basis."""
    pca, estimator = in_scikit_learn(model)

    def draw(n: int) -> np.ndarray:
        codes, _ = estimator.sample(n)
        return np.clip(np.rint(pca.inverse_transform(codes)), 0, 255).astype(np.uint8)

    return draw


def compare(what: str, model: PCAMixture, batches: tuple[int, ...], note: str) -> list[Row]:
    """A row for each number of images a call."""
    q, n_pixels = model.basis.n_dimensions, model.image_size**2
    peer = scikit_learn(model)
    rows = []
    for n in batches:
        tasks = {"model.sample": lambda n=n: model.sample(n, seed=0), PEER: lambda n=n: peer(n)}
        tasks |= limits_of_decoding(n, q, n_pixels)
        rows.append(rate_row(f"sample({n}), {what}", tasks, n, note))
    return rows


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    batches, dimensions = shapes(setting)
    rows = []
    for symmetry in ("none", "flip"):
        for q in dimensions:
            model, made = model_of(photos, q, symmetry)
            what = f"{model.basis.n_dimensions} dimensions, symmetry {symmetry}"
            rows += compare(what, model, batches, f"10 diagonal components, {made}")
    full = fit(photos, covariance_type="full", n_components=10, **WHOLE_IMAGES)
    what = f"{full.basis.n_dimensions} dimensions, symmetry flip"
    return rows + compare(what, full, batches[1::2], "10 full covariances, fitted")


if __name__ == "__main__":
    run_alone(measure, __doc__)
