"""Choosing the number of components: criteria, their curves, and what may not be chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.maximisation import CovarianceType, n_parameters
from gmmaug_plugin.fitting.options import Criterion
from gmmaug_plugin.models.pca_mixture import PCAMixture

N_FOLDS = 5
INFORMATION_CRITERIA: tuple[Criterion, ...] = ("aic", "bic")
_TITLES: dict[Criterion, str] = {"aic": "AIC", "bic": "BIC", "heldout": "held-out likelihood"}
_MOST_TOLD = 3
"""Refused candidates that an error tells of; of hundreds nobody reads more."""

Judge = Callable[[PCAMixture, int], str | None]
"""Given a model of one class alone and the class's label, why it must be refused; None if it may be used."""


@dataclass(frozen=True)
class CriterionCurve:
    """A criterion over candidate numbers of components; the lowest value wins.

    Attributes:
        criterion: "aic", "bic" or "heldout".
        n_components: The candidates, ascending.
        values: Criterion per photo (nats, twice the negative log-likelihood plus penalty for aic
            and bic; negative log-likelihood for heldout).
        standard_errors: Standard error of each value. For heldout over the folds. For aic and bic over
            photos, a photo and its symmetric copies being one observation: how far the value would
            move with other photos, the mixture being given; None with a single photo. A photo that is
            hard for one candidate is hard for all, so differences between candidates are surer than
            these errors.
    """

    criterion: Criterion
    n_components: tuple[int, ...]
    values: tuple[float, ...]
    standard_errors: tuple[float, ...] | None = None

    @property
    def best(self) -> int:
        """The candidate of the lowest value, the smaller one of equals."""
        return self.ranked[0]

    @property
    def ranked(self) -> tuple[int, ...]:
        """All candidates, the best first, the smaller one of equals before the greater."""
        return tuple(k for _, k in sorted(zip(self.values, self.n_components, strict=True)))


@dataclass(frozen=True)
class Refused:
    """A candidate that the criterion would have chosen and the judge did not let pass.

    Attributes:
        n_components: The candidate.
        reason: What the judge said.
    """

    n_components: int
    reason: str


@dataclass(frozen=True)
class Fitted:
    """A model and how it came about.

    Attributes:
        model: The model, without class names and info.
        curves: Criterion curves of every class, by label; the deciding criterion first. Where there is
            nothing to choose, nothing is cross-validated, and AIC and BIC of the one candidate are left.
        explained_variance_ratio: Share of the photos' variance along every dimension of a code, (q,).
        refused: By label, the candidates that were better by the criterion and refused, best first;
            only of classes that have any.
    """

    model: PCAMixture
    curves: dict[int, tuple[CriterionCurve, ...]]
    explained_variance_ratio: NDArray[np.float64]
    refused: dict[int, tuple[Refused, ...]] = field(default_factory=dict)


class CopiesError(ValueError):
    """What was fitted copies photos more than real photos resemble each other.

    Attributes:
        label: The class of which every candidate that was judged has been refused; None where it is the
            strength of synthesis that copies.
        refused: The candidates and why, best by the criterion first.
    """

    def __init__(
        self, what: str, *, received: str, label: int | None = None, refused: Sequence[Refused] = ()
    ):
        super().__init__(
            f"{what}. allow_copies=True (--allow-copies) keeps it all the same. Received: {received}"
        )
        self.label = label
        self.refused = tuple(refused)

    @classmethod
    def of_class(
        cls, label: int, refused: Sequence[Refused], class_names: Sequence[str], *, received: object
    ) -> "CopiesError":
        """Say that every candidate of a class has been refused."""
        told = "; ".join(
            f"{components(one.n_components)}: {one.reason.rstrip('.')}" for one in refused[:_MOST_TOLD]
        )
        more = len(refused) - _MOST_TOLD
        of_class = f" of class {class_names[label]!r}" if class_names else ""
        return cls(
            f"The mixture{of_class} is refused. {told}{f'; and {more} more' if more > 0 else ''}",
            received=f"n_components={received!r}",
            label=label,
            refused=refused,
        )


