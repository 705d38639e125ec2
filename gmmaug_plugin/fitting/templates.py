"""Choosing the photos whose codes a model keeps."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.templates import Templates
from gmmaug_plugin.threads import one_openmp_thread

_NUMPY = NumpyEngine()
_CHUNK = 256


def choose_templates(
    model: PCAMixture,
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    n_templates: int,
    *,
    random_state: int = 0,
) -> Templates:
    """Encode the photos that cover the photo set best, chosen by :func:`choose_photos`.

    Args:
        model: A model of these photos.
        images: The photos, uint8 (n, size, size).
        labels: Class of each, int32 (n,).
        n_templates: How many to keep; all photos when that is more than there are.
        random_state: Seed of k-means.

    Returns:
        The templates, class by class.
    """
    with workers():
        codes = np.empty((len(images), model.basis.n_dimensions))
        for label in np.unique(labels):
            codes[labels == label] = _encode(model, images[labels == label])
        chosen = choose_photos(codes, labels, n_templates, random_state)
        log_joint = model.mixture.log_joint(_NUMPY, codes[chosen])
        log_joint[model.mixture.classes != labels[chosen][:, None]] = -np.inf
        return Templates.of(codes[chosen], log_joint.argmax(axis=1))


def choose_photos(
    codes: NDArray[np.float64], labels: NDArray[np.int32], n: int, random_state: int
) -> NDArray[np.intp]:
    """Choose the photos that cover the photo set best.

    Every class gets its share of them, at least one. A class with more photos than that is cut into clusters
    by k-means, and of each the photo nearest its centre is taken. Call it within
    :func:`~gmmaug_plugin.fitting.workers.workers`: k-means rounds differently with each number of threads.

    Args:
        codes: What photos are compared by, one row each.
        labels: Class of each.
        n: How many to choose; all when that is more than there are.
        random_state: Seed of k-means.

    Returns:
        Numbers of the chosen photos, class by class.
    """
    chosen = []
    for label, count in enumerate(np.bincount(labels)):
        members = np.flatnonzero(labels == label)
        wanted = max(1, round(n * count / len(labels)))
        chosen.append(members if wanted >= count else members[_cover(codes[members], wanted, random_state)])
    return np.concatenate(chosen)


def _encode(model: PCAMixture, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [
        model.basis.encode(_NUMPY, images[begin : begin + _CHUNK].astype(np.float32) - model.basis.mean)
        for begin in range(0, len(images), _CHUNK)
    ]
    return np.concatenate(parts)


def _cover(codes: NDArray[np.float64], n: int, random_state: int) -> NDArray[np.intp]:
    """Rows nearest to the centres of ``n`` clusters, fewer where clusters share one."""
    with one_openmp_thread():
        clusters = KMeans(n, n_init=1, random_state=random_state).fit(codes)
        distances = clusters.transform(codes)
    return np.unique(distances.argmin(axis=0))
