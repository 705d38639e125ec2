"""What the machine can do at most: matrix products, copies, conversions to and from bytes.

python -m benchmarks.limits [PHOTOS] [--quick]
"""

import numpy as np

from benchmarks.common import Setting, best_seconds, run_alone
from benchmarks.products import float32_product, tensorflow_product
from benchmarks.rows import Beside, Row
from gmmaug_plugin.models.engine import NumpyEngine

ENGINE = NumpyEngine()


def measure(setting: Setting) -> list[Row]:
    return [*products(setting), *bandwidths(setting)]


def products(setting: Setting) -> list[Row]:
    """Speed of products: a square one, and those that decoding a batch is."""
    n_pixels = setting.photos()[0].size
    side = 512 if setting.quick else 2048
    shapes = {"square": (side, side, side)}
    for n, q in ((64, 256),) if setting.quick else ((64, 256), (1024, 256), (64, 1024), (1024, 1024)):
        shapes[f"{n} codes of {q}"] = (n, q, n_pixels)
    rows, fastest = [], None
    for name, shape in shapes.items():
        found = best_seconds(
            {
                "numpy": float32_product(*shape),
                "float32": tensorflow_product(*shape, "float32"),
                "bfloat16": tensorflow_product(*shape, "bfloat16"),
            },
            rounds=10,
            budget=5.0,
        )
        speeds = {way: 2e-9 * np.prod(shape) / seconds for way, seconds in found.items()}
        fastest = fastest or speeds["numpy"]
        what = f"({shape[0]} x {shape[1]}) x ({shape[1]} x {shape[2]}), {name}"
        beside = (
            Beside("TensorFlow, float32", speeds["float32"]),
            Beside("TensorFlow, bfloat16", speeds["bfloat16"]),
            Beside("the square product", fastest),
        )
        rows.append(Row(f"float32 product {what}", speeds["numpy"], "GFLOP/s", beside))
    return rows


def bandwidths(setting: Setting) -> list[Row]:
    """Bytes read and written a second, in the caller's thread, of arrays beyond the caches."""
    values = np.random.default_rng(0).uniform(0, 255, (64 if setting.quick else 1024, 256, 256))
    values = values.astype(np.float32)
    copy, levels = np.empty_like(values), values.astype(np.uint8)
    mean = np.zeros(values.shape[1:], np.float32)
    tasks = {
        "fill": lambda: copy.fill(0.0),
        "copy": lambda: np.copyto(copy, values),
        "to": lambda: ENGINE.to_uint8(values, mean),
        "from": lambda: np.copyto(copy, levels, casting="unsafe"),
    }
    moved = {
        "fill": values.nbytes,
        "copy": 2 * values.nbytes,
        "to": values.nbytes + levels.nbytes,
        "from": values.nbytes + levels.nbytes,
    }
    found = best_seconds(tasks, rounds=10, budget=10.0)
    speeds = {name: 1e-9 * moved[name] / seconds for name, seconds in found.items()}
    copying = Beside("copying float32", speeds["copy"])
    return [
        Row("copying float32", speeds["copy"], "GB/s", (Beside("filling float32", speeds["fill"]),)),
        Row("float32 to uint8, with mean, rounding, clipping", speeds["to"], "GB/s", (copying,)),
        Row("uint8 to float32", speeds["from"], "GB/s", (copying,)),
    ]


if __name__ == "__main__":
    run_alone(measure, __doc__)
