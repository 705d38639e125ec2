"""How a model came about, out of what it tells of itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report.contents import Curve, Refusal
from gmmaug_plugin.models.image_model import ImageModel

_TOLD_ELSEWHERE = {
    "criterion_curves",
    "explained_variance_ratio",
    "measures",
    "options",
    "refused_candidates",
    "versions",
}


@dataclass(frozen=True, eq=False)
class Making:
    """A model's info, sorted out. What is absent or of another form is empty: files come from anywhere.

    Attributes:
        options: Of the fit.
        versions: Of libraries.
        n_components_per_class: In label order.
        choices: Why so many, per class in label order, or per level; empty if unknown.
        criterion_curves: By class or level, the deciding one first.
        refusals: Candidates that were not taken.
        explained_variance_in_code_order: Share of the variance along every dimension of a code, (q,).
        measures: What was measured when it was fitted.
        rest: Everything else.
    """

    options: Mapping[str, Any]
    versions: Mapping[str, Any]
    n_components_per_class: tuple[int, ...]
    choices: tuple[str, ...]
    criterion_curves: tuple[Curve, ...]
    refusals: tuple[Refusal, ...]
    explained_variance_in_code_order: NDArray[np.float64]
    measures: tuple[Measure, ...]
    rest: Mapping[str, Any]

    @property
    def explained_variance_ratio(self) -> tuple[float, ...]:
        """The shares, greatest first."""
        return tuple(np.sort(self.explained_variance_in_code_order)[::-1].tolist())


def describe_making(model: ImageModel) -> Making:
    """Sort out ``model.info``."""
    info = _mapping(model.info)
    names = tuple(model.class_names) or ("",)
    counts = _mapping(info.get("n_components_per_class"))
    reasons = _mapping(info.get("choices"))
    by_class = {name: counts[name] for name in names if isinstance(counts.get(name), int)}
    curves = _mapping(info.get("criterion_curves"))
    chosen_for: Mapping[str, int] = by_class
    if not set(curves) <= set(names):
        # Chosen level by level, not class by class.
        names, by_class = tuple(map(str, curves)), {}
        chosen_for = {name: entry["best"] for name in names for entry in [*_entries(curves[name])][:1]}
    return Making(
        options=_mapping(info.get("options")),
        versions=_mapping(info.get("versions")),
        n_components_per_class=tuple(by_class.values()) if len(by_class) == len(names) else (),
        choices=tuple(str(reasons[name]) for name in names) if set(names) <= set(reasons) else (),
        criterion_curves=tuple(_curves(curves, names, chosen_for)),
        refusals=tuple(_refusals(info.get("refused_candidates"), names)),
        explained_variance_in_code_order=_shares(info.get("explained_variance_ratio")),
        measures=tuple(_measures(info.get("measures"))),
        rest={key: value for key, value in info.items() if key not in _TOLD_ELSEWHERE}
        | {"strengths": model.strengths.as_json()},
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    listed = value if isinstance(value, list | tuple) else [value]
    return (entry for entry in listed if isinstance(entry, Mapping))


def _curves(value: Any, names: tuple[str, ...], counts: Mapping[str, int]) -> Iterator[Curve]:
    for name in names:
        for place, entry in enumerate(_entries(_mapping(value).get(name))):
            try:
                yield _curve(entry, name, counts.get(name), decides=place == 0)
            except (KeyError, TypeError, ValueError):
                continue


def _curve(entry: Mapping[str, Any], name: str, chosen: int | None, *, decides: bool) -> Curve:
    n_components = tuple(int(k) for k in entry["n_components"])
    values = tuple(float(value) for value in entry["values"])
    errors = entry.get("standard_errors")
    errors = None if errors is None else tuple(float(error) for error in errors)
    if not values or len(values) != len(n_components) or (errors is not None and len(errors) != len(values)):
        raise ValueError(f"A curve needs a value per candidate. Received: {len(values)} values")
    best = int(entry.get("best", n_components[int(np.argmin(values))]))
    return Curve(name, str(entry["criterion"]), n_components, values, errors, best, chosen, decides)


def _refusals(value: Any, names: tuple[str, ...]) -> Iterator[Refusal]:
    for name in names:
        for entry in _entries(_mapping(value).get(name)):
            if isinstance(entry.get("n_components"), int) and "reason" in entry:
                yield Refusal(name, entry["n_components"], str(entry["reason"]))


def _shares(value: Any) -> NDArray[np.float64]:
    try:
        shares = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return np.empty(0)
    return shares if shares.ndim == 1 and np.isfinite(shares).all() else np.empty(0)


def _measures(value: Any) -> Iterator[Measure]:
    for entry in _entries(value):
        try:
            yield Measure(**{key: entry[key] for key in Measure.__dataclass_fields__})
        except KeyError:
            continue
