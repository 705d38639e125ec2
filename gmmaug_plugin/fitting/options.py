"""The fitter's options, checked."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

from gmmaug_plugin.checks import one_of, whole_number
from gmmaug_plugin.fitting.maximisation import COVARIANCE_TYPES, CovarianceType
from gmmaug_plugin.fitting.photo_blocks import BLOCK_SIZE
from gmmaug_plugin.models.multiscale import SHARINGS, Sharing
from gmmaug_plugin.models.strengths import FRESH
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from gmmaug_plugin.models.templates import MAX_TEMPLATES

Criterion = Literal["aic", "bic", "heldout"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
Recipe = Literal["seed"]
ModelKind = Literal["pca", "multiscale"]
MODEL_KINDS: tuple[ModelKind, ...] = get_args(ModelKind)
DEFAULT_MODEL: ModelKind = "multiscale"

_GREATEST_SEED = 2**32 - 1
"""Of scikit-learn's ``random_state``; every start adds one."""

NComponents = int | str | Iterable[int]

OWN_OPTIONS: dict[ModelKind, dict[str, Any]] = {
    "pca": {
        "variance": 0.99,
        "whiten": False,
        "symmetry": "flip",
        "covariance_type": "diag",
        "n_init": 1,
        "block_size": BLOCK_SIZE,
        "criterion": "aic",
    },
    "multiscale": {"sharing": "details", "criterion": "bic"},
}
"""By kind of model, the options that not every kind knows, or has another default for."""


def options_for(model: ModelKind | None, recipe: Recipe | None, **given: Any) -> "FitOptions":
    """Options of a fit, with the defaults of its kind of model.

    Args:
        model: The kind; None takes the default, or the one that the recipe is of.
        recipe: The recipe.
        **given: Other fields of :class:`FitOptions`; None takes the default.

    Raises:
        ValueError: An option is none of the allowed ones, or of another kind of model.

    Example:
        >>> options_for("multiscale", None, criterion=None).criterion
        'bic'
    """
    kind: ModelKind = DEFAULT_MODEL if model is None and recipe is None else model or "pca"
    one_of("model", kind, MODEL_KINDS)
    if recipe is not None and kind != "pca":
        raise ValueError(f'recipe="seed" fits model="pca". Received: {recipe=}, {model=}')
    own = OWN_OPTIONS[kind]
    chosen = {name: value for name, value in given.items() if value is not None}
    foreign = {name for options in OWN_OPTIONS.values() for name in options} - set(own)
    wrong = sorted(foreign & set(chosen))
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)}: no option of model={kind!r}, whose own options are {sorted(own)}. "
            f"Received: {', '.join(f'{name}={chosen[name]!r}' for name in wrong)}"
        )
    return FitOptions(model=kind, recipe=recipe, **{**own, **chosen})


