"""The file: size, time to load, and what its int8 basis costs, beside a pickled scikit-learn.

python -m benchmarks.artifact [PHOTOS]
"""

import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from benchmarks.common import WHOLE_IMAGES, best_seconds, machine, parse_photos, read_photos, show
from gmmaug_plugin import fit, load_model
from gmmaug_plugin.fitting.pca import fit_pca
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, unfold

ENGINE = NumpyEngine()


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


def main() -> None:
    photos = read_photos(parse_photos(__doc__).photos)
    folder = Path(tempfile.mkdtemp())
    model = fit(photos, **WHOLE_IMAGES)
    model.save(folder / "model.safetensors")

    pca = PCA(0.99)
    codes = pca.fit_transform(photos.reshape(len(photos), -1).astype(np.float64))
    mixture = GaussianMixture(10, covariance_type="full", reg_covar=1.0, random_state=0).fit(codes)
    joblib.dump((pca, mixture), folder / "model.joblib", compress=3)

    def load_ours() -> None:
        load_model(folder / "model.safetensors").sample(1, seed=0)

    def load_peer() -> None:
        loaded_pca, loaded_mixture = joblib.load(folder / "model.joblib")
        loaded_pca.inverse_transform(loaded_mixture.sample(1)[0])

    tasks = {
        "load": lambda: load_model(folder / "model.safetensors"),
        "ours": load_ours,
        "peer": load_peer,
    }
    seconds = best_seconds(tasks, rounds=3)
    sizes = [(folder / name).stat().st_size / 1e6 for name in ("model.safetensors", "model.joblib")]
    rows = [
        ["gmmaug .safetensors", f"{sizes[0]:.1f}", f"{seconds['load']:.3f}", f"{seconds['ours']:.3f}"],
        ["scikit-learn PCA + 10 full, joblib", f"{sizes[1]:.1f}", "", f"{seconds['peer']:.3f}"],
        ["ratio", f"{sizes[1] / sizes[0]:.0f}", "", f"{seconds['peer'] / seconds['ours']:.0f}"],
    ]
    show(
        f"One file, {len(photos)} photos ({machine()})",
        ["file", "MB", "load s", "load and first image s"],
        rows,
    )
    print(f"int8 basis against float32: {psnr_of_quantisation(photos):.1f} dB")


if __name__ == "__main__":
    main()
