"""The parts of the page: pictures as text, pairs, charts, rows of tables."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.measuring import Measurements
from gmmaug_plugin.evaluation.report.charts import candidates_chart, criterion_chart
from gmmaug_plugin.pool import Pool

Images = NDArray[np.uint8]

MOST_COMPARED = 300
"""Images of the pool, chosen at random, whose nearest photos are sought."""

MOST_PAIRS = 18
MOST_EIGEN = 12
MOST_CHARTS = 12
_SHOWN_PIXELS = 128

ABSENT = "\N{EN DASH}"
"""Shown for a missing figure."""

_SPACE_WORDS = {
    "raw": "pixel by pixel",
    "contrast": "apart from brightness and contrast",
    "high_pass": "in fine structure",
}


@dataclass(frozen=True)
class Picture:
    """An image on the page."""

    uri: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Pair:
    """An image of the pool beside its nearest photo; without a photo where nothing was compared."""

    image: Picture
    photo: Picture | None
    is_copy: bool
    caption: str


@dataclass(frozen=True)
class Chart:
    """A chart, and its figures as a table."""

    heading: str
    svg: str
    description: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def data_uri(image: Images) -> str:
    """Encode an image, uint8 (h, w) or (h, w, 3), as a ``data:`` URI without loss.

    Images larger than 128 pixels are reduced to that first.

    Example:
        >>> data_uri(np.zeros((8, 8), np.uint8))[:16]
        'data:image/webp;'
    """
    picture = Image.fromarray(image)
    picture.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS), Image.Resampling.HAMMING)
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", lossless=True, quality=100, method=4)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"


@dataclass(frozen=True, eq=False)
class Compared:
    """Images of the pool and the training photo nearest to each.

    Attributes:
        rows: Positions in the pool, (n,), in random order.
        ratios: Least over the spaces of distance over threshold, (n,): below 1 an image is a copy.
        spaces: The space of that ratio, n names.
        photos: The nearest photo in that space, turned as it matches, n images.
        photo_rows: Its position among the training photos, (n,).
    """

    rows: NDArray[np.intp]
    ratios: NDArray[np.float32]
    spaces: tuple[str, ...]
    photos: tuple[Images, ...]
    photo_rows: NDArray[np.intp]

    def as_json(self) -> list[dict[str, Any]]:
        """One object per image, the nearest first."""
        return [
            {
                "image": int(self.rows[one]),
                "photo": int(self.photo_rows[one]),
                "space": self.spaces[one],
                "ratio": round(float(self.ratios[one]), 4),
            }
            for one in np.argsort(self.ratios, kind="stable")
        ]


def compare(pool: Pool, detector: CopyDetector, rng: np.random.Generator) -> Compared:
    """Find the nearest photos of at most 300 images of the pool, chosen at random."""
    rows = rng.permutation(len(pool))[:MOST_COMPARED]
    labels = None if pool.labels is None else pool.labels[rows]
    found = [detector.nearest(pool.images[rows], labels, space=space) for space in SPACES]
    best = np.argmin([one.ratios for one in found], axis=0)
    places = range(len(rows))
    return Compared(
        rows,
        np.array([found[best[one]].ratios[one] for one in places], np.float32),
        tuple(SPACES[best[one]] for one in places),
        tuple(found[best[one]].photo(one) for one in places),
        np.array([found[best[one]].indices[one] for one in places], np.intp),
    )


def pairs(pool: Pool, compared: Compared | None, *, nearest: bool, rng: np.random.Generator) -> list[Pair]:
    """Images of the pool beside their nearest photos: the nearest of all, or some at random."""
    if compared is None:
        rows = rng.permutation(len(pool))[:MOST_PAIRS]
        return [Pair(_pool_picture(pool, int(row)), None, False, "") for row in rows]
    order = np.argsort(compared.ratios, kind="stable") if nearest else np.arange(len(compared.rows))
    shown = []
    for one in order[:MOST_PAIRS]:
        image = _pool_picture(pool, int(compared.rows[one]))
        alt = f"Training photo {compared.photo_rows[one]}, the nearest to image {compared.rows[one]}"
        ratio, space = float(compared.ratios[one]), _SPACE_WORDS[compared.spaces[one]]
        # Rounded down, so that no copy reads as a whole copy distance away.
        caption = f"{np.floor(100 * ratio) / 100:.2f} copy distances apart, {space}"
        shown.append(Pair(image, Picture(data_uri(compared.photos[one]), alt), ratio < 1, caption))
    return shown


def _pool_picture(pool: Pool, row: int) -> Picture:
    name = "" if pool.labels is None else pool.class_names[pool.labels[row]]
    return Picture(data_uri(pool.images[row]), f"Image {row} of the pool{f', {name}' if name else ''}", name)


def strips(
    photos: Images,
    labels: NDArray[np.int32] | None,
    names: tuple[str, ...],
    rerendered: Mapping[float, Images],
) -> list[tuple[str, list[Picture]]]:
    """Photos with their re-renderings: a title, the photo itself, and a picture per strength."""
    found = []
    for place, photo in enumerate(photos):
        name = "" if labels is None else names[labels[place]]
        title = f"Photo {place + 1}{f', {name}' if name else ''}"
        pictures = [Picture(data_uri(photo), f"{title}, as it is", "photo")]
        for strength in sorted(rerendered):
            alt = f"{title}, re-rendered with strength {strength:g}"
            pictures.append(Picture(data_uri(rerendered[strength][place]), alt, f"{strength:g}"))
        found.append((title, pictures))
    return found


def eigen_pictures(eigen_images: Mapping[str, NDArray[np.float32]]) -> list[tuple[str, list[Picture]]]:
    """The first principal images of every class, mid-gray where they change nothing."""
    groups = []
    for name, images in list(eigen_images.items())[:MOST_CHARTS]:
        pictures = []
        for place, image in enumerate(images[:MOST_EIGEN], 1):
            scale = 127 / max(float(np.abs(image).max()), 1e-12)
            gray = np.clip(np.rint(128 + scale * image), 0, 255).astype(np.uint8)
            of_class = f" of class {name}" if name else ""
            pictures.append(Picture(data_uri(gray), f"Principal image {place}{of_class}", str(place)))
        groups.append((name, pictures))
    return groups


def choice_charts(pool: Pool) -> list[Chart]:
    """How options were chosen by measurement; records come from files, so malformed ones are left out."""
    charts = []
    for key, entries in pool.record.choices.items():
        for place, entry in enumerate(entries if isinstance(entries, list | tuple) else [entries]):
            try:
                chart = _choice_chart(pool, str(key), entry, place)
            except (AttributeError, KeyError, TypeError, ValueError, IndexError):
                continue
            if chart is not None:
                charts.append(chart)
    return charts[:MOST_CHARTS]


def _choice_chart(pool: Pool, key: str, entry: Mapping[str, Any], place: int) -> Chart | None:
    name = f"choice-{key}-{place}" if key.isalnum() else f"choice-{place}"
    choice = str(entry.get("choice", ""))
    if entry.get("curve"):
        curve = entry["curve"]
        counts = [int(point["n_components"]) for point in curve]
        values = {
            one.upper(): [float(point[one]) for point in curve] for one in ("aic", "bic") if one in curve[0]
        }
        names = pool.class_names or ("",)
        heading = f"Number of components{f', {names[place]}' if names[place] else ''}"
        rows = [(f"{k:,}", *(f"{one[i]:,.2f}" for one in values.values())) for i, k in enumerate(counts)]
        svg = criterion_chart(name, counts, values, choice)
        return Chart(heading, svg, choice, ("Components", *values), tuple(rows))
    if entry.get("candidates"):
        candidates = entry["candidates"]
        distances = [float(one["distance"]) for one in candidates]
        refused = [float(one["refused"]) for one in candidates]
        options = [one["options"] for one in candidates]
        chosen = options.index(entry["chosen"]) if entry.get("chosen") in options else None
        rows = [
            (f"{i}: {fact(options[i - 1])}", number(distances[i - 1]), f"{100 * refused[i - 1]:.0f}")
            for i in range(1, len(candidates) + 1)
        ]
        svg = candidates_chart(name, distances, refused, chosen, choice)
        description = f"Taken: {choice}. The lower and the farther left, the better."
        return Chart("Options tried", svg, description, ("Candidate", "Distance", "Copies, %"), tuple(rows))
    return None


def measure_rows(measures: tuple[Measure, ...]) -> Iterator[tuple[Measure, str, str]]:
    """Measures with both figures as text."""
    for one in measures:
        unit = f" {one.unit}" if one.unit else ""
        yield one, number(one.value) + unit, ABSENT if one.real is None else number(one.real) + unit


def verdict(measurements: Measurements | None) -> tuple[str, str]:
    """The report in one sentence: its tone ("good", "bad" or "open"), and the sentence."""
    measures = () if measurements is None else measurements.measures
    judged = [one for one in measures if one.good is not None]
    bad = [one for one in judged if not one.good]
    if not judged:
        return "open", "Nothing was measured: judge by the pictures."
    copied = [one for one in bad if one.name.startswith("copies_")]
    if copied:
        worst = max(copied, key=lambda one: one.value - (one.real or 0))
        return "bad", f"The pool copies photos. {worst.verdict}"
    if not bad:
        return "good", f"In all {len(judged)} measures the pool's images are as other photos would be."
    titles = "; ".join(one.title for one in bad)
    rest = len(judged) - len(bad)
    return (
        "open",
        f"As photos in {rest} of {len(judged)} measures, and unlike photos in the others: {titles}.",
    )


def facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as text, in the order of the names."""
    return [(str(key), fact(values[key])) for key in sorted(values, key=str)]


def fact(value: Any) -> str:
    """A value of a record as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {fact(one)}" for key, one in value.items()) or ABSENT
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ABSENT}[value]
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, default=str)


def number(value: float) -> str:
    """A number with three significant digits, whole numbers whole.

    Example:
        >>> number(1234.5), number(0.01234)
        ('1,234', '0.0123')
    """
    if not np.isfinite(value):
        return "not known"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
