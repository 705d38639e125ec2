"""Choosing the number of components."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.expectation_maximisation import CovarianceType, n_parameters
from gmmaug_plugin.fitting.options import Criterion
from gmmaug_plugin.models.pca_mixture import PCAMixture

PHOTOS_PER_COMPONENT = 20
"""``auto`` never tries more components than one per this many photos: smaller ones are copies."""

N_FOLDS = 5


@dataclass(frozen=True)
class CriterionCurve:
    """A criterion over candidate numbers of components; the lowest value wins.

    Attributes:
        criterion: "aic", "bic" or "heldout". Where there is nothing to choose, nothing is
            cross-validated, and the one value is the AIC.
        n_components: The candidates, ascending.
        values: Criterion per photo (nats, twice the negative log-likelihood plus penalty for aic
            and bic; negative log-likelihood for heldout).
        standard_errors: Standard error of each value over folds; None for aic and bic.
    """

    criterion: Criterion
    n_components: tuple[int, ...]
    values: tuple[float, ...]
    standard_errors: tuple[float, ...] | None = None

    @property
    def best(self) -> int:
        """The candidate of the lowest value, the smaller one of equals."""
        return self.n_components[int(np.argmin(self.values))]


@dataclass(frozen=True)
class Fitted:
    """A model and how it came about.

    Attributes:
        model: The model, without class names and info.
        curves: Criterion curve of every class, by label.
        explained_variance_ratio: Share of the photos' variance along every dimension of a code, (q,).
    """

    model: PCAMixture
    curves: dict[int, CriterionCurve]
    explained_variance_ratio: NDArray[np.float64]


def candidates(n_components: int | str | Sequence[int], n_photos: int) -> tuple[int, ...]:
    """Numbers of components to try for a class of ``n_photos``.

    ``"auto"`` gives a geometric ladder up to one component per 20 photos; a given range is cut at
    the number of photos.
    """
    if isinstance(n_components, int):
        return (n_components,)
    if n_components == "auto":
        greatest = max(1, n_photos // PHOTOS_PER_COMPONENT)
        ladder = np.unique(np.rint(np.geomspace(1, greatest, 8)).astype(int))
        return tuple(int(k) for k in ladder)
    return tuple(int(k) for k in n_components if int(k) <= n_photos)


def information_criterion(
    log_likelihood: float,
    *,
    criterion: Criterion,
    n_components: int,
    n_dimensions: int,
    n_photos: int,
    covariance_type: CovarianceType,
) -> float:
    """AIC or BIC per photo (H. Akaike, *IEEE Trans. Automatic Control* 19, 1974; G. Schwarz, 1978).

    Symmetric copies are no observations of their own, so the original photos are counted:
    AIC = 2 p - 2 n_photos x mean log-likelihood, and log(n_photos) p in place of 2 p for BIC. Counting
    copies would reward ever more components.

    Args:
        log_likelihood: Mean over photos and their copies, nats.
        criterion: ``"aic"`` or ``"bic"``.
        n_components: Number of components, K.
        n_dimensions: Length of a code, q.
        n_photos: Original photos.
        covariance_type: For the number of parameters p.
    """
    p = n_parameters(n_components, n_dimensions, covariance_type)
    price = 2.0 if criterion == "aic" else float(np.log(n_photos))
    return price * p / n_photos - 2.0 * log_likelihood


def folds(labels: NDArray[np.int32], *, random_state: int) -> NDArray[np.int32]:
    """Assign photos to ``N_FOLDS`` folds of equal size within every class."""
    rng = np.random.default_rng(random_state)
    assigned = np.empty(len(labels), np.int32)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        assigned[members] = np.arange(len(members)) % N_FOLDS
    return assigned


def heldout_curve(tried: Sequence[int], scores: Callable[[int, int], NDArray[np.float64]]) -> CriterionCurve:
    """Cross-validated negative log-likelihood per photo.

    Args:
        tried: Candidate numbers of components.
        scores: From fold and candidate to the log-densities of that fold's photos, nats.
    """
    means = np.array([[-float(scores(fold, k).mean()) for k in tried] for fold in range(N_FOLDS)])
    errors = means.std(axis=0, ddof=1) / np.sqrt(N_FOLDS)
    return CriterionCurve(
        "heldout", tuple(tried), tuple(map(float, means.mean(axis=0))), tuple(map(float, errors))
    )
