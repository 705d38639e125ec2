"""Images per second of ``gmm_dataset``, beside the bare matrix product of the same shape.

python -m benchmarks.tf_data [PHOTOS] [--quick]
"""

from benchmarks.common import Setting, rate_row, run_alone
from benchmarks.models import model_of
from benchmarks.products import limits_of_decoding
from benchmarks.rows import Row
from benchmarks.sampling import shapes
from gmmaug_plugin.models import PCAMixture
from gmmaug_plugin.tensorflow import gmm_dataset

N_IMAGES = 1024
OURS = "gmm_dataset"


def consume(dataset) -> None:
    for _ in dataset:
        pass


def compare(model: PCAMixture, batch: int, note: str) -> Row:
    """Images of a dataset batched like one of this batch size."""
    whole = gmm_dataset(model, N_IMAGES, like=gmm_dataset(model, batch).batch(batch))
    tasks = {OURS: lambda: consume(whole), "model.sample, numpy": lambda: model.sample(batch, seed=0)}
    tasks |= limits_of_decoding(batch, model.basis.n_dimensions, model.image_size**2)
    what = f"batches of {batch}, {model.basis.n_dimensions} dimensions, symmetry {model.basis.symmetry}"
    return rate_row(f"gmm_dataset, {what}", tasks, {**dict.fromkeys(tasks, batch), OURS: N_IMAGES}, note)


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    batches, dimensions = shapes(setting)
    rows = []
    for symmetry in ("none", "flip"):
        for q in dimensions:
            model, made = model_of(photos, q, symmetry)
            note = f"10 diagonal components, {made}"
            rows += [compare(model, batch, note) for batch in batches]
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
