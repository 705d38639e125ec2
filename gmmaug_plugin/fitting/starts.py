"""Where expectation maximisation starts: responsibilities from k-means, or from a smaller mixture."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.mixture import Mixture

Codes = NDArray[np.float64]
Responsibilities = NDArray[np.float64]

_NUMPY = NumpyEngine()
_NO_MEMBER = 1e-6
"""A row that belongs less than this to a component has no say in how it is split."""
_POWER_STEPS = 20
"""Steps towards a component's widest direction: a start needs no more than its rough course."""


def k_means_start(X: Codes, n_components: int, random_state: int) -> Responsibilities:
    """Responsibilities (n, K), zero or one, by k-means."""
    if n_components == 1:
        return np.ones((len(X), 1))
    return np.asarray(np.eye(n_components)[k_means_labels(X, n_components, random_state)])


def k_means_labels(
    X: NDArray[np.floating], n_clusters: int, random_state: int, *, max_iter: int = 300
) -> NDArray[np.int32]:
    """Cluster of every row, (n,), by k-means from one start."""
    with warnings.catch_warnings():
        # Fewer different rows than clusters: the rest own nothing and weigh nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(n_clusters, n_init=1, max_iter=max_iter, random_state=random_state)
        return np.asarray(clusters.fit(X).labels_, np.int32)


def split_start(X: Codes, smaller: Mixture, n_components: int) -> Responsibilities:
    """Responsibilities (n, K) from those of a mixture of fewer components, by splitting some in two.

    Split is always the component whose weight times variance along its widest direction is greatest,
    at its mean, across that direction: of a normal component that takes the most off the squared
    error (D. Boley, "Principal direction divisive partitioning", *Data Mining and Knowledge
    Discovery* 2, 1998, sections 2 and 3). Its rows go wholly to one half or the other; expectation
    maximisation then moves all components, as after the splits of N. Ueda et al., "SMEM algorithm
    for mixture models", *Neural Computation* 12, 2000. Nothing is drawn at random.

    Args:
        X: Codes (n, q).
        smaller: A mixture of at most ``n_components``.
        n_components: Number of components to come to, K.
    """
    log_joint = smaller.log_joint(_NUMPY, X)
    responsibilities = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    columns = list(responsibilities.T)
    widths = [_width(X, column) for column in columns]
    while len(columns) < n_components:
        widest = int(np.argmax([width.spread for width in widths]))
        above = np.where(widths[widest].above, columns[widest], 0.0)
        halves = columns[widest] - above, above
        columns[widest], widths[widest] = halves[0], _width(X, halves[0])
        columns.append(halves[1])
        widths.append(_width(X, halves[1]))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class _Width:
    """How far a component reaches along its widest direction.

    Attributes:
        spread: Sum over the rows of responsibility times squared distance from the mean.
        above: Bool (n,): rows on the far side of the mean.
    """

    spread: float
    above: NDArray[np.bool_]


def _width(X: Codes, responsibilities: Responsibilities) -> _Width:
    members = np.flatnonzero(responsibilities > _NO_MEMBER)
    above = np.zeros(len(X), np.bool_)
    if len(members) < 2:
        return _Width(0.0, above)
    weights = responsibilities[members]
    centred = X[members] - weights @ X[members] / weights.sum()
    rows = centred * np.sqrt(weights)[:, None]
    # Power iteration from the row farthest out: it has a share in the widest direction.
    direction, spread = rows[int(np.argmax(np.einsum("nq,nq->n", rows, rows)))], 0.0
    for _ in range(_POWER_STEPS):
        length = float(np.linalg.norm(direction))
        if length == 0.0:
            break
        along = rows @ (direction / length)
        direction, spread = along @ rows, float(along @ along)
    above[members] = centred @ direction > 0
    return _Width(spread, above)
