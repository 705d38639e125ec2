"""Options of a fit, declared once: the command line is made from these fields."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from gmmaug_plugin.checks import one_of, real_number, whole_number
from gmmaug_plugin.mixtures.local import MIN_SIDE, LocalOptions
from gmmaug_plugin.mixtures.pca import PCAOptions
from gmmaug_plugin.pool import MAX_IMAGE_SIZE
from gmmaug_plugin.resizing import Resize

Model = Literal["local", "pca"]
Symmetry = Literal["flip", "none"]
MixtureOptions = LocalOptions | PCAOptions

LEAST_IMAGES, MOST_IMAGES = 100, 1000
"""Images that "auto" draws of a class: as many as it has photos, within these bounds."""


@dataclass(frozen=True)
class FitOptions:
    """Options of a fit that do not depend on the mixture.

    Raises:
        ValueError: An option has no allowed value.
    """

    model: Model = field(
        default="local",
        metadata={
            "help": "local: a mixture over patches. pca: one over whole images, as the original notebook's.",
            "choices": get_args(Model),
        },
    )
    image_size: int | None = field(
        default=None,
        metadata={"help": "Height and width of the images, 16 to 512; 128 unless arrays are square already."},
    )
    color: bool = field(default=False, metadata={"help": "Draw images in color; grayscale otherwise."})
    n_images: int | Literal["auto"] = field(
        default="auto",
        metadata={
            "help": f"Images of each class; auto: as many as photos, {LEAST_IMAGES} to {MOST_IMAGES}.",
            "flag": "--images",
            "metavar": "auto|N",
        },
    )
    seed: int = field(default=0, metadata={"help": "Seed of all drawing."})
    symmetry: Symmetry = field(
        default="flip",
        metadata={
            "help": "flip: a mirrored photo is as good as the photo. none: for letters and traffic signs.",
            "choices": get_args(Symmetry),
        },
    )
    resize: Resize = field(
        default="stretch",
        metadata={"help": "Make photos square by stretching or cropping.", "choices": get_args(Resize)},
    )
    holdout: float = field(
        default=0.15, metadata={"help": "Share of photos held back to choose options by, 0 to 0.5."}
    )
    allow_copies: bool = field(
        default=False,
        metadata={"help": "Keep images that are copies of photos, drawing none again."},
    )
    keep_photos: bool = field(default=False, metadata={"help": "Keep the photos in the file too."})
    measure: bool = field(
        default=True,
        metadata={"help": "Choose the mixture's options by measurement, and measure the pool."},
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            if "choices" in one.metadata:
                one_of(one.name, getattr(self, one.name), one.metadata["choices"])
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
        """Number of images to draw of a class of so many photos."""
        if self.n_images == "auto":
            return min(max(n_photos, LEAST_IMAGES), MOST_IMAGES)
        return self.n_images


MIXTURE_OPTIONS: Mapping[str, type[MixtureOptions]] = {"local": LocalOptions, "pca": PCAOptions}


def read_options(given: Mapping[str, Any]) -> tuple[FitOptions, MixtureOptions, frozenset[str]]:
    """Sort options by what they belong to. A recipe implies the mixture that it is of.

    Args:
        given: Options by name: those of :class:`FitOptions` and of the chosen mixture. None stands for the
            default.

    Returns:
        The options of the fit, those of its mixture, and the names of the latter that were given.

    Raises:
        TypeError: An option is unknown.
        ValueError: An option belongs to the other mixture, or has no allowed value.
    """
    values = {name: value for name, value in given.items() if value is not None}
    own = {one.name for one in fields(FitOptions)}
    if "recipe" in values:
        values.setdefault("model", "pca")
    options = FitOptions(**{name: value for name, value in values.items() if name in own})
    kind = MIXTURE_OPTIONS[options.model]
    known = {one.name for one in fields(kind)}
    rest = {name: value for name, value in values.items() if name not in own}
    for name in rest.keys() - known:
        _refuse(name, options.model, own | known)
    return options, kind(**rest), frozenset(rest)


def as_json(options: FitOptions, mixture: MixtureOptions) -> dict[str, Any]:
    """All options as JSON values."""
    values = {**asdict(options), **asdict(mixture)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def local_options(values: Mapping[str, Any]) -> LocalOptions:
    """The local mixture's options in a record; defaults where it has none."""
    known = {one.name for one in fields(LocalOptions)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in known
    }
    return LocalOptions(**given)


def _refuse(name: str, model: str, known: set[str]) -> None:
    for other, kind in MIXTURE_OPTIONS.items():
        if name in {one.name for one in fields(kind)}:
            raise ValueError(f'{name} is an option of model="{other}". Received: {name} with model="{model}"')
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise TypeError(f"fit has no option {name!r}.{hint} Options are {sorted(known)}. Received: {name}")
