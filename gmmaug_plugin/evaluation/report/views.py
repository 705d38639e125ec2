"""The report's parts as the page shows them: pictures with names, sentences, rows of cells."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report import wording
from gmmaug_plugin.evaluation.report.charts import (
    MARKER_SIGNS,
    component_sizes_chart,
    criterion_chart,
    explained_variance_chart,
)
from gmmaug_plugin.evaluation.report.contents import (
    Component,
    Curve,
    Nearness,
    Pair,
    ReportContents,
    Table,
)
from gmmaug_plugin.evaluation.report.data_uris import data_uri

_NOTHING = "\N{EN DASH}"
_MOST_ROWS = 100
_SHOWN_PIXELS = 128
_MOST_CHARTED_CLASSES = 12
_JUDGED = {True: ("good", "as real"), False: ("bad", "not as real"), None: ("open", "not judged")}


@dataclass(frozen=True)
class Picture:
    """An image on the page."""

    uri: str
    alt: str
    caption: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Group:
    """Pictures that belong together; the title is empty where there is nothing to tell apart."""

    title: str
    pictures: tuple[Picture, ...]
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart, its figures as a table, and what its markers mean."""

    svg: str
    description: str
    figures: Table
    heading: str = ""
    class_name: str = ""
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PairView:
    """A sample beside its nearest photo."""

    sample: Picture
    photo: Picture
    word: str
    tone: str
    caption: str


@dataclass(frozen=True)
class PairGroup:
    """All pairs of one space."""

    title: str
    explanation: str
    result: str
    pairs: tuple[PairView, ...]


@dataclass(frozen=True)
class MeasureRow:
    """A measure in words."""

    title: str
    value: str
    real: str
    tone: str
    word: str
    verdict: str
    source: str


def sample_groups(contents: ReportContents) -> tuple[Group, ...]:
    """The samples, class by class."""
    labels = contents.sample_labels
    groups = []
    for label in [None] if labels is None else np.unique(labels):
        members = contents.samples if label is None else contents.samples[labels == label]
        name = "" if label is None else contents.class_names[label]
        of_class = f" of class {name}" if name else ""
        pictures = tuple(
            Picture(data_uri(image), f"Sample {place}{of_class}") for place, image in enumerate(members, 1)
        )
        if pictures:
            groups.append(Group(name, pictures))
    return tuple(groups)


def varied_photos(contents: ReportContents) -> tuple[Group, ...]:
    """Every varied photo, one picture per strength, captioned with it."""
    groups = []
    for place, row in enumerate(contents.variations):
        labels = contents.variation_labels
        name = "" if labels is None else contents.class_names[labels[place]]
        title = f"Photo {place + 1}{f', {name}' if name else ''}"
        pictures = tuple(
            Picture(data_uri(image), f"{title}, varied with strength {strength:g}", f"{strength:g}")
            for strength, image in zip(contents.strengths, row, strict=True)
        )
        groups.append(Group(title, pictures))
    return tuple(groups)


def strength_texts(contents: ReportContents) -> tuple[str, ...]:
    """What the slider says, per strength."""
    return tuple(map(wording.about_strength, contents.strengths))


def first_step(contents: ReportContents) -> int:
    """Where the slider begins: at the strength nearest to the model's own."""
    return int(np.argmin(np.abs(np.array(contents.strengths) - contents.default_strength)))


def pair_groups(contents: ReportContents) -> tuple[PairGroup, ...]:
    """The nearest pairs, space by space."""
    groups = []
    for nearness in contents.nearness:
        title, explanation = wording.SPACES.get(nearness.space, (nearness.space, ""))
        pairs = [_pair(pair, title) for pair in contents.pairs if pair.space == nearness.space]
        groups.append(PairGroup(title, explanation, _nearness(nearness), tuple(pairs)))
    return tuple(groups)


def _nearness(nearness: Nearness) -> str:
    far = nearness.n_samples - nearness.n_copies - nearness.n_near
    copies = wording.with_unit(100 * nearness.n_copies / nearness.n_samples, "%")
    result = (
        f"Among {wording.plural(nearness.n_samples, 'sample')}: {nearness.n_copies:,} called copies "
        f"({copies}), {nearness.n_near:,} near, {far:,} far."
    )
    if nearness.real_share is None:
        return result
    real = wording.with_unit(100 * nearness.real_share, "%")
    return f"{result} Of real photos, {real} are called copies of other real photos."


