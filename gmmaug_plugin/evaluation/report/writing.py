"""Writing the report: ``index.html``, one self-contained page, and ``report.json``."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.measuring import Measurements
from gmmaug_plugin.evaluation.report import sections
from gmmaug_plugin.extras import require
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.photos import PhotoSet
from gmmaug_plugin.photos.files import printable
from gmmaug_plugin.pool import Pool

PAGE, NUMBERS = "index.html", "report.json"
FORMAT_VERSION = 2

Rerendered = tuple[NDArray[np.intp], Mapping[float, NDArray[np.uint8]]]


def write_report(
    folder: str | Path,
    pool: Pool,
    training: PhotoSet,
    measurements: Measurements | None = None,
    *,
    detector: CopyDetector | None = None,
    rerendered: Rerendered | None = None,
    eigen_images: Mapping[str, NDArray[np.float32]] | None = None,
) -> Path:
    """Write a report on a pool.

    Both files are whole or untouched; a report that is there already is replaced. The same arguments give
    the same bytes. The page shows training photos.

    Args:
        folder: Where to; made when absent.
        pool: The pool.
        training: The photos that it was drawn from, of the pool's size.
        measurements: What was measured; None says so on the page.
        detector: Finds the nearest photos of the pool's images; None leaves them out.
        rerendered: Photos re-rendered: their positions among the training photos (m,), and by strength uint8
            (m, size, size) or (m, size, size, 3).
        eigen_images: By class name, principal images float (q, size, size), strongest first.

    Returns:
        The page.

    Raises:
        ImportError: matplotlib or jinja2 is not installed; says which extra brings them.
        ValueError: ``folder`` is a file.
        OSError: The report cannot be written; one that was there is untouched.

    Example:
        >>> write_report("report", pool, photos, found, detector=detector)  # doctest: +SKIP
        PosixPath('report/index.html')
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"A report is written into a folder. Received: {str(folder)!r}, which is a file")
    rng = np.random.default_rng(9)
    compared = None if detector is None else sections.compare(pool, detector, rng)
    of_measures = () if measurements is None else measurements.notes
    all_notes = list(dict.fromkeys([*of_measures, *pool.record.notes]))
    skipped = list(map(str, training.skipped))
    page = _render(
        pool=pool,
        n_training=len(training.images),
        verdict=sections.verdict(measurements),
        measures=list(sections.measure_rows(() if measurements is None else measurements.measures)),
        notes=all_notes,
        compared=compared,
        nearest=[] if compared is None else sections.pairs(pool, compared, nearest=True, rng=rng),
        random=sections.pairs(pool, compared, nearest=False, rng=rng),
        strips=[] if rerendered is None else _strips(training, rerendered),
        strengths=[] if rerendered is None else [f"{one:g}" for one in sorted(rerendered[1])],
        charts=sections.choice_charts(pool),
        eigen=sections.eigen_pictures(eigen_images or {}),
        classes=_classes(pool),
        copies_refused=_copies_refused(pool),
        skipped=skipped,
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
        "verdict": sections.verdict(measurements)[1],
        "measurements": None if measurements is None else measurements.as_json(),
        "nearest": None if compared is None else compared.as_json(),
        "skipped": skipped,
        "notes": all_notes,
    }
    numbers = json.dumps(_finite(document), indent=1, sort_keys=True, allow_nan=False).encode("ascii")
    folder.mkdir(parents=True, exist_ok=True)
    # The figures are put in place when the page is on the disk and has only to be renamed, so that a full
    # disk leaves neither of them new beside an old one.
    write_whole(folder / PAGE, page.encode("utf-8"), check=lambda _: write_whole(folder / NUMBERS, numbers))
    return folder / PAGE


def _strips(training: PhotoSet, rerendered: Rerendered) -> list[tuple[str, list[sections.Picture]]]:
    rows, images = rerendered
    labels = None if training.labels is None else training.labels[rows]
    return sections.strips(training.images[rows], labels, training.class_names, images)


def _classes(pool: Pool) -> list[tuple[str, str, str, str]]:
    """A row per class: name, photos, images in the pool, draws refused as copies."""
    record, rows = pool.record, []
    for number, name in enumerate(pool.class_names or ("",)):
        n_images = len(pool) if pool.labels is None else int((pool.labels == number).sum())
        photos, redrawn = (
            one.get(name, sections.ABSENT) for one in (record.photos_per_class, record.redrawn)
        )
        rows.append((name or "all", str(photos), str(n_images), str(redrawn)))
    return rows


def _copies_refused(pool: Pool) -> bool:
    """Whether the fit drew copies again; unknown, and so not claimed, of a pool that was not fitted."""
    options = pool.record.options
    return bool(pool.record.model) and not options.get("allow_copies") and options.get("recipe") is None


def _finite(value: Any) -> Any:
    """JSON values with null in the place of numbers that JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _render(**parts: Any) -> str:
    """Fill in the page.

    Every text is escaped on its way into the page, and the page forbids itself, by its security policy, to
    load anything or to run any script but its own.
    """
    jinja2 = require("jinja2", extra="report")
    markup = require("markupsafe", extra="report").Markup

    def shown(value: Any) -> Any:
        # Names of files and classes may hold line breaks, half characters and marks that turn text around.
        return printable(value) if isinstance(value, str) and not isinstance(value, markup) else value

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return str(
        environment.from_string(_source("page.html.jinja")).render(
            **parts,
            facts=sections.facts,
            style=markup(_source("page.css")),
            script=markup(script),
            script_digest=digest,
            markup=markup,
            version=version("gmmaug-plugin"),
        )
    )


def _source(name: str) -> str:
    return (files("gmmaug_plugin.evaluation.report") / name).read_text(encoding="utf-8")
