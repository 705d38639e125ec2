"""Fréchet distance between features of images, as if both were normally distributed.

M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler and S. Hochreiter, "GANs trained by a two time-scale update
rule converge to a local Nash equilibrium", NeurIPS 2017, equation 6, after D. C. Dowson and B. V. Landau,
"The Fréchet distance between multivariate normal distributions", *J. Multivariate Analysis* 12, 1982.
Small sets overstate it, so only sets of equal size can be compared.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, svdvals

from gmmaug_plugin.evaluation.measures import Measure

SOURCE = "Heusel et al., NeurIPS 2017, equation 6; Dowson & Landau, 1982"
SLACK = 2.0
"""Good is up to so many times the real figure: what it varies by between sets of a hundred photos."""

Features = NDArray[np.float64]


def frechet_distance(features: Features, reference: Features) -> float:
    """Squared distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of means and covariances.

    The trace of the root is the sum of the singular values of C1^(1/2) C2^(1/2), which stays exact when
    there are fewer images than features and the covariances have no inverse.

    Args:
        features: Float (n, d), n at least 2.
        reference: Float (m, d), m at least 2.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: The shapes are not as described.

    Example:
        >>> points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
        >>> round(frechet_distance(points, points + [3.0, 4.0]), 6)
        25.0
    """
    first, second = np.asarray(features, np.float64), np.asarray(reference, np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"Features must be (n, d) and (m, d). Received: shapes {first.shape} and {second.shape}"
        )
    if min(len(first), len(second)) < 2:
        raise ValueError(f"A covariance takes at least 2 images. Received: {len(first)} and {len(second)}")
    shift = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(one, rowvar=False)) for one in (first, second)]
    overlap = svdvals(_root(covariances[0]) @ _root(covariances[1])).sum()
    distance = shift @ shift + sum(np.trace(one) for one in covariances) - 2 * overlap
    return max(float(distance), 0.0)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def measure_frechet(images: Features, photos: Features, reference: Features) -> Measure:
    """Compare features of images and of other photos with those of the same reference photos.

    Good is at most twice the photos' figure.

    Args:
        images: Features of images, float (n, d).
        photos: Features of as many real photos.
        reference: Features of as many other real photos.
    """
    value, real = frechet_distance(images, reference), frechet_distance(photos, reference)
    good = value <= SLACK * real
    verdict = "All together, a network sees the same in the images as in the photos."
    if not good:
        times = f"{value / real:.2g} times as far" if real else "far"
        verdict = (
            f"All together, a network's view of the images is {times} from the photos as photos are from "
            "each other: it could distinguish the two."
        )
    return Measure("frechet_distance", "Fréchet distance of features", value, real, "", good, verdict, SOURCE)
