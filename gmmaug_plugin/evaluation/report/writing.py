"""Writing the report: ``index.html``, one self-contained page, and ``report.json``."""

import base64
import io
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, turned
from gmmaug_plugin.evaluation.measuring import Measurements
from gmmaug_plugin.evaluation.report import charts
from gmmaug_plugin.extras import require
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.photos import PhotoSet, printable
from gmmaug_plugin.pool import Pool

PAGE, NUMBERS = "index.html", "report.json"
FORMAT_VERSION = 2

MOST_COMPARED = 300
"""Images of the pool, chosen at random, whose nearest photos are sought."""

MOST_PAIRS = 18
MOST_EIGEN = 12
_SHOWN_PIXELS = 128

Images = NDArray[np.uint8]


class Pair(NamedTuple):
    """An image of the pool and the training photo nearest to it.

    Attributes:
        image: Position in the pool.
        photo: Position among the training photos.
        space: The space in which the two are nearest.
        ratio: Their distance there over the threshold: below 1 the image is a copy.
        turned: The photo, turned as it matches best, uint8 (size, size) or (size, size, 3).
    """

    image: int
    photo: int
    space: str
    ratio: float
    turned: Images


def write_report(
    folder: str | Path,
    pool: Pool,
    training: PhotoSet,
    measurements: Measurements | None = None,
    *,
    detector: CopyDetector | None = None,
    eigen_images: Mapping[str, NDArray[np.float32]] | None = None,
) -> Path:
    """Write a report on a pool.

    Both files are whole or untouched; an earlier report is replaced. The same arguments give the same bytes.
    The page shows training photos.

    Args:
        folder: The target; made when absent. "~" is the home.
        pool: The pool.
        training: The photos that it was drawn from, of the pool's size.
        measurements: The measures of the pool; None if nothing was measured.
        detector: Finds the nearest photos of the pool's images; None leaves them out.
        eigen_images: By class name, principal images float (q, size, size), strongest first.

    Returns:
        The path of the page.

    Raises:
        ImportError: jinja2 is not installed; the message names the extra that brings it.
        ValueError: ``folder`` is a file.
        OSError: The report cannot be written; an earlier one is untouched.

    Example:
        >>> write_report("report", pool, photos, found, detector=detector)  # doctest: +SKIP
        PosixPath('report/index.html')
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"A report is written into a folder. Received: {str(folder)!r}, which is a file")
    rows = np.random.default_rng(9).permutation(len(pool))[:MOST_COMPARED]
    pairs = [] if detector is None else compare(pool, training, detector, rows)
    nearest = sorted(pairs, key=lambda pair: pair.ratio)
    notes = list(dict.fromkeys([*(measurements.notes if measurements else ()), *pool.record.notes]))
    page = _render(
        pool=pool,
        record=pool.record,
        training=training,
        tone_and_verdict=verdict(measurements),
        measures=measurements.measures if measurements else (),
        notes=notes,
        pairs=pairs,
        nearest=nearest[:MOST_PAIRS],
        random=pairs[:MOST_PAIRS] or [{"image": int(row)} for row in rows[:MOST_PAIRS]],
        charts=charts.choice_charts(pool.record, pool.class_names),
        eigen_images={name: images[:MOST_EIGEN] for name, images in (eigen_images or {}).items()},
    )
    document = {
        "format": "gmmaug-report",
        "format_version": FORMAT_VERSION,
        "pool": {
            "n_images": len(pool),
            "image_size": pool.image_size,
            "channels": pool.channels,
            "class_names": list(pool.class_names),
        },
        "record": pool.record.as_json(),
        "verdict": verdict(measurements)[1],
        "measurements": measurements.as_json() if measurements else None,
        "nearest": [
            {"image": one.image, "photo": one.photo, "space": one.space, "ratio": round(one.ratio, 4)}
            for one in nearest
        ],
        "skipped": [str(one) for one in training.skipped],
        "notes": notes,
    }
    numbers = json.dumps(_finite(document), indent=1, sort_keys=True, allow_nan=False).encode("ascii")
    folder.mkdir(parents=True, exist_ok=True)
    # The figures are put in place when the page is on the disk and has only to be renamed, so that a full
    # disk leaves neither of them new beside an old one.
    write_whole(folder / PAGE, page.encode("utf-8"), check=lambda _: write_whole(folder / NUMBERS, numbers))
    return folder / PAGE


def compare(pool: Pool, training: PhotoSet, detector: CopyDetector, rows: NDArray[np.intp]) -> list[Pair]:
    """Find the nearest training photos of some images of the pool, in the order of ``rows``."""
    found = detector.nearest(pool.images[rows], None if pool.labels is None else pool.labels[rows])
    pairs = []
    for place, row in enumerate(rows):
        space = min(SPACES, key=lambda one: found[one].ratios[place])
        near = found[space]
        photo = int(near.indices[place])
        shown = turned(training.images[photo][None], int(near.symmetries[place]))[0]
        pairs.append(Pair(int(row), photo, space, float(near.ratios[place]), shown))
    return pairs


def verdict(measurements: Measurements | None) -> tuple[str, str]:
    """The report in one sentence: its tone ("good", "bad" or "open"), and the sentence."""
    judged = [one for one in (measurements.measures if measurements else ()) if one.good is not None]
    bad = [one for one in judged if not one.good]
    if not judged:
        return "open", "Nothing was measured: judge by the pictures."
    copied = [one for one in bad if one.name.startswith("copies_")]
    if copied:
        worst = max(copied, key=lambda one: one.value - one.real)
        return "bad", f"The pool copies photos. {worst.verdict}"
    n_open = len(measurements.measures if measurements else ()) - len(judged)
    rest = f" {n_open} measures are not judged." if n_open else ""
    if not bad:
        return "good", f"In {len(judged)} measures the pool's images are as other photos would be.{rest}"
    titles = "; ".join(one.title for one in bad)
    good = len(judged) - len(bad)
    text = f"As photos in {good} of {len(judged)} measures, and unlike photos in the others: {titles}."
    return "open", text + rest


def data_uri(image: Images | NDArray[np.float32]) -> str:
    """Encode an image as a ``data:`` URI without loss, reduced to 128 pixels if larger.

    Args:
        image: uint8 (h, w) or (h, w, 3); or float (h, w), shown with its largest magnitude black or white
            and zero mid-gray.

    Example:
        >>> data_uri(np.zeros((8, 8), np.uint8))[:16]
        'data:image/webp;'
    """
    if image.dtype != np.uint8:
        image = np.rint(128 + 127 * image / max(float(np.abs(image).max()), 1e-12)).astype(np.uint8)
    picture = Image.fromarray(image)
    picture.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS), Image.Resampling.HAMMING)
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", lossless=True, quality=100, method=4)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"


def _finite(value: Any) -> Any:
    """JSON values with null in place of numbers that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> Any:
    """Text with control characters escaped: names may hold line breaks and marks that turn text around."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _render(**parts: Any) -> str:
    """Fill in the page. Every text is escaped, and the page's policy forbids scripts and loading anything."""
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gmmaug_plugin.evaluation", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"data_uri": data_uri, "number": charts.number, "fact": charts.fact}
    environment.globals |= {"geometry": charts, "version": version("gmmaug-plugin")}
    return str(environment.get_template("page.html.jinja").render(parts))
