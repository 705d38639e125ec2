"""Tables and charts of the options chosen by measurement; charts are laid out in pixels for the template."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gmmaug_plugin.fit_record import FitRecord

MOST_CHARTS = 12
LEFT, RIGHT, TOP, BOTTOM = 56, 404, 26, 228
"""Edges of the plot in pixels; the labels of the axes lie outside."""

_MOST_STEPS = 6

Chart = dict[str, Any]
"""What the template draws: ``heading``, ``description`` and the ``rows`` of a table, headings first. A chart
also has ``ticks`` of the two axes, each (pixel, text), and ``series`` of points in pixels by name."""


def choice_charts(record: FitRecord, class_names: Sequence[str]) -> list[Chart]:
    """Tables and charts of a record's choices. Files may hold malformed choices, which are left out."""
    charts = []
    for entries in record.choices.values():
        for index, entry in enumerate(entries if isinstance(entries, list | tuple) else [entries]):
            try:
                if entry.get("curve"):
                    charts.append(_criterion_chart(entry, class_names[index] if class_names else ""))
                elif entry.get("candidates"):
                    charts.append(_candidates_table(entry))
            except (AttributeError, LookupError, TypeError, ValueError, OverflowError):
                continue
    return charts[:MOST_CHARTS]


def _candidates_table(entry: Mapping[str, Any]) -> Chart:
    """Candidates with their distance to photos held back and their share of copies."""
    rows = [
        (fact(one["options"]), number(float(one["distance"])), f"{100 * float(one['refused']):.0f}")
        for one in entry["candidates"]
    ]
    return {
        "heading": "Options tried, by distance to photos held back and share of copies",
        "description": f"Lower figures are better. Taken: {entry['choice']}.",
        "rows": [("Candidate", "Distance", "Copies, %"), *rows],
    }


def _criterion_chart(entry: Mapping[str, Any], class_name: str) -> Chart:
    """Information criteria by number of components, each above its lowest value."""
    counts = [int(point["n_components"]) for point in entry["curve"]]
    values = {name: [float(point[name.lower()]) for point in entry["curve"]] for name in ("AIC", "BIC")}
    above = {name: [one - min(series) for one in series] for name, series in values.items()}
    x, x_ticks = _scale(counts, LEFT, RIGHT)
    y, y_ticks = _scale([0.0, *above["AIC"], *above["BIC"]], BOTTOM, TOP)
    figures = zip(counts, *values.values(), strict=True)
    return {
        "heading": f"Number of components{f', {class_name}' if class_name else ''}",
        "description": entry["choice"],
        "rows": [
            ("Components", *values),
            *((f"{k:,}", f"{aic:,.2f}", f"{bic:,.2f}") for k, aic, bic in figures),
        ],
        "ticks": (x_ticks, y_ticks),
        "series": {
            name: [(x(k), y(one)) for k, one in zip(counts, series, strict=True)]
            for name, series in above.items()
        },
    }


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
