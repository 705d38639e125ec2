"""Fits: both kinds of model beside scikit-learn as a notebook uses it.

python -m benchmarks.fitting [PHOTOS] [--quick]
"""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.common import AS_IT_IS, WHOLE_IMAGES, Setting, run_alone, timed
from benchmarks.copies import SEED_SHARE
from benchmarks.models import multiscale_alone
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit


def fit_in_scikit_learn(photos: np.ndarray, n_components: int) -> tuple[PCA, GaussianMixture]:
    """PCA to 99% of the variance, whitened, and a mixture of full covariances, as a notebook does it."""
    pca = PCA(0.99, whiten=True)
    codes = pca.fit_transform(photos.reshape(len(photos), -1).astype(np.float64))
    estimator = GaussianMixture(n_components, covariance_type="full", random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pca, estimator.fit(codes)


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    beside = []
    for k in (10, round(SEED_SHARE * len(photos))):
        seconds = timed(lambda k=k: fit_in_scikit_learn(photos, k))[1]
        beside.append(
            Beside(f"scikit-learn, PCA(0.99) and {k} full covariances", seconds, "one fit, no search")
        )
    rows = []
    fits = {'fit(model="pca")': WHOLE_IMAGES, "fit()": AS_IT_IS}
    if not setting.quick:
        fits |= {f"{what}, 15% held back": {**options, "holdout": 0.15} for what, options in fits.items()}
    for what, options in fits.items():
        model, seconds = timed(lambda options=options: fit(photos, **options, **setting.few_components))
        found = "as given" if setting.few_components else "searched"
        note = f"{model.n_components} components, {found}"
        if options["holdout"]:
            note += "; fitted, measured, fitted again on all"
        rows.append(Row(f"{what}, {len(photos)} photos", seconds, "s", tuple(beside), note))
    n_components = setting.few_components.get("n_components", "auto")
    alone, seconds = timed(lambda: multiscale_alone(photos, n_components))
    note = (
        f"{alone.n_components} components; neither copies nor strength of variation measured, as fit() does"
    )
    rows.append(Row(f"multi-scale mixture alone, {len(photos)} photos", seconds, "s", tuple(beside), note))
    return rows


if __name__ == "__main__":
    run_alone(measure, __doc__)
