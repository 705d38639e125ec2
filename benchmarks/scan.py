"""The PCA mixture and scikit-learn: the notebook's whole scan, the default fit, and drawing.

    python -m benchmarks.scan [PHOTOS] [--quick] [--json FILE]

Seconds of processor time, everything in one thread. scikit-learn fits some of the notebook's numbers of
components; its time for the others is interpolated, and taken as constant beyond the last.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from benchmarks.common import Images, Row, photos_of, row_parser, show_rows
from gmmaug_plugin.mixtures.options import PCAOptions
from gmmaug_plugin.mixtures.pca import PCAMixture

N_DRAWS = 50
SAME = 1e-6
"""Largest relative difference of the criterion from scikit-learn's."""


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a call and its seconds of processor time."""
    began = time.process_time()
    return call(), time.process_time() - began


def scan_row(photos: Images, flat: Any) -> Row:
    """The notebook's scan.

    Raises:
        RuntimeError: A criterion is not scikit-learn's.
    """
    notebook, ours = timed(lambda: PCAMixture.fit(photos, PCAOptions(recipe="seed")))
    aic = {one["n_components"]: one["aic"] for one in notebook.choice["curve"]}
    numbers = list(aic)
    codes, first = timed(lambda: PCA(0.99, whiten=True).fit_transform(flat))
    spent = {}
    for k in dict.fromkeys([numbers[0], numbers[len(numbers) // 3], numbers[2 * len(numbers) // 3]]):
        estimator = GaussianMixture(k, covariance_type="full", random_state=0)
        value, spent[k] = timed(lambda one=estimator: one.fit(codes).aic(codes))
        if abs(value - aic[k]) > SAME * abs(value):
            raise RuntimeError(f"AIC of {k} components: {aic[k]}, where scikit-learn has {value}")
    theirs = first + float(np.interp(numbers, list(spent), list(spent.values())).sum())
    return Row(f"notebook's scan, {len(numbers)} fits", ours, "s", "scikit-learn, interpolated", theirs)


def default_rows(photos: Images, flat: Any) -> list[Row]:
    """The default fit and its drawing; scikit-learn fits the chosen number of components only."""
    mixture, ours = timed(lambda: PCAMixture.fit(photos, PCAOptions()))
    n_components = len(mixture.arrays()["weights"])

    def fit_theirs() -> tuple[Any, Any]:
        pca = PCA(0.99).fit(flat)
        estimator = GaussianMixture(n_components, covariance_type="diag", random_state=0)
        return pca, estimator.fit(pca.transform(flat))

    (pca, estimator), theirs = timed(fit_theirs)
    _, drawing = timed(lambda: [mixture.draw([index]) for index in range(N_DRAWS)])
    _, sampling = timed(lambda: pca.inverse_transform(estimator.sample(N_DRAWS)[0]).clip(0, 255).round())
    return [
        Row("default fit, components chosen", ours, "s", f"scikit-learn, {n_components} components", theirs),
        Row(f"{N_DRAWS} images", drawing, "s", "scikit-learn, sample and inverse_transform", sampling),
    ]


def main() -> None:
    """Print the rows."""
    arguments = row_parser(__doc__).parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    photos = photos_of(arguments.photos, quick=arguments.quick)
    flat = photos.reshape(len(photos), -1).astype(np.float64)
    with threadpool_limits(1):
        rows = [scan_row(photos, flat), *default_rows(photos, flat)]
    show_rows(f"PCA mixture of {len(photos)} photos", rows, arguments.json)


if __name__ == "__main__":
    main()
