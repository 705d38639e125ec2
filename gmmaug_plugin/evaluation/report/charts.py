"""The report's charts, as SVG that takes its colours from the page.

Nothing but our own words is drawn: names of classes stay in the page, where they wrap, or in a chart's title,
which is read out and not drawn.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from gmmaug_plugin.evaluation.report.contents import Curve
from gmmaug_plugin.extras import require
from gmmaug_plugin.images.files import printable

# Colours that stand for those of the page, which change with its scheme.
_INK, _RULE, _CHOSEN = "#010203", "#040506", "#070809"
_SERIES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
_PAGE_COLOURS = {
    _INK: "currentColor",
    _RULE: "var(--rule)",
    _CHOSEN: "var(--chosen)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(_SERIES, 1)},
}
_MARKERS = "os^DvP"
MARKER_SIGNS = ("●", "■", "▲", "◆", "▼", "✚")
"""How the markers of the series look in text, for legends."""

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
    "axes.unicode_minus": True,
}


def explained_variance_chart(name: str, ratios: Sequence[float], description: str) -> str:
    """Draw the share of the photos' variance that the first dimensions hold together.

    Args:
        name: Unique on the page: letters, digits and hyphens.
        ratios: Share of every dimension, greatest first.
        description: The chart in words.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        together = 100 * np.cumsum(ratios)
        axes.plot(np.arange(1, len(ratios) + 1), together, color=_SERIES[0])
        axes.set(xlabel="Dimensions kept", ylabel="Variance explained, %", ylim=(0, 102))
        axes.set_xlim(left=0)

    return _draw(name, "Explained variance", description, draw)


def criterion_chart(name: str, curve: Curve, title: str, description: str) -> str:
    """Draw a criterion above its lowest value, with standard errors where it has them.

    Args:
        name: Unique on the page.
        curve: Of at least one candidate; values that are no finite numbers are left out.
        title: Its title, for those who do not see it.
        description: The chart in words.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        values = np.array(curve.values)
        finite = np.isfinite(values)
        k = np.array(curve.n_components)[finite]
        above = values[finite] - values[finite].min(initial=np.inf)
        if curve.standard_errors is None:
            axes.plot(k, above, color=_SERIES[0], marker="o")
        else:
            errors = np.nan_to_num(np.array(curve.standard_errors))[finite]
            axes.errorbar(k, above, errors, color=_SERIES[0], marker="o", capsize=3, elinewidth=1)
        if curve.chosen is not None:
            axes.axvline(curve.chosen, color=_CHOSEN, linestyle="--", linewidth=1.2)
        axes.set(xlabel="Components", ylabel="Nats per photo above lowest")
        _component_ticks(axes, k.tolist())

    return _draw(name, title, description, draw)


def _component_ticks(axes: Any, candidates: list[int]) -> None:
    """A logarithmic axis of whole numbers, a few of the candidates named."""
    ticker = require("matplotlib.ticker", extra="report")
    if not candidates:
        return
    axes.set_xscale("log")
    apart = 1.25
    shown: list[int] = []
    for k in candidates:
        if not shown or k > shown[-1] * apart * max(1.0, (candidates[-1] / candidates[0]) ** 0.06):
            shown.append(k)
    axes.xaxis.set_major_locator(ticker.FixedLocator(shown))
    axes.xaxis.set_major_formatter(ticker.FixedFormatter([str(k) for k in shown]))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlim(candidates[0] / 1.15, candidates[-1] * 1.15)


def component_sizes_chart(name: str, shares: Sequence[Sequence[float]], description: str) -> str:
    """Draw the weights of the components within their classes, greatest first.

    Args:
        name: Unique on the page.
        shares: Per class, at most as many as there are ``MARKER_SIGNS``: weights 0..1, descending.
        description: The chart in words.

    Returns:
        An ``<svg>`` element.
    """

    def draw(axes: Any) -> None:
        if len(shares) == 1:
            axes.bar(np.arange(1, len(shares[0]) + 1), 100 * np.array(shares[0]), color=_SERIES[0])
        else:
            for of_class, colour, marker in zip(shares, _SERIES, _MARKERS, strict=False):
                ranks = np.arange(1, len(of_class) + 1)
                axes.plot(ranks, 100 * np.array(of_class), color=colour, marker=marker, linewidth=1)
        axes.set(xlabel="Component, greatest first", ylabel="Share, %")
        axes.set_ylim(bottom=0)
        ticker = require("matplotlib.ticker", extra="report")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))

    return _draw(name, "Sizes of the components", description, draw)


def _draw(name: str, title: str, description: str, draw: Callable[[Any], None]) -> str:
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    drawn = io.BytesIO()
    # What the user has set up for their own charts must not change ours, nor ours theirs.
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
    """Make an SVG file part of a page: own ids, the page's colours, a name and a description."""
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
    for colour, of_page in _PAGE_COLOURS.items():
        value = value.replace(colour, of_page)
    return value
