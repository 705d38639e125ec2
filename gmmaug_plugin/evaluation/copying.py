"""Whether a model copies: its samples beside real photos, and beside one Gaussian through the photos."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates, Space
from gmmaug_plugin.evaluation.subject import as_compared
from gmmaug_plugin.models.pca_mixture import PCAMixture


@dataclass(frozen=True)
class Copying:
    """How much a model copies.

    Attributes:
        rates: Of its samples, beside those of real photos.
        one_gaussian: Of its samples, beside those of one Gaussian per class with the model's own mean and
            covariance. None where the samples copy no more than real photos do, and for other models.
    """

    rates: CopyRates
    one_gaussian: CopyRates | None

    def singles_out(self) -> tuple[Space, ...]:
        """Spaces in which samples copy beyond chance more than real photos, and than one Gaussian, do.

        One Gaussian knows no photo in particular. With some fifty photos or fewer of a class its samples
        are nearer to photos than photos are to each other all the same, most of all in the high-pass
        space: each is a blend of few photos. What does no more than that copies no photo.
        """
        if self.one_gaussian is None:
            return self.rates.exceeds()
        beyond = self.one_gaussian.exceeds()
        return tuple(space for space in self.rates.exceeds() if space in beyond)

    def describe(self) -> str:
        """Tell it in a phrase: "copies 0.4% (real photos against each other 2.4%)"."""
        if self.one_gaussian is None:
            return self.rates.describe()
        space = (self.singles_out() or self.rates.exceeds())[0]
        rates = (self.rates.rates[space], self.rates.real_rates[space], self.one_gaussian.real_rates[space])
        told = "copies {:.1%} (real photos against each other {:.1%}, one Gaussian {:.1%})".format(*rates)
        if self.singles_out():
            return told
        return f"{told}: so few photos show through in any blend of them, more are needed to tell"

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; rates are shares, 0..1."""
        return {
            **self.rates.as_json(),
            "one_gaussian_rates": None if self.one_gaussian is None else dict(self.one_gaussian.real_rates),
            "singles_out": list(self.singles_out()),
        }


class Sampler(Protocol):
    """What a model must know to be judged."""

    def sample(
        self, n: int, *, seed: int | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Draw images, uint8 (n, image_size, image_size), and labels (n,), None without classes."""


def measure_copying(
    model: Sampler,
    detector: CopyDetector,
    *,
    n_samples: int = 500,
    label: int | None = None,
    random_state: int = 0,
) -> Copying:
    """Measure how much a model copies.

    Args:
        model: The model. Of a single class, without names, when ``label`` tells which.
        detector: Knows the photos it was fitted on.
        n_samples: Samples to judge by.
        label: The class that all samples count as; None takes the labels that the model draws.
        random_state: Seed of the samples.

    Returns:
        The rates.
    """

    def rates(one: Sampler, seed: int) -> CopyRates:
        images, labels = one.sample(n_samples, seed=seed)
        if label is not None:
            labels = np.full(n_samples, label, np.int32)
        return detector.rates(images, labels)

    found = rates(as_compared(model, detector), random_state)
    if not found.exceeds() or not isinstance(model, PCAMixture):
        return Copying(found, None)
    single = rates(replace(model, mixture=model.mixture.merged(), templates=None), random_state + 1)
    return Copying(found, CopyRates(found.rates, single.rates, found.n, single.n))
