"""The notebook's whole job: the AIC of 1, 11, 21, … 591 components, beside scikit-learn.

    python -m benchmarks.scan [PHOTOS] [--quick] [--whole-scan]

scikit-learn is measured at a handful of numbers of components, and its time at the others interpolated
linearly; ``--whole-scan`` measures it at all of them.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.common import AS_IT_IS, Setting, run_alone, timed
from benchmarks.rows import Beside, Row
from gmmaug_plugin import fit
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.fitting.trial import fit_untried
from gmmaug_plugin.images import load_photos

MEASURED_AT = (1, 101, 201, 301, 401, 591)
"""Where scikit-learn is measured, out of 1, 11, … 591."""


def chosen_from(tried: Sequence[int]) -> list[int]:
    """Of the numbers of components tried, those to measure a peer at: the ends are always among them.

    Example:
        >>> chosen_from([1, 11, 21, 101, 111, 121])
        [1, 101, 121]
    """
    return sorted({*(k for k in MEASURED_AT if k in tried), tried[0], tried[-1]})


def interpolated_total(seconds: Mapping[int, float], tried: Sequence[int]) -> float:
    """Seconds of all numbers of components tried, linear between those that were measured.

    Raises:
        ValueError: One tried lies outside of what was measured.

    Example:
        >>> interpolated_total({1: 1.0, 21: 3.0}, [1, 11, 21])
        6.0
    """
    known = sorted(seconds)
    if not known or min(tried) < known[0] or max(tried) > known[-1]:
        raise ValueError(f"Times are known from {known[:1]} to {known[-1:]} components. Received: {tried}")
    return float(np.interp(tried, known, [seconds[k] for k in known]).sum())


def greatest_difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> tuple[int, float]:
    """Where values differ most, relative to the second ones, and by how much.

    Example:
        >>> greatest_difference({1: 1.0, 11: 2.2}, {11: 2.0})
        (11, 0.10000000000000009)
    """
    differences = {k: abs(ours[k] - value) / abs(value) for k, value in theirs.items()}
    worst = max(differences, key=lambda k: differences[k])
    return worst, differences[worst]


def scan_scikit_learn(
    codes: np.ndarray, n_components: Sequence[int]
) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds of fit and AIC, and the AIC per photo, by number of components."""
    seconds, criteria = {}, {}
    for k in n_components:
        estimator = GaussianMixture(k, covariance_type="full", random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            aic, seconds[k] = timed(lambda estimator=estimator: estimator.fit(codes).aic(codes))
        criteria[k] = float(aic) / len(codes)
    return seconds, criteria


def measure(setting: Setting) -> list[Row]:
    photos = setting.photos()
    model, ours = timed(lambda: fit(photos, recipe="seed", **AS_IT_IS))
    photo_set = load_photos(photos, quiet=True)
    _, alone = timed(lambda: fit_untried(photo_set, options_for(None, "seed")))
    (curves,) = model.info["criterion_curves"].values()
    aic = next(curve for curve in curves if curve["criterion"] == "aic")
    criteria = dict(zip(aic["n_components"], aic["values"], strict=True))
    tried = list(criteria)

    flat = photos.reshape(len(photos), -1).astype(np.float64)
    codes, first = timed(lambda: PCA(0.99, whiten=True).fit_transform(flat))
    measured = tried if setting.whole_scan else chosen_from(tried)
    seconds, theirs = scan_scikit_learn(codes, measured)
    total = first + interpolated_total(seconds, tried)
    note = "every number of components measured"
    if len(measured) < len(tried):
        note = f"measured at {', '.join(map(str, measured))}; interpolated linearly at the others"
    worst, difference = greatest_difference(criteria, theirs)
    what = f"{tried[0]} to {tried[-1]} components, {len(tried)} fits, {codes.shape[1]} dimensions"
    return [
        Row(f"the same job and nothing more, {what}", alone, "s", (Beside("scikit-learn", total, note),)),
        Row(
            f'fit(recipe="seed"), which looks for copies too, {what}',
            ours,
            "s",
            (Beside("scikit-learn", total, note),),
        ),
        Row(
            f"AIC of {worst} components, where it differs most",
            criteria[worst],
            "nats/photo",
            (Beside("scikit-learn", theirs[worst]),),
            f"greatest relative difference of {len(theirs)}: {difference:.1e} (ours is kept to 4 decimals)",
        ),
        Row(
            "components that the AIC chooses, of those measured",
            float(min(theirs, key=criteria.__getitem__)),
            "components",
            (Beside("scikit-learn", float(min(theirs, key=theirs.__getitem__))),),
        ),
    ]


if __name__ == "__main__":
    run_alone(measure, __doc__)
