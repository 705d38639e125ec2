"""Figures of a file that ``python -m benchmarks`` wrote, as the tables of a page.

    python -m benchmarks.markdown FILE [--into docs/performance.md]

``--into`` replaces what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->`` in the page, for every
measurement NAME in the file, and for "machine"; other measurements keep their figures.
"""

import argparse
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, format_figure

LINE = 118
"""Characters of a line of the page."""


def table(rows: list[Row]) -> str:
    """Rows as a table: figures, and how many times as good as each thing beside them."""
    lines = ["| what | figure | times as good as | note |", "|---|---|---|---|"]
    for row in rows:
        ratios = (
            f"{other.name}: {other.note if row.ratio(other) is None else format_figure(row.ratio(other))}"
            for other in row.beside
        )
        notes = dict.fromkeys(
            [row.note, *(other.note for other in row.beside if row.ratio(other) is not None)]
        )
        note = "; ".join(one for one in notes if one)
        lines.append(f"| {row.what} | {format_figure(row.value)} {row.unit} | {'; '.join(ratios)} | {note} |")
    return "\n".join(lines)


def machine_line(document: Mapping[str, Any]) -> str:
    """Where, when, with what and on what the figures were measured."""
    flags = [flag for flag, there in document["cpu_flags"].items() if there]
    versions = ", ".join(f"{name} {one}" for name, one in document["versions"].items() if one)
    threads = max((one["num_threads"] for one in document["blas"]), default=1)
    photos = document["photos"]
    kind = "drawn flowers" if photos["drawn"] else "photos"
    machine = f"{document['processor']} ({', '.join(flags)}), {document['machine']}"
    load = f"{threads} threads of linear algebra, load {document['load_average'][0]:.1f} before the run"
    told = (
        f"{document['date'][:10]}; {photos['n']} {kind} of {photos['image_size']} x {photos['image_size']}; "
        f"{machine}, {document['memory_gb']:.0f} GB, {load}. {versions}."
    )
    return textwrap.fill(told, LINE, break_long_words=False, break_on_hyphens=False)


def sections(document: Mapping[str, Any]) -> dict[str, str]:
    """What goes between the marks, by name; a measurement that failed is left as it was."""
    found = {"machine": machine_line(document)}
    for one in document["measurements"]:
        if one["rows"]:
            found[one["measurement"]] = table([Row.from_json(row) for row in one["rows"]])
    return found


def replace_between_marks(page: str, found: Mapping[str, str]) -> str:
    """The page with new text between the marks of every name.

    Raises:
        ValueError: The page has no such marks.
    """
    for name, text in found.items():
        marks = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end of {re.escape(name)} -->)"
        page, times = re.subn(
            marks, lambda marks, text=text: f"{marks[1]}{text}\n{marks[2]}", page, flags=re.S
        )
        if times != 1:
            raise ValueError(
                f"The page needs one <!-- {name} --> and one <!-- end of {name} --> after it. "
                f"Received: {times} such"
            )
    return page


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="what python -m benchmarks --json wrote")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="replace the figures of this page")
    arguments = parser.parse_args()
    found = sections(json.loads(arguments.file.read_text(encoding="utf-8")))
    if arguments.into is None:
        print(*(f"## {name}\n\n{text}\n" for name, text in found.items()), sep="\n")
        return
    page = replace_between_marks(arguments.into.read_text(encoding="utf-8"), found)
    arguments.into.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
