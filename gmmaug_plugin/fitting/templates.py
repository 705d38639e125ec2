"""Choosing the photos whose codes a model keeps."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from gmmaug_plugin.fitting.workers import workers
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.templates import Templates

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
    """Encode the photos that cover the photo set best.

    Every class gets its share of the templates, at least one. A class with more photos than that is cut
    into clusters by k-means, and of each the photo nearest its centre is taken.

    Args:
        model: A model of these photos.
        images: The photos, uint8 (n, size, size).
        labels: Class of each, int32 (n,).
        n_templates: How many to keep; all photos when that is more than there are.
        random_state: Seed of k-means.

    Returns:
        The templates, class by class.
    """
    counts = np.bincount(labels)
    codes, components = [], []
    with workers():
        for label, count in enumerate(counts):
            of_class = _encode(model, images[labels == label])
            wanted = max(1, round(n_templates * count / len(labels)))
            kept = of_class if wanted >= count else of_class[_cover(of_class, wanted, random_state)]
            log_joint = model.mixture.log_joint(_NUMPY, kept)
            log_joint[:, model.mixture.classes != label] = -np.inf
            codes.append(kept)
            components.append(log_joint.argmax(axis=1))
    return Templates.of(np.concatenate(codes), np.concatenate(components))


def _encode(model: PCAMixture, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [
        model.basis.encode(_NUMPY, images[begin : begin + _CHUNK].astype(np.float32) - model.basis.mean)
        for begin in range(0, len(images), _CHUNK)
    ]
    return np.concatenate(parts)


def _cover(codes: NDArray[np.float64], n: int, random_state: int) -> NDArray[np.intp]:
    """Rows nearest to the centres of ``n`` clusters, fewer where clusters share one."""
    clusters = KMeans(n, n_init=1, random_state=random_state).fit(codes)
    distances = clusters.transform(codes)
    return np.unique(distances.argmin(axis=0))
