"""Images per second of ``model.vary``, beside the products that encoding and decoding take at least.

python -m benchmarks.variation [PHOTOS] [--quick]
"""

from collections.abc import Callable

import numpy as np

from benchmarks.common import WHOLE_IMAGES, Setting, best_seconds, run_alone
from benchmarks.models import multiscale_alone
from benchmarks.products import Task, float32_product, in_turn, multiscale_products, tensorflow_product
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit
from gmmaug_plugin.models import PCAMixture

STRENGTH = 0.5


def encoding_and_decoding(model: PCAMixture, n: int, product: Callable[[int, int, int], Task]) -> Task:
    """The two products of n images with a dense basis."""
    q, n_pixels = model.basis.n_dimensions, model.image_size**2
    return in_turn([product(n, n_pixels, q), product(n, q, n_pixels)])


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    pca, multiscale = fit(photos, **WHOLE_IMAGES), multiscale_alone(photos, **setting.few_components)
    rows = []
    for n in (16, 64) if setting.quick else (16, 64, 256):
        batch = np.resize(photos, (n, *photos.shape[1:]))
        tasks: dict[str, Task] = {
            "pca": lambda batch=batch: pca.vary(batch, strength=STRENGTH, seed=0),
            "multiscale": lambda batch=batch: multiscale.vary(batch, strength=STRENGTH, seed=0),
            "float32": encoding_and_decoding(pca, n, float32_product),
            "bfloat16": encoding_and_decoding(
                pca, n, lambda *shape: tensorflow_product(*shape, dtype="bfloat16")
            ),
            "quadratic": multiscale_products(multiscale, n),
        }
        speeds = {name: n / seconds for name, seconds in best_seconds(tasks, budget=8.0).items()}
        limits = (
            Beside("float32 products to encode and decode, dense", speeds["float32"]),
            Beside("bfloat16 products to encode and decode, dense", speeds["bfloat16"]),
        )
        what = f"vary {n}"
        q = pca.basis.n_dimensions
        rows.append(Row(f"PCA mixture, {what}, {q} dimensions", speeds["pca"], "images/s", limits))
        limits = (
            Beside("float32 products that weigh its components", speeds["quadratic"]),
            Beside("PCA mixture, vary", speeds["pca"]),
        )
        note = f"{multiscale.n_components} components in all"
        rows.append(Row(f"multi-scale mixture, {what}", speeds["multiscale"], "images/s", limits, note))
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
