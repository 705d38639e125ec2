"""Precision and recall by manifolds of nearest neighbours: are samples like photos, and do they cover them?

The manifold of a set is the union of balls around its members, each reaching to the member's k-th nearest
neighbour. Precision is the share of samples on the photos' manifold, recall the share of photos on the
samples'. T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen and T. Aila, "Improved precision and recall metric
for assessing generative models", NeurIPS 2019, section 2, equations 1 and 2, with k = 3.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import Measure

SOURCE = "Kynkäänniemi et al., NeurIPS 2019, section 2, equations 1 and 2 (k = 3)"
SLACK = 5.0
"""Percentage points below the real figure that are good; more if two standard errors are."""

Features = NDArray[np.float64]

_ROWS = 1024
"""Distances are computed so many rows at a time, to bound the memory."""


def coverage(points: Features, members: Features, *, k: int = 3) -> float:
    """Share of ``points`` that lie on the manifold of ``members``.

    Precision is ``coverage(samples, photos)``, recall ``coverage(photos, samples)``.

    Args:
        points: Features, float (n, d).
        members: Features, float (m, d), m more than ``k``.
        k: Which neighbour a ball reaches to, the member itself not counted.

    Returns:
        In [0, 1].

    Raises:
        ValueError: Shapes or ``k`` are not as described.

    Example:
        >>> line = np.arange(4.0)[:, None]
        >>> coverage(np.array([[1.5], [9.0]]), line, k=1)
        0.5
    """
    points, members = np.asarray(points, np.float64), np.asarray(members, np.float64)
    if points.ndim != 2 or members.ndim != 2 or points.shape[1:] != members.shape[1:] or not len(points):
        raise ValueError(
            f"Features must be (n, d) and (m, d). Received: shapes {points.shape} and {members.shape}"
        )
    whole_number("k", k, 1, len(members) - 1)
    # Without an argument, kneighbors leaves out every member itself.
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(members)
    radii = neighbours.kneighbors()[0][:, -1]
    covered = 0
    for begin in range(0, len(points), _ROWS):
        distances = cdist(points[begin : begin + _ROWS], members)
        covered += int((distances <= radii).any(axis=1).sum())
    return covered / len(points)


def measure_manifolds(samples: Features, photos: Features, reference: Features) -> list[Measure]:
    """Precision and recall of samples, beside those of other photos, against the same reference photos.

    Good is at most 5 percentage points below the photos' figure, or two standard errors of the difference
    of two shares if that is more. Fog lies in the midst of all photos, so its precision may well be high:
    recall, Fréchet and sliced Wasserstein distance are what betrays it.

    Args:
        samples: Features of samples, float (n, d), n at least 4.
        photos: Features of as many real photos.
        reference: Features of as many other real photos.

    Returns:
        The measures ``precision`` and ``recall``, in percent.
    """
    precision = coverage(samples, reference), coverage(photos, reference)
    recall = coverage(reference, samples), coverage(reference, photos)
    return [
        _as_measure("precision", "Samples among the photos (precision)", precision, len(samples)),
        _as_measure("recall", "Photos among the samples (recall)", recall, len(reference)),
    ]


def _as_measure(name: str, title: str, shares: tuple[float, float], n: int) -> Measure:
    value, real = (100 * share for share in shares)
    error = float(np.sqrt(sum(share * (1 - share) / n for share in shares)))
    good = value >= real - max(SLACK, 200 * error)
    return Measure(
        name=name,
        title=title,
        value=value,
        real=real,
        unit="%",
        good=good,
        verdict=_VERDICTS[name, good].format(value=value, real=real),
        source=SOURCE,
    )


_VERDICTS = {
    ("precision", True): (
        "To a network {value:.0f} % of the samples lie amid the photos, as {real:.0f} % of other photos do."
    ),
    ("precision", False): (
        "To a network only {value:.0f} % of the samples lie amid the photos, where {real:.0f} % of other "
        "photos do: the rest is like no photo."
    ),
    ("recall", True): (
        "To a network {value:.0f} % of the photos lie amid the samples, as {real:.0f} % lie amid other "
        "photos: the samples are as varied as the photos."
    ),
    ("recall", False): (
        "To a network only {value:.0f} % of the photos lie amid the samples, where {real:.0f} % lie amid "
        "other photos: kinds of photo are missing, or the samples are too much alike."
    ),
}
