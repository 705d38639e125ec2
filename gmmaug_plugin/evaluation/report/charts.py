"""The report's charts, as SVG that takes its colors from the page.

Nothing but the package's own words and option names are drawn: names of classes stay in the page, where they
wrap, or in a chart's title, which screen readers read.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from gmmaug_plugin.extras import require
from gmmaug_plugin.photos.files import printable

# Colors that stand for those of the page, which change with its scheme.
_INK, _RULE, _CHOSEN = "#010203", "#040506", "#070809"
_SERIES = ("#0a0b01", "#0a0b02")
_PAGE_COLORS = {
    _INK: "currentColor",
    _RULE: "var(--rule)",
    _CHOSEN: "var(--chosen)",
    **{color: f"var(--series-{place})" for place, color in enumerate(_SERIES, 1)},
}
_WIDTH, _HEIGHT = 4.4, 2.9
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _RULE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


def candidates_chart(
    name: str, distances: Sequence[float], refused: Sequence[float], chosen: int | None, description: str
) -> str:
    """Draw candidates as numbered points: distance to held-back photos against the share of copies.

    Args:
        name: Unique on the page: letters, digits and hyphens.
        distances: Of every candidate.
        refused: Share of its draws that were copies, 0..1.
        chosen: Position of the candidate taken, drawn in another color; None if unknown.
        description: The chart in words.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        shares = 100 * np.asarray(refused)
        colors = [_CHOSEN if place == chosen else _SERIES[0] for place in range(len(distances))]
        axes.scatter(shares, distances, c=colors, s=28)
        for place, point in enumerate(zip(shares, distances, strict=True), 1):
            axes.annotate(str(place), point, xytext=(5, 4), textcoords="offset points", fontsize=9)
        axes.set(xlabel="Draws that are copies, %", ylabel="Distance to photos held back")
        axes.set_ylim(bottom=0)

    return _draw(name, "Candidates", description, draw)


def criterion_chart(
    name: str, n_components: Sequence[int], curves: Mapping[str, Sequence[float]], description: str
) -> str:
    """Draw at most two criteria over numbers of components, each above its lowest value.

    Args:
        name: Unique on the page.
        n_components: Candidates, ascending.
        curves: By name of the criterion, its values; the first is drawn with a line, the second dashed.
        description: The chart in words.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        for (title, values), color, style in zip(curves.items(), _SERIES, ("-", "--"), strict=False):
            above = np.asarray(values) - np.nanmin(values)
            axes.plot(n_components, above, style, color=color, marker="o", label=title)
        axes.set(xlabel="Components", ylabel="Nats above lowest")
        axes.legend(frameon=False)

    return _draw(name, "Criterion", description, draw)


def _draw(name: str, title: str, description: str, draw: Callable[[Any], None]) -> str:
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    drawn = io.BytesIO()
    # The user's own settings must not change these charts.
    usual = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with matplotlib.rc_context({**usual, **_STYLE, "svg.hashsalt": name}):
        figure = figures.Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        axes.tick_params(length=3)
        draw(axes)
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(drawn, format="svg", transparent=True, metadata=metadata)
    return _for_page(drawn.getvalue(), name, title, description)


def _for_page(svg: bytes, name: str, title: str, description: str) -> str:
    """Make an SVG file part of a page: own ids, the page's colors, a name and a description."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None if element.tail is None or not element.tail.strip() else element.tail
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            element.set(key.rpartition("}")[2], _own(key, value, name))
    for unwanted in root.findall("metadata"):
        root.remove(unwanted)
    for key in ("width", "height", "version", "id"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("class", "chart")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, id=f"{name}-{'title' if tag == 'title' else 'description'}")
        element.text = printable(text)
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def _own(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return value.replace("#", f"#{name}-")
    value = value.replace("url(#", f"url(#{name}-")
    for color, of_page in _PAGE_COLORS.items():
        value = value.replace(color, of_page)
    return value
