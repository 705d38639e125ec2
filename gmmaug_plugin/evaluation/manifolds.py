"""Precision and recall by manifolds of nearest neighbours: are images like photos, and do they cover them?

The manifold of a set is the union of balls around its members, each reaching to the member's k-th nearest
neighbour. Precision is the share of images on the photos' manifold, recall the share of photos on the
images'. T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen and T. Aila, "Improved precision and recall metric
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

    Precision is ``coverage(images, photos)``, recall ``coverage(photos, images)``.

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


def measure_manifolds(images: Features, photos: Features, reference: Features) -> list[Measure]:
    """Precision and recall of images, beside those of other photos, against the same reference photos.

    Good is at most 5 percentage points below the photos' figure, or two standard errors of the difference
    of two shares if that is more. Fog lies in the midst of all photos, so its precision may well be high:
    recall, Fréchet and sliced Wasserstein distance show it.

    Args:
        images: Features of images, float (n, d), n at least 4.
        photos: Features of as many real photos.
        reference: Features of as many other real photos.

    Returns:
        The measures ``precision`` and ``recall``, in percent.
    """
    precision = coverage(images, reference), coverage(photos, reference)
    recall = coverage(reference, images), coverage(reference, photos)
    return [
        _as_measure("precision", "Images among the photos (precision)", precision, len(images)),
        _as_measure("recall", "Photos among the images (recall)", recall, len(reference)),
    ]


def _as_measure(name: str, title: str, shares: tuple[float, float], n: int) -> Measure:
    value, real = (100 * share for share in shares)
    error = float(np.sqrt(sum(share * (1 - share) / n for share in shares)))
    good = value >= real - max(SLACK, 200 * error)
    points, among = ("images", "photos") if name == "precision" else ("photos", "images")
    verdict = (
        f"To a network {'' if good else 'only '}{value:.0f} % of the {points} lie among the {among}; "
        f"of photos, {real:.0f} % lie among other photos."
    )
    if not good:
        verdict += {
            "precision": " The rest is like no photo.",
            "recall": " Kinds of photo are missing, or the images are too much alike.",
        }[name]
    return Measure(name, title, value, real, "%", good, verdict, SOURCE)