def _pair(pair: Pair, space: str) -> PairView:
    tone = {"copy": "bad", "near": "open", "far": "good"}[pair.closeness]
    # Rounded down, so that no copy reads as a whole copy distance away.
    caption = f"{math.floor(100 * pair.ratio) / 100:.2f} times the copy distance"
    return PairView(
        Picture(data_uri(pair.sample), f"Sample {pair.sample_index}", f"sample {pair.sample_index}"),
        Picture(
            data_uri(pair.photo),
            f"Training photo {pair.photo_index}, nearest to sample {pair.sample_index} ({space.lower()})",
            f"photo {pair.photo_index}",
        ),
        pair.closeness,
        tone,
        caption,
    )


def measure_rows(measures: Iterable[Measure]) -> tuple[MeasureRow, ...]:
    """The measures, row by row."""
    return tuple(
        MeasureRow(
            title=measure.title,
            value=wording.with_unit(measure.value, measure.unit),
            real=_NOTHING if measure.real is None else wording.with_unit(measure.real, measure.unit),
            tone=_JUDGED[measure.good][0],
            word=_JUDGED[measure.good][1],
            verdict=measure.verdict,
            source=measure.source,
        )
        for measure in measures
    )


def eigen_pictures(contents: ReportContents) -> tuple[Picture, ...]:
    """The eigen-images, with their share of the variance where it is known."""
    ratios = contents.explained_variance_ratio
    pictures = []
    for place, image in enumerate(contents.eigen_images):
        share = wording.percent(ratios[place]) if place < len(ratios) else ""
        alt = f"Eigen-image {place + 1}{f', {share} of the variance' if share else ''}"
        pictures.append(Picture(data_uri(image), alt, f"{place + 1}{f' · {share}' if share else ''}"))
    return tuple(pictures)


def variance_chart(contents: ReportContents) -> Chart | None:
    """The explained variance, if it is known."""
    ratios = contents.explained_variance_ratio
    if not ratios:
        return None
    together = 100 * np.cumsum(ratios)
    steps = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if n < len(ratios)] + [len(ratios)]
    half = int(np.searchsorted(together, 50)) + 1
    description = (
        f"The first {wording.plural(len(ratios), 'dimension')} hold {together[-1]:.1f}% of the variance"
    )
    description += f"; {half} hold half of it." if half <= len(ratios) else "."
    rows = tuple((n, float(together[n - 1])) for n in steps)
    figures = Table("Explained variance", ("Dimensions kept", "Variance explained (%)"), rows)
    return Chart(explained_variance_chart("variance", ratios, description), description, figures)


def criterion_charts(contents: ReportContents) -> tuple[Chart, ...]:
    """A chart per class and criterion, wherever there was anything to choose among."""
    curves = [curve for curve in contents.criterion_curves if len(curve.n_components) > 1]
    charted = list(dict.fromkeys(curve.class_name for curve in curves))[:_MOST_CHARTED_CLASSES]
    return tuple(
        _criterion(curve, f"curve-{place}")
        for place, curve in enumerate(curves, 1)
        if curve.class_name in charted
    )


def _criterion(curve: Curve, name: str) -> Chart:
    title = wording.about_criterion(curve)
    heading = f"{curve.class_name}: {title}" if curve.class_name else title
    chosen = "" if curve.chosen is None else f" The model has {curve.chosen}, the dashed line."
    description = f"Lowest with {wording.plural(curve.best, 'component')}.{chosen}"
    columns: tuple[str, ...] = ("Components", "Nats per photo")
    rows: list[tuple[str | int | float | None, ...]] = list(
        zip(curve.n_components, map(_precise, curve.values), strict=True)
    )
    if curve.standard_errors is not None:
        columns += ("Standard error",)
        rows = [(*row, error) for row, error in zip(rows, curve.standard_errors, strict=True)]
    svg = criterion_chart(name, curve, heading, description)
    return Chart(svg, description, Table(heading, columns, tuple(rows)), heading, curve.class_name)


def _precise(value: float) -> str:
    """Criteria differ in their last digits: all of them are told."""
    return f"{value:,.2f}"


