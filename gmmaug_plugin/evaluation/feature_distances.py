"""Distances between images and photos in the feature space of a network: precision, recall, Fréchet distance.

**Precision and recall.** The manifold of a set is the union of balls around its members, each reaching to the
member's third nearest neighbor. Precision is the share of images on the manifold of the photos, recall the
share of photos on the manifold of the images (Kynkäänniemi et al., "Improved precision and recall metric for
assessing generative models", NeurIPS 2019).

**Fréchet distance.** Between normal distributions with the means and covariances of the features (Heusel et
al., NeurIPS 2017, after Dowson and Landau, *J. Multivariate Analysis* 12, 1982). Small sets overstate it, so
only figures of sets of equal size are comparable.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, svdvals
from scipy.spatial.distance import cdist

from gmmaug_plugin.evaluation.measure import Measure, judge_distance

Features = NDArray[np.float64]

NEIGHBOR = 3
SLACK_COVERAGE = 5.0  # good down to this many points below the real figure, or two standard errors if more

_MANIFOLDS = "Kynkäänniemi et al., NeurIPS 2019, section 2, equations 1 and 2 (k = 3)"
_FRECHET = "Heusel et al., NeurIPS 2017, equation 6; Dowson & Landau, 1982"


def coverage(points: Features, members: Features) -> float:
    """Share of ``points`` that lie on the manifold of ``members``.

    Precision is ``coverage(images, photos)``, recall ``coverage(photos, images)``.

    Args:
        points: Features, float64 (n, d), n at least 1.
        members: Features, float64 (m, d), m at least 4.

    Returns:
        In [0, 1].

    Example:
        >>> line = np.arange(4.0)[:, None]
        >>> coverage(np.array([[1.5], [9.0]]), line)
        0.5
    """
    # The distance of a member to itself, 0, comes first.
    radii = np.sort(cdist(members, members), axis=1)[:, NEIGHBOR]
    return float((cdist(points, members) <= radii).any(axis=1).mean())


def frechet_distance(features: Features, reference: Features) -> float:
    """Squared distance |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) of means and covariances.

    The trace of the root is the sum of the singular values of C1^½ C2^½. This stays exact when there are
    fewer images than features and the covariances have no inverse.

    Args:
        features: float64 (n, d), n at least 2.
        reference: float64 (m, d), m at least 2.

    Returns:
        At least 0, in squared units of the features.

    Example:
        >>> points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        >>> round(frechet_distance(points, points + [3.0, 4.0]), 6)
        25.0
    """
    shift = features.mean(axis=0) - reference.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(one, rowvar=False)) for one in (features, reference))
    overlap = svdvals(_root(first) @ _root(second)).sum()
    return max(float(shift @ shift + np.trace(first) + np.trace(second) - 2 * overlap), 0.0)


def _root(covariance: Features) -> Features:
    values, vectors = eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def measure_features(images: Features, photos: Features, reference: Features) -> list[Measure]:
    """Compare images, and other photos, with the same reference photos.

    Precision and recall are good down to 5 percentage points below the photos' figure, or two standard errors
    of the difference of two shares if that is more. The Fréchet distance is good up to twice the photos'.

    Args:
        images: Features of images, float64 (n, d), n at least 4.
        photos: Features of as many real photos.
        reference: Features of as many other real photos.

    Returns:
        The measures ``precision`` and ``recall``, in percent, and ``frechet_distance``.
    """
    precision = coverage(images, reference), coverage(photos, reference)
    recall = coverage(reference, images), coverage(reference, photos)
    value, real = frechet_distance(images, reference), frechet_distance(photos, reference)
    good, outcome = judge_distance(value, real)
    verdict = f"As a whole, a network sees the images {outcome}."
    return [
        _as_measure("precision", "Images that resemble photos (precision)", precision, len(images)),
        _as_measure("recall", "Photos that images resemble (recall)", recall, len(reference)),
        Measure("frechet_distance", "Fréchet distance of features", value, real, "", good, verdict, _FRECHET),
    ]


def _as_measure(name: str, title: str, shares: tuple[float, float], n: int) -> Measure:
    value, real = (100 * share for share in shares)
    error = float(np.sqrt(sum(share * (1 - share) / n for share in shares)))
    good = value >= real - max(SLACK_COVERAGE, 200 * error)
    if name == "precision":
        pair, fault = "images resemble photos", " The other images are unlike any photo."
    else:
        pair = "photos resemble images"
        fault = " Kinds of photos are missing, or the images are too similar to each other."
    verdict = (
        f"To a network, {value:.0f} % of the {pair}; {real:.0f} % of photos resemble other photos."
        f"{'' if good else fault}"
    )
    return Measure(name, title, value, real, "%", good, verdict, _MANIFOLDS)
