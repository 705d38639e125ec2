"""What nothing can be faster than on this machine: bare matrix products, in numpy and TensorFlow."""

from collections.abc import Callable, Sequence

import numpy as np

from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.multiscale.layout import steps_of
from gmmaug_plugin.models.quadratic import n_features

FLOAT32 = "float32 product alone"
BFLOAT16 = "bfloat16 product alone, TensorFlow"

Task = Callable[[], object]


def operands(n: int, k: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Random float32 matrices (n, k) and (k, m)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, k), np.float32), rng.standard_normal((k, m), np.float32)


def float32_product(n: int, k: int, m: int) -> Task:
    """A product of float32 matrices (n, k) x (k, m) in numpy, into memory used again and again."""
    a, b = operands(n, k, m)
    out = np.empty((n, m), np.float32)
    return lambda: np.matmul(a, b, out=out)


def tensorflow_product(n: int, k: int, m: int, dtype: str) -> Task:
    """The same in TensorFlow, in any of its dtypes."""
    import tensorflow as tf

    a, b = (tf.cast(matrix, dtype) for matrix in operands(n, k, m))
    return lambda: tf.matmul(a, b)


def limits_of_decoding(n: int, n_dimensions: int, n_pixels: int) -> dict[str, Task]:
    """Products that decoding n codes with a dense basis would be, by name."""
    shape = n, n_dimensions, n_pixels
    return {FLOAT32: float32_product(*shape), BFLOAT16: tensorflow_product(*shape, "bfloat16")}


def in_turn(tasks: Sequence[Task]) -> Task:
    """All tasks as one."""

    def run() -> None:
        for task in tasks:
            task()

    return run


def multiscale_products(model: MultiscaleMixture, n: int) -> Task:
    """The float32 products that weigh the components of all positions of n images, as encoding does."""
    steps = steps_of(model.image_size)
    mixtures = [mixture for level in model.levels for mixture in level]
    products = []
    for step, mixture in zip(steps, mixtures, strict=True):
        K, D = mixture.means.shape
        products.append(float32_product(K, n_features(D), n * step.count))
    return in_turn(products)
