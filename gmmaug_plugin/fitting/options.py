"""Options of a fit, declared once: the command line is made from these fields."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal

from gmmaug_plugin.checks import one_of, option_field, real_number, whole_number
from gmmaug_plugin.mixtures.options import MIN_SIDE, LocalOptions, MixtureOptions, PCAOptions
from gmmaug_plugin.pool import MAX_IMAGE_SIZE

MIN_IMAGES, MAX_IMAGES = 100, 1000  # of a class, with n_images="auto"
MIXTURE_OPTIONS: Mapping[str, type[MixtureOptions]] = {"local": LocalOptions, "pca": PCAOptions}


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit that do not depend on the mixture; everyday options come first.

    Raises:
        ValueError: The value of an option is not allowed.
    """

    image_size: int | None = option_field(
        None, "Height and width of the images, 16 to 512. [default: 128; square arrays keep their size]"
    )
    color: bool = option_field(False, "Draw in color. [default: grayscale]")
    n_images: int | Literal["auto"] = option_field(
        "auto",
        f"Images of each class; auto: as many as photos, {MIN_IMAGES} to {MAX_IMAGES}.",
        flag="--images",
        metavar="auto|N",
    )
    symmetry: Literal["flip", "none"] = option_field(
        "flip",
        "flip: mirrored photos are as good as photos. none: for letters and traffic signs.",
        choices=("flip", "none"),
    )
    resize: Literal["stretch", "crop"] = option_field(
        "stretch", "Make photos square by stretching or cropping.", choices=("stretch", "crop")
    )
    seed: int = option_field(0, "Seed of all drawing.")
    model: Literal["local", "pca"] = option_field(
        "local",
        "The mixture: local, over patches; pca, over whole images as in the original notebook.",
        choices=("local", "pca"),
    )
    holdout: float = option_field(0.15, "Share of photos held back to choose options by, 0 to 0.5.")
    allow_copies: bool = option_field(False, "Keep images that are copies of photos. [default: draw again]")
    keep_photos: bool = option_field(False, "Store the photos in the file too.")
    measure: bool = option_field(True, "Choose the mixture's options by measurement, and measure the pool.")

    def __post_init__(self) -> None:
        for option in fields(self):
            if "choices" in option.metadata:
                one_of(option.name, getattr(self, option.name), option.metadata["choices"])
        if self.image_size is not None:
            whole_number("image_size", self.image_size, MIN_SIDE, MAX_IMAGE_SIZE)
        if self.n_images != "auto":
            whole_number("n_images", self.n_images, 1)
        whole_number("seed", self.seed, 0)
        real_number("holdout", self.holdout, 0, 0.5)
        for name in ("color", "allow_copies", "keep_photos", "measure"):
            one_of(name, getattr(self, name), (True, False))
        if self.model == "pca" and self.color:
            raise ValueError('model="pca" draws grayscale images only. Received: color=True')

    def images_of(self, n_photos: int) -> int:
        """Number of images to draw of a class with ``n_photos`` photos."""
        if self.n_images == "auto":
            return min(max(n_photos, MIN_IMAGES), MAX_IMAGES)
        return self.n_images


def read_options(given: Mapping[str, Any]) -> tuple[FitOptions, MixtureOptions]:
    """Sort options into those of the fit and those of its mixture. ``recipe`` implies ``model="pca"``.

    Args:
        given: Options by name. None stands for the default.

    Raises:
        TypeError: An option is unknown.
        ValueError: An option belongs to the other mixture, or its value is not allowed.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if "recipe" in values:
        values.setdefault("model", "pca")
    own = _names(FitOptions)
    options = FitOptions(**{name: value for name, value in values.items() if name in own})
    mixture_options = MIXTURE_OPTIONS[options.model]
    for name in values:
        _check_name(name, options.model, own | _names(mixture_options))
    return options, mixture_options(**{name: value for name, value in values.items() if name not in own})


def as_json(options: FitOptions, mixture_options: MixtureOptions) -> dict[str, Any]:
    """All options as JSON values, for the record."""
    values = {**asdict(options), **asdict(mixture_options)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _names(options: type[Any]) -> set[str]:
    return {option.name for option in fields(options)}


def _check_name(name: str, model: str, known: set[str]) -> None:
    if name in known:
        return
    for other, options in MIXTURE_OPTIONS.items():
        if name in _names(options):
            raise ValueError(f'{name} is an option of model="{other}". Received: {name} with model="{model}"')
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise TypeError(f"fit has no option {name!r}.{hint} Options are {sorted(known)}. Received: {name}")
