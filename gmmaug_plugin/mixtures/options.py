"""Options of the mixtures: the single place that declares them, their defaults, ranges and help texts."""

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from gmmaug_plugin.checks import one_of, option_field, real_number, whole_number

MIN_SIDE = 16  # side of the coarsest level of the local mixture, and of the smallest images
MAX_SIDE = 512  # side of the largest images that the local mixture draws
MIN_STRENGTH, MAX_STRENGTH = 0.04, 3.0  # at 3 the noise hides the layout completely
_MAX_BANDS = (MAX_SIDE // MIN_SIDE).bit_length() - 1  # bands of detail, one for each side above 16


@dataclass(frozen=True)
class LocalOptions:
    """Options of the local mixture; noise is a standard deviation on a gray scale of 0 to 1.

    ``detail`` is one factor for all sides, or one for each of the sides 32, 64, ...

    Raises:
        ValueError: A value is out of range.
    """

    views: int = option_field(16, "Photos or mirror images that one image is made of.")
    strength: float = option_field(
        0.8, "Noise added to the start photo; larger: layouts less like it, but less coherent."
    )
    locality: float = option_field(
        0.8, "Noise below which patches shrink; larger: fewer copies, weaker layout. Measured unless given."
    )
    detail: float | tuple[float, ...] = option_field(
        1.25,
        "Factor for the contrast of detail at sides above 16; 1: unchanged. Measured unless given.",
        type=float,
    )
    bandwidth: float = option_field(0.0, "Standard deviation of each patch's Gaussian, gray levels in 0..1.")
    gain: float = option_field(2.0, "Upper limit of the factor that raises the contrast of averaged patches.")
    steps: int = option_field(20, "Steps from noise to an image of side 16.")

    draws_copies: ClassVar[bool] = False
    """Whether the mixture is meant to draw copies of photos, so that none are refused."""

    def __post_init__(self) -> None:
        whole_number("views", self.views, 1, 4096)
        whole_number("steps", self.steps, 2, 1000)
        real_number("strength", self.strength, MIN_STRENGTH, MAX_STRENGTH)
        real_number("locality", self.locality, 0, MAX_STRENGTH)
        real_number("bandwidth", self.bandwidth, 0, 1)
        real_number("gain", self.gain, 1, 10)
        if not 1 <= len(self.detail_factors) <= _MAX_BANDS:
            raise ValueError(f"detail must be 1 to {_MAX_BANDS} numbers. Received: {self.detail}")
        for factor in self.detail_factors:
            real_number("detail", factor, 0, 4)

    @property
    def detail_factors(self) -> tuple[float, ...]:
        """``detail`` as a tuple, at least one factor."""
        return tuple(self.detail) if isinstance(self.detail, list | tuple) else (self.detail,)


@dataclass(frozen=True)
class PCAOptions:
    """Options of a PCA mixture.

    Raises:
        ValueError: A value is out of range.
    """

    n_components: int | str = option_field(
        "auto", 'Gaussians: a number, a range to scan like "1:600:10", or "auto".'
    )
    criterion: Literal["aic", "bic"] = option_field(
        "aic", "Criterion that chooses the number of Gaussians.", choices=("aic", "bic")
    )
    variance: float = option_field(
        0.99, "Share of the variance that principal components keep, or their number."
    )
    recipe: Literal["seed"] | None = option_field(
        None, "seed: the original notebook; only n_components and criterion apply then.", choices=("seed",)
    )

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if "choices" in option.metadata and value != option.default:
                one_of(option.name, value, option.metadata["choices"])
        if not (0 < self.variance < 1 or (self.variance >= 1 and float(self.variance).is_integer())):
            raise ValueError(
                "variance must be a share between 0 and 1 or a whole number of principal components. "
                f"Received: {self.variance!r}"
            )
        self.candidates(1)

    @property
    def draws_copies(self) -> bool:
        """Whether the mixture is meant to draw copies of photos, so that none are refused."""
        return self.recipe == "seed"

    def candidates(self, n_photos: int) -> tuple[int, ...]:
        """Numbers of components to try for a class of ``n_photos``, ascending, none above ``n_photos``."""
        text = str(self.n_components).strip()
        if text == "auto" and self.recipe == "seed":
            text = "1:600:10"  # the notebook's numbers
        if text == "auto":
            # Components of fewer than 20 photos copy them; above 128 the likelihood hardly rises.
            greatest = min(128, max(1, n_photos // 20))
            ladder = {round(2 ** (step / 2)) for step in range(2 * greatest.bit_length())}
            return tuple(sorted(k for k in ladder | {greatest} if k <= greatest))
        try:
            numbers = [int(number) for number in text.split(":")]
            found = list(range(*numbers)) if len(numbers) > 1 else numbers
        except (TypeError, ValueError):
            found = []
        if not found or min(found) < 1:
            raise ValueError(
                'n_components must be "auto", a whole number of at least 1 or a range "start:stop:step". '
                f"Received: {self.n_components!r}"
            )
        return tuple(k for k in sorted(found) if k <= n_photos)


MixtureOptions = LocalOptions | PCAOptions
