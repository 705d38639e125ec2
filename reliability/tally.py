"""Counts of expected outcomes, and failures."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRINTED_FAILURES = 20
"""Most failures of a check that are printed."""


@dataclass
class Tally:
    """Counts of one check: expected outcomes by name, a line for each failure, and other figures."""

    check: str
    unit: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        """Everything counted: expected outcomes and failures."""
        return self.outcomes.total() + len(self.failures)

    def count(self, outcome: str, *, expected: bool = True, detail: str = "") -> None:
        """Count an outcome; an unexpected one is a failure, stored with its detail."""
        if expected:
            self.outcomes[outcome] += 1
        else:
            self.failures.append(f"{outcome}: {detail}" if detail else outcome)

    def __str__(self) -> str:
        lines = [f"{self.check}: {self.tried:,} {self.unit}, {len(self.failures)} unexplained"]
        lines += [f"  {n:>12,}  {outcome}" for outcome, n in self.outcomes.most_common()]
        lines += [f"  {name}: {value}" for name, value in self.facts.items()]
        lines += [f"  UNEXPLAINED {failure}" for failure in self.failures[:PRINTED_FAILURES]]
        return "\n".join(lines)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that every script has."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the counts there")


def finish(tallies: Sequence[Tally], json_file: Path | None) -> int:
    """Print and write counts; return the exit status: 1 after a failure, or if a check tried nothing."""
    for tally in tallies:
        sys.stdout.write(f"{tally}\n")
    if json_file is not None:
        document = [{**vars(tally), "tried": tally.tried} for tally in tallies]
        json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(not tallies or any(tally.failures or not tally.tried for tally in tallies))
