"""Images per second of ``gmm_dataset``, beside the bare matrix product of the same shape.

python -m benchmarks.tf_data [PHOTOS] [--quick]
"""

from benchmarks.common import Setting, best_seconds, run_alone
from benchmarks.models import model_of
from benchmarks.products import limits_of_decoding
from benchmarks.rows import Beside, Row
from benchmarks.sampling import shapes
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.tensorflow import gmm_dataset

N_IMAGES = 1024
OURS = "gmm_dataset"
NUMPY = "model.sample, numpy"


def consume(dataset) -> None:
    for _ in dataset:
        pass


def compare(model: PCAMixture, batch: int, n: int, note: str) -> Row:
    """Images of a dataset batched like one of this batch size."""
    whole = gmm_dataset(model, max(n, batch), like=gmm_dataset(model, batch).batch(batch))
    images = max(n, batch)
    tasks = {OURS: lambda: consume(whole), NUMPY: lambda: model.sample(batch, seed=0)}
    tasks |= limits_of_decoding(batch, model.basis.n_dimensions, model.image_size**2)
    found = best_seconds(tasks, rounds=3, budget=3.0)
    beside = tuple(Beside(name, batch / found[name]) for name in tasks if name != OURS)
    what = f"batches of {batch}, {model.basis.n_dimensions} dimensions, symmetry {model.basis.symmetry}"
    return Row(f"gmm_dataset, {what}", images / found[OURS], "images/s", beside, note)


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    batches, dimensions = shapes(setting)
    rows = []
    for symmetry in ("none", "flip"):
        for q in dimensions:
            model, made = model_of(photos, q, symmetry)
            note = f"10 diagonal components, {made}"
            rows += [compare(model, batch, N_IMAGES, note) for batch in batches]
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
