"""Images per second: this package, scikit-learn, and the bare matrix product.

python -m benchmarks.sampling [PHOTOS] [--seed-recipe]
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from benchmarks.common import WHOLE_IMAGES, best_seconds, machine, parse_photos, read_photos, show
from gmmaug_plugin import fit
from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.tensorflow import gmm_dataset

N_IMAGES = 512
BATCH = 64
PRODUCT = "float32 matrix product alone"
PEER = "scikit-learn"
"""Its mixture's ``sample`` and its PCA's ``inverse_transform``."""


def bare_product(n_images: int, n_dimensions: int, n_pixels: int):
    """The float32 matrix product that decoding every code with a dense basis would be."""
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((n_images, n_dimensions), dtype=np.float32)
    basis = rng.standard_normal((n_dimensions, n_pixels), dtype=np.float32)
    return lambda: codes @ basis


def scikit_learn(model: PCAMixture, n_images: int):
    """The same mixture and basis in scikit-learn: sample, then inverse_transform."""
    mixture, q = model.mixture, model.basis.n_dimensions
    dense = model.mixture.factors.astype(np.float64)
    covariances = []
    for group in mixture.groups:
        begin, end = mixture.factor_offsets[group : group + 2]
        diagonal = np.diag(mixture.variances[group].astype(np.float64))
        covariances.append(dense[begin:end].T @ dense[begin:end] + diagonal)
    estimator = GaussianMixture(model.n_components, covariance_type="full", random_state=0)
    estimator.weights_, estimator.means_ = mixture.weights, mixture.means.astype(np.float64)
    estimator.covariances_ = np.stack(covariances)
    estimator.converged_ = True
    estimator.precisions_cholesky_ = estimator.covariances_
    pca = PCA(q)
    pca.components_ = model.basis.decode(NumpyEngine(), np.eye(q)).reshape(q, -1).astype(np.float64)
    pca.mean_ = model.basis.mean.ravel().astype(np.float64)
    pca.n_components_, pca.whiten = q, False

    def draw() -> np.ndarray:
        codes, _ = estimator.sample(n_images)
        return np.clip(np.rint(pca.inverse_transform(codes)), 0, 255).astype(np.uint8)

    return draw


def consume(dataset) -> None:
    for _ in dataset:
        pass


def measure(name: str, model: PCAMixture, photos: np.ndarray, *, adapters: bool) -> list[list[str]]:
    """Images per second of every way to draw from one model.

    Each is compared to the bare product, and to scikit-learn, of as many images per call.
    """
    q, n_pixels = model.basis.n_dimensions, model.image_size**2
    tasks = {}
    for n in (BATCH, N_IMAGES):
        tasks[n, PRODUCT] = bare_product(n, q, n_pixels)
        tasks[n, "model.sample"] = lambda n=n: model.sample(n, seed=0)
        tasks[n, PEER] = scikit_learn(model, n)
    if adapters:
        dataset = gmm_dataset(model, N_IMAGES)
        batched = gmm_dataset(model, N_IMAGES, like=dataset.take(BATCH).batch(BATCH))
        sequence = GMMSequence(photos[:N_IMAGES, ..., None], model=model, ratio=0.5, batch_size=2 * BATCH)
        tasks[N_IMAGES, "gmm_dataset(...).batch(64)"] = lambda: consume(dataset.batch(BATCH))
        tasks[N_IMAGES, "gmm_dataset(..., like=batched)"] = lambda: consume(batched)
        tasks[BATCH, "GMMSequence, half of 128"] = lambda: sequence[0]
    seconds = best_seconds(tasks)
    return [
        [
            name,
            str(n),
            way,
            f"{n / seconds[n, way]:,.0f}",
            f"{seconds[n, PRODUCT] / seconds[n, way]:.2f}",
            f"{seconds[n, PEER] / seconds[n, way]:,.1f}",
        ]
        for n, way in tasks
    ]


def main() -> None:
    arguments = parse_photos(__doc__, **{"seed-recipe": "also the notebook's 410 components (minutes)"})
    photos = read_photos(arguments.photos)
    models = {
        "diag": fit(photos, **WHOLE_IMAGES),
        "full, 10 components": fit(photos, covariance_type="full", n_components=10, **WHOLE_IMAGES),
    }
    if arguments.seed_recipe:
        models["seed recipe, 410"] = fit(photos, recipe="seed", n_components=410, **WHOLE_IMAGES)
    rows = []
    for name, model in models.items():
        rows += measure(name, model, photos, adapters=name == "diag")
    dimensions = models["diag"].basis.n_dimensions
    title = f"Images per second, {len(photos)} photos, {dimensions} dimensions ({machine()})"
    show(title, ["model", "call", "way", "images/s", "x product", "x scikit-learn"], rows)


if __name__ == "__main__":
    main()