def component_groups(contents: ReportContents) -> tuple[Group, ...]:
    """Mean images of the components, class by class."""
    groups = []
    for name, members in groupby(contents.components, key=lambda component: component.class_name):
        of_class = list(members)
        pictures = tuple(
            Picture(data_uri(component.mean_image), _about(component, place), _size(component))
            for place, component in enumerate(of_class, 1)
            if component.mean_image is not None
        )
        hidden = len(of_class) - len(pictures)
        note = f"And {wording.plural(hidden, 'smaller component')}." if hidden and pictures else ""
        if pictures:
            groups.append(Group(name, pictures, note))
    return tuple(groups)


def _about(component: Component, place: int) -> str:
    of_class = f" of class {component.class_name}" if component.class_name else ""
    return f"Mean image of component {place}{of_class}"


def _size(component: Component) -> str:
    size = wording.percent(component.share)
    if component.n_photos is not None:
        n = round(component.n_photos, None if component.n_photos >= 10 else 1)
        size += f", {wording.number(n)} photos"
    if component.held_back_share is not None:
        size += f"; held back: {wording.percent(component.held_back_share)}"
    return size


def lonely_components(contents: ReportContents) -> str:
    """Say how many components stand for a photo or less, if any does."""
    known = [one.n_photos for one in contents.components if one.n_photos is not None]
    lonely = sum(n < 1.5 for n in known)
    if not lonely:
        return ""
    return (
        f"{lonely:,} of {wording.plural(len(known), 'component')} {'stands' if lonely == 1 else 'stand'} for "
        "a single photo: what is drawn from such a component is that photo again."
    )


def sizes_chart(contents: ReportContents) -> Chart | None:
    """The sizes of all components, where a class has more than one."""
    classes = [
        (name, [component.share for component in members])
        for name, members in groupby(contents.components, key=lambda component: component.class_name)
    ]
    if all(len(shares) == 1 for _, shares in classes):
        return None
    charted = classes[: len(MARKER_SIGNS)]
    rows = [(name, rank, 100 * share) for name, shares in classes for rank, share in enumerate(shares, 1)]
    columns: tuple[str, ...] = ("Class", "Component", "Share of its class (%)")
    cells: list[tuple[str | int | float | None, ...]] = list(rows[:_MOST_ROWS])
    if not contents.class_names:
        columns, cells = ("Component", "Share (%)"), [row[1:] for row in cells]
    note = "" if len(rows) <= _MOST_ROWS else f"The first {_MOST_ROWS} of {len(rows):,}; report.json has all."
    first = "the greatest of each class first" if contents.class_names else "the greatest first"
    description = f"{wording.plural(len(rows), 'component')}, {first}."
    if len(classes) > len(charted):
        description += f" The first {len(charted)} of {len(classes)} classes are drawn."
    svg = component_sizes_chart("sizes", [shares for _, shares in charted], description)
    named = [name for name, _ in charted] if contents.class_names and len(charted) > 1 else []
    legend = tuple(zip(MARKER_SIGNS, named, strict=False))
    figures = Table("Sizes of the components", columns, tuple(cells), note)
    return Chart(svg, description, figures, legend=legend)


def facts(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and values as text, in the order of the names."""
    return tuple((str(key), _fact(values[key])) for key in sorted(values, key=str))


def _fact(value: Any) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping) and all(isinstance(one, str | int | float) for one in value.values()):
        return ", ".join(f"{key}: {one}" for key, one in value.items()) or _NOTHING
    if isinstance(value, Sequence) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value)) or _NOTHING
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def cell(value: str | int | float | None) -> str:
    """A cell of a table as text."""
    if value is None:
        return _NOTHING
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else wording.number(value)


def chance(probability: float) -> str:
    """A probability as a share."""
    return wording.percent(probability)


def explain_near(held_back: bool) -> str:
    """What copy, near and far mean."""
    than = "closer than nine of ten photos held back" if held_back else "only a little farther"
    return (
        "The copy distance is the one below which only about 1% of real photos come to another real photo of "
        f"their class, however turned or mirrored. A sample nearer than that is called a copy; near is "
        f"{than}, and anything beyond is far."
    )


def enlargement(image_size: int) -> int:
    """How many times larger than they are images are shown, so that small ones can be seen.

    Example:
        >>> enlargement(32), enlargement(100), enlargement(128)
        (4, 1, 1)
    """
    return max(1, _SHOWN_PIXELS // image_size)
