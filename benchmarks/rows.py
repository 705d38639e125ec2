"""What a measurement gives: a figure, and what stands beside it."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

NOT_INSTALLED = "not installed"

LESS_IS_BETTER = frozenset({"s", "ms", "MB"})
"""Units of costs; everything else is a rate, of which more is better."""


@dataclass(frozen=True)
class Beside:
    """What a figure is compared with.

    Attributes:
        name: What was measured: a peer, or a limit of the machine.
        value: Its figure, in the row's unit; None where it could not be measured.
        note: Why there is no figure, or how it came about.
    """

    name: str
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One figure of this package and what stands beside it.

    Attributes:
        what: What was measured.
        value: The figure; None where it could not be measured, which ``note`` explains.
        unit: "s", "ms", "MB", "images/s", ….
        beside: At least one thing to compare with: a bare figure says little on a shared machine.
        note: How it was measured, where that is not plain.

    Raises:
        ValueError: Nothing stands beside the figure.
    """

    what: str
    value: float | None
    unit: str
    beside: tuple[Beside, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not self.beside:
            raise ValueError(
                f"A row needs something beside its figure. Received: beside=() for {self.what!r}"
            )

    def ratio(self, other: Beside) -> float | None:
        """How many times as good as ``other``: above 1 this package is faster, or smaller.

        Example:
            >>> Row("fit", 2.0, "s", (peer := Beside("peer", 6.0),)).ratio(peer)
            3.0
        """
        if self.value is None or other.value is None:
            return None
        better, worse = self.value, other.value
        if self.unit in LESS_IS_BETTER:
            better, worse = worse, better
        return better / worse if worse else None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, with the ratios."""
        row = dataclasses.asdict(self)
        for other, beside in zip(row["beside"], self.beside, strict=True):
            other["ratio"] = self.ratio(beside)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Row":
        """The inverse of :meth:`as_json`."""
        beside = tuple(Beside(one["name"], one["value"], one["note"]) for one in row["beside"])
        return cls(row["what"], row["value"], row["unit"], beside, row["note"])


def format_figure(value: float | None) -> str:
    """Three digits that matter, without exponents where a person would write none.

    Example:
        >>> [format_figure(value) for value in (1234.5, 12.34, 0.8512, 0.00123, None)]
        ['1,234', '12.3', '0.851', '0.00123', '-']
    """
    if value is None:
        return "-"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def print_rows(rows: Mapping[str, Iterable[Row]], *, title: str, width: int = 150) -> None:
    """Print one table of all measurements; "x" is how many times as good as what stands beside it."""
    table = Table(title=title, title_justify="left", show_lines=False)
    for heading in ("measurement", "what"):
        table.add_column(heading, overflow="fold")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("beside", overflow="fold")
    for heading in ("its figure", "x"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for name, some in rows.items():
        shown = name
        for row in some:
            what, value, unit = row.what, format_figure(row.value), row.unit
            for index, other in enumerate(row.beside):
                note = "; ".join(part for part in (row.note if index == 0 else "", other.note) if part)
                figures = format_figure(other.value), format_figure(row.ratio(other))
                table.add_row(shown, what, value, unit, other.name, *figures, note)
                shown = what = value = unit = ""
        table.add_section()
    Console(width=width).print(table)