def choose(
    ranked: Sequence[int], model_of: Callable[[int], PCAMixture], label: int, judge: Judge | None
) -> tuple[int | None, tuple[Refused, ...]]:
    """Take the best candidate that the judge lets pass.

    Args:
        ranked: Candidates, the best first.
        model_of: A candidate's model of the class alone.
        label: The class.
        judge: Asked candidate by candidate until one may pass; None lets all pass.

    Returns:
        The candidate, None when all are refused, and those refused before it.
    """
    refused: list[Refused] = []
    for n_components in ranked:
        reason = judge(model_of(n_components), label) if judge else None
        if reason is None:
            return n_components, tuple(refused)
        refused.append(Refused(n_components, reason))
    return None, tuple(refused)


def explain_choice(
    curves: Sequence[CriterionCurve], *, refused: Sequence[Refused] = (), given: bool = True
) -> str:
    """Say in a line what was chosen and by what, and what the other criteria would have chosen.

    Args:
        curves: Of one class, the deciding criterion first.
        refused: Its refused candidates: the choice is among the others.
        given: Whether a single candidate was the user's; otherwise there were too few photos for two.

    Example:
        >>> heldout = CriterionCurve("heldout", (1, 10), (5.0, 4.0))
        >>> aic, bic = CriterionCurve("aic", (1, 10), (5.0, 4.0)), CriterionCurve("bic", (1, 10), (4.0, 5.0))
        >>> explain_choice((heldout, aic, bic))
        '10 components by held-out likelihood (AIC agrees, BIC 1)'
    """
    out = {one.n_components for one in refused}
    choices = {curve.criterion: next(k for k in curve.ranked if k not in out) for curve in curves}
    decider, chosen = next(iter(choices.items()))
    if len(curves[0].n_components) == 1:
        return f"{components(chosen)} as given" if given else f"{components(chosen)}, the only number tried"
    others = {_TITLES[one]: k for one, k in choices.items() if one != decider}
    agreeing = [title for title, k in others.items() if k == chosen]
    remarks = [f"{title} {k}" for title, k in others.items() if k != chosen]
    if agreeing:
        remarks.insert(0, f"{' and '.join(agreeing)} {'agree' if len(agreeing) > 1 else 'agrees'}")
    text = f"{components(chosen)} by {_TITLES[decider]}"
    if remarks:
        text += f" ({', '.join(remarks)})"
    if out:
        text += f"; refused: {', '.join(str(one.n_components) for one in refused)}"
    return text


def components(n: int) -> str:
    """A number of components in words."""
    return f"{n} component{'' if n == 1 else 's'}"


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


def information_curves(
    log_likelihoods: Mapping[int, NDArray[np.float64]], *, n_dimensions: int, covariance_type: CovarianceType
) -> dict[Criterion, CriterionCurve]:
    """Curves of AIC and BIC from the same fits.

    Args:
        log_likelihoods: By candidate, that of every photo: the mean over its symmetric copies, (n,), nats.
        n_dimensions: Length of a code, q.
        covariance_type: For the number of parameters.
    """
    tried = tuple(sorted(log_likelihoods))
    n_photos = len(log_likelihoods[tried[0]])
    errors = None
    if n_photos > 1:
        errors = tuple(float(2.0 * log_likelihoods[k].std(ddof=1) / np.sqrt(n_photos)) for k in tried)
    curves: dict[Criterion, CriterionCurve] = {}
    for criterion in INFORMATION_CRITERIA:
        values = tuple(
            information_criterion(
                float(log_likelihoods[k].mean()),
                criterion=criterion,
                n_components=k,
                n_dimensions=n_dimensions,
                n_photos=n_photos,
                covariance_type=covariance_type,
            )
            for k in tried
        )
        curves[criterion] = CriterionCurve(criterion, tried, values, errors)
    return curves


def heldout_curve(fold_means: Mapping[int, NDArray[np.float64]]) -> CriterionCurve:
    """Cross-validated negative log-likelihood per photo.

    Args:
        fold_means: By candidate, the mean log-density of every fold's photos under the mixture fitted
            without them, (N_FOLDS,), nats.
    """
    tried = tuple(sorted(fold_means))
    values = tuple(-float(fold_means[k].mean()) for k in tried)
    errors = tuple(float(fold_means[k].std(ddof=1) / np.sqrt(len(fold_means[k]))) for k in tried)
    return CriterionCurve("heldout", tried, values, errors)
