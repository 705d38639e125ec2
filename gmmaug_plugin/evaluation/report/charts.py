"""Charts of choices that were made by measurement, laid out in pixels for the page's template to draw."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gmmaug_plugin.record import FitRecord

MOST_CHARTS = 12
LEFT, RIGHT, TOP, BOTTOM = 56, 404, 26, 228
"""Edges of the plot in pixels; the labels of the axes lie outside."""

_MOST_STEPS = 6

Chart = dict[str, Any]
"""What the template draws: ``heading``, ``description``, ``labels`` and ``ticks`` (pixel, text) of the two
axes, ``series`` of points in pixels by name, the position of the ``chosen`` point or None, and ``rows`` of a
table with its headings first."""


def choice_charts(record: FitRecord, class_names: Sequence[str]) -> list[Chart]:
    """Charts of a record's choices. Records come from files, so malformed choices are left out."""
    charts = []
    for entries in record.choices.values():
        for index, entry in enumerate(entries if isinstance(entries, list | tuple) else [entries]):
            try:
                if entry.get("curve"):
                    charts.append(_criterion_chart(entry, class_names[index] if class_names else ""))
                elif entry.get("candidates"):
                    charts.append(_candidates_chart(entry))
            except (AttributeError, LookupError, TypeError, ValueError, OverflowError):
                continue
    return charts[:MOST_CHARTS]


def _candidates_chart(entry: Mapping[str, Any]) -> Chart:
    """Candidates by the share of copies and the distance to photos held back."""
    options = [one["options"] for one in entry["candidates"]]
    copies = [100 * float(one["refused"]) for one in entry["candidates"]]
    distances = [float(one["distance"]) for one in entry["candidates"]]
    candidates = enumerate(zip(options, distances, copies, strict=True), 1)
    return {
        "heading": "Options tried",
        "description": f"Taken: {entry['choice']}. The lower and the farther left, the better.",
        "labels": ("Draws that are copies, %", "Distance to photos held back"),
        "chosen": options.index(entry["chosen"]),
        "rows": [
            ("Candidate", "Distance", "Copies, %"),
            *(
                (f"{i}: {fact(one)}", number(distance), f"{copied:.0f}")
                for i, (one, distance, copied) in candidates
            ),
        ],
        **_layout(copies, {"Candidates": distances}),
    }


def _criterion_chart(entry: Mapping[str, Any], class_name: str) -> Chart:
    """Information criteria by number of components, each above its lowest value."""
    counts = [int(point["n_components"]) for point in entry["curve"]]
    values = {name: [float(point[name.lower()]) for point in entry["curve"]] for name in ("AIC", "BIC")}
    figures = zip(counts, *values.values(), strict=True)
    return {
        "heading": f"Number of components{f', {class_name}' if class_name else ''}",
        "description": entry["choice"],
        "labels": ("Components", "Nats above lowest"),
        "chosen": None,
        "rows": [
            ("Components", *values),
            *((f"{k:,}", f"{aic:,.2f}", f"{bic:,.2f}") for k, aic, bic in figures),
        ],
        **_layout(counts, {name: [one - min(series) for one in series] for name, series in values.items()}),
    }


def _layout(horizontal: Sequence[float], series: Mapping[str, Sequence[float]]) -> Chart:
    """Ticks and points of series of non-negative values over the same horizontal values."""
    x, x_ticks = _scale(horizontal, LEFT, RIGHT)
    y, y_ticks = _scale([0.0, *(value for values in series.values() for value in values)], BOTTOM, TOP)
    points = {
        name: [(x(across), y(up)) for across, up in zip(horizontal, values, strict=True)]
        for name, values in series.items()
    }
    return {"ticks": (x_ticks, y_ticks), "series": points}


def _scale(
    values: Sequence[float], start: int, end: int
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """A linear scale from values to pixels, and ticks at multiples of 1, 2 or 5 times a power of ten."""
    least = ((max(values) - min(values)) or 1.0) / _MOST_STEPS
    if all(isinstance(value, int) for value in values):
        least = max(least, 1.0)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= least)
    first = math.floor(min(values) / step)
    last = max(math.ceil(max(values) / step), first + 1)

    def pixel(value: float) -> float:
        return round(start + (end - start) * (value / step - first) / (last - first), 1)

    return pixel, [(pixel(one * step), number(one * step)) for one in range(first, last + 1)]


def fact(value: Any) -> str:
    """A value of a record as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {fact(one)}" for key, one in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "\N{EN DASH}"}[value]
    return str(value)


def number(value: float) -> str:
    """A number with three significant digits, whole numbers whole.

    Example:
        >>> number(1234.5), number(0.01234)
        ('1,234', '0.0123')
    """
    if not math.isfinite(value):
        return "not known"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
