"""The file: size and time to load, beside a pickled scikit-learn; and what its int8 basis costs.

python -m benchmarks.artifact [PHOTOS] [--quick]
"""

import tempfile
from pathlib import Path

import joblib
import numpy as np

from benchmarks.common import WHOLE_IMAGES, Setting, best_seconds, run_alone
from benchmarks.fitting import fit_in_scikit_learn
from benchmarks.models import N_COMPONENTS, multiscale_alone
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit, load_model
from gmmaug_plugin.fitting.pca import fit_pca
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, unfold

ENGINE = NumpyEngine()
PEER = "scikit-learn PCA and 10 full covariances, joblib"


def psnr_of_quantisation(photos: np.ndarray, *, symmetry: str = "flip", variance: float = 0.99) -> float:
    """Photos' codes decoded by the int8 basis against the float32 one, in decibels (peak 255)."""
    components = fit_pca(photos, symmetry=symmetry).keep(variance)
    basis = components.basis(whiten=False)
    codes = basis.encode(ENGINE, photos.astype(np.float32) - basis.mean)
    parts, begin = [], 0
    for copies, rows in zip(PART_COPIES[symmetry], components.rows, strict=True):
        end = begin + copies * len(rows)
        amounts = codes[:, begin:end].astype(np.float32).reshape(-1, len(rows))
        parts.append((amounts @ rows.reshape(len(rows), -1)).reshape(-1, copies, *rows.shape[1:]))
        begin = end
    error = basis.decode(ENGINE, codes) - unfold(ENGINE, parts, symmetry)
    return float(10 * np.log10(255**2 / np.mean(error.astype(np.float64) ** 2)))


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    with tempfile.TemporaryDirectory(prefix="artifact-") as folder:
        return compare_files(photos, Path(folder), setting.few_components)


def compare_files(photos: np.ndarray, folder: Path, few: dict[str, int]) -> list[Row]:
    """Sizes and times to load of the files of both kinds of model, and of the peer's."""
    paths = {"peer": folder / "model.joblib"}
    joblib.dump(fit_in_scikit_learn(photos, min(N_COMPONENTS, len(photos))), paths["peer"], compress=3)
    models = {
        "PCA mixture": fit(photos, **WHOLE_IMAGES, **few),
        "multi-scale mixture": multiscale_alone(photos, **few),
    }
    for kind, model in models.items():
        paths[kind] = folder / f"{kind}.safetensors"
        model.save(paths[kind])

    def load_peer() -> None:
        pca, mixture = joblib.load(paths["peer"])
        pca.inverse_transform(mixture.sample(1)[0])

    tasks = {("peer", "load"): lambda: joblib.load(paths["peer"]), ("peer", "image"): load_peer}
    for kind in list(paths)[1:]:
        tasks[kind, "read"] = lambda path=paths[kind]: path.read_bytes()
        tasks[kind, "load"] = lambda path=paths[kind]: load_model(path)
        tasks[kind, "image"] = lambda path=paths[kind]: load_model(path).sample(1, seed=0)
    ms = {task: 1e3 * seconds for task, seconds in best_seconds(tasks, budget=10.0).items()}
    rows = []
    for kind in list(paths)[1:]:
        peer_size, size = (paths[one].stat().st_size / 1e6 for one in ("peer", kind))
        rows.append(Row(f"{kind}, file", size, "MB", (Beside(PEER, peer_size),)))
        reading = Beside("reading its bytes", ms[kind, "read"])
        rows.append(Row(f"{kind}, load", ms[kind, "load"], "ms", (Beside(PEER, ms["peer", "load"]), reading)))
        beside = (Beside(PEER, ms["peer", "image"]),)
        rows.append(Row(f"{kind}, load and first image", ms[kind, "image"], "ms", beside))
    rounding = 10 * np.log10(255**2 * 12)
    beside = (Beside("rounding to bytes", float(rounding)),)
    rows.append(Row("int8 basis against float32", psnr_of_quantisation(photos), "dB", beside))
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
