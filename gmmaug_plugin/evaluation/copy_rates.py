"""How many images are copies, and whether that is more than chance explains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import hypergeom

from gmmaug_plugin.evaluation.spaces import SPACES, Space

FALSE_ALARMS = 0.01
"""How often :meth:`CopyRates.exceeds` may accuse images that copy no more than real photos, in total."""


@dataclass(frozen=True)
class CopyRates:
    """How many images are copies, beside how many real photos seem to be.

    Attributes:
        rates: Space -> share of the images that are copies, 0..1.
        real_rates: Space -> the same share of real photos against each other, classes weighted as they are
            among the images.
        n: Number of images.
        n_real: Number of real photos counted, of the classes of the images.
    """

    rates: Mapping[Space, float]
    real_rates: Mapping[Space, float]
    n: int
    n_real: int

    def exceeds(self) -> tuple[Space, ...]:
        """Spaces in which the images copy more than real photos do, by more than chance explains.

        Fisher's exact test, one-sided, of the two counts (R. A. Fisher, *The Design of Experiments*, 1935,
        chapter 2), at a third of :data:`FALSE_ALARMS` in each of the three spaces.
        """
        return tuple(space for space in SPACES if self.p_value(space) <= FALSE_ALARMS / len(SPACES))

    def p_value(self, space: Space) -> float:
        """Chance of so great a share of copies among the images, were they as likely as real photos to be."""
        copies, real = round(self.rates[space] * self.n), round(self.real_rates[space] * self.n_real)
        return float(hypergeom.sf(copies - 1, self.n + self.n_real, copies + real, self.n))

    @property
    def within(self) -> bool:
        """Whether the share of copies is at most that of real photos in all three spaces."""
        return all(self.rates[space] <= self.real_rates[space] for space in SPACES)

    @property
    def worst(self) -> Space:
        """The space in which the images copy most beyond real photos."""
        return max(SPACES, key=lambda space: (self.rates[space] - self.real_rates[space], self.rates[space]))

    def describe(self) -> str:
        """Tell the worst space in a phrase: "copies 0.4% (real photos against each other 2.4%)"."""
        rate, real = 100 * self.rates[self.worst], 100 * self.real_rates[self.worst]
        return f"copies {rate:.1f}% (real photos against each other {real:.1f}%)"

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; rates are shares, 0..1."""
        return {
            "rates": dict(self.rates),
            "real_rates": dict(self.real_rates),
            "n": self.n,
            "n_real": self.n_real,
            "exceeds": list(self.exceeds()),
            "within": self.within,
            "worst": self.worst,
        }