@dataclass(frozen=True)
class FitOptions:
    """Options of :func:`gmmaug_plugin.fit`, which explains them.

    Raises:
        ValueError: An option is none of the allowed ones.
    """

    model: ModelKind = "pca"
    recipe: Recipe | None = None
    variance: float = 0.99
    whiten: bool = False
    symmetry: Symmetry = "flip"
    sharing: Sharing = "details"
    n_components: NComponents = "auto"
    criterion: Criterion = "aic"
    covariance_type: CovarianceType = "diag"
    max_iter: int = 100
    tol: float = 1e-3
    n_init: int = 1
    block_size: int = BLOCK_SIZE
    templates: int = 0
    strength: float | str = "auto"
    holdout: float = 0.15
    refit: bool = True
    allow_copies: bool = False
    random_state: int = 0

    def __post_init__(self) -> None:
        choices = {
            "model": MODEL_KINDS,
            "recipe": (None, "seed"),
            "symmetry": SYMMETRIES,
            "sharing": SHARINGS,
            "criterion": CRITERIA,
            "covariance_type": COVARIANCE_TYPES,
        }
        for name, allowed in choices.items():
            one_of(name, getattr(self, name), allowed)
        whole_number("max_iter", self.max_iter, 1)
        whole_number("n_init", self.n_init, 1)
        whole_number("block_size", self.block_size, 1)
        whole_number("random_state", self.random_state, 0, _GREATEST_SEED - self.n_init)
        whole_number("templates", self.templates, 0, MAX_TEMPLATES)
        object.__setattr__(self, "strength", _parse_strength(self.strength, self.templates))
        if not isinstance(self.holdout, Real) or not 0.0 <= float(self.holdout) <= 0.5:
            raise ValueError(f"holdout must be a share in [0, 0.5]. Received: holdout={self.holdout!r}")
        object.__setattr__(self, "holdout", float(self.holdout))
        if not (isinstance(self.tol, Real) and 0 <= self.tol < math.inf):
            raise ValueError(f"tol must be a number of at least 0. Received: tol={self.tol!r}")
        if not isinstance(self.variance, Real) or not (
            0 < self.variance < 1 or (self.variance >= 1 and float(self.variance).is_integer())
        ):
            raise ValueError(
                "variance must be a share in (0, 1) or a whole number of dimensions. "
                f"Received: variance={self.variance!r}"
            )
        # Checked here so that a typing error shows before photos are read, not minutes later.
        object.__setattr__(self, "n_components", parse_n_components(self.n_components))

    def per_class(self, n_classes: int, n_components: Sequence[int] | None) -> list["FitOptions"]:
        """The options of every class; ``n_components`` gives each a number of its own."""
        if n_components is None:
            return [self] * n_classes
        return [replace(self, n_components=k) for k in n_components]

    def as_json(self) -> dict[str, Any]:
        """The options that the kind of model knows, as plain JSON values."""
        own = OWN_OPTIONS[self.model]
        foreign = {name for options in OWN_OPTIONS.values() for name in options} - set(own)
        options = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in asdict(self).items()
            if name not in foreign
        }
        if isinstance(self.n_components, tuple):
            options["n_components"] = list(self.n_components)
        return options


def _parse_strength(strength: float | str, n_templates: int) -> float | str:
    """``"auto"``, or the number that a strength of synthesis is given as."""
    try:
        parsed = strength if strength == "auto" else float(strength)
    except (TypeError, ValueError):
        parsed = math.nan
    if isinstance(parsed, float) and (not 0.0 <= parsed <= 1.0 or isinstance(strength, bool)):
        raise ValueError(f'strength must be "auto" or in [0, 1]. Received: strength={strength!r}')
    if not n_templates and parsed not in ("auto", FRESH):
        raise ValueError(
            "Without templates there are only fresh draws, strength 1: give templates a number as well. "
            f"Received: strength={strength!r}, templates=0"
        )
    return parsed


def parse_n_components(n_components: NComponents) -> int | str | tuple[int, ...]:
    """Read a number of components: ``"auto"``, ``10``, ``"10"``, ``"1:600:10"`` or several numbers.

    Returns:
        ``"auto"``, one number, or the candidates in ascending order.

    Raises:
        ValueError: None of these, or a number below 1.
    """
    try:
        parsed = _parse(n_components)
    except (TypeError, ValueError):
        parsed = ()
    smallest = min(parsed, default=0) if isinstance(parsed, tuple) else parsed
    if parsed != "auto" and (isinstance(smallest, str) or smallest < 1):
        raise ValueError(
            'n_components must be "auto", a number of at least 1, a range "start:stop:step" or several '
            f"numbers. Received: n_components={n_components!r}"
        )
    return parsed


def _parse(n_components: NComponents) -> int | str | tuple[int, ...]:
    if isinstance(n_components, str):
        text = n_components.strip()
        if text == "auto":
            return text
        if ":" not in text:
            return int(text)
        return tuple(range(*(int(number) for number in text.split(":"))))
    if isinstance(n_components, Iterable):
        return tuple(sorted({whole_number("n_components", number, 1) for number in n_components}))
    return whole_number("n_components", n_components, 1)
