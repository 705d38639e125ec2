"""The table of docs/reproducibility.md: every cell says what holds, and the test that says so is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reproducibility.md").read_text(encoding="utf-8")
PROMISES = ("same bytes", "one grey level", "never alike", "not promised")
NOTHING_TO_SAY = "\N{EN DASH}"
CELL = re.compile(
    r"(?:\[(?P<linked>[^\]]+)\]\[(?P<test>[^\]]+)\]|(?P<plain>[^\[\]()]+?))"  # [what holds][test], or words
    r"(?: \((?P<note>\d)\))?"
)


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def links() -> dict[str, tuple[str, str]]:
    found = re.findall(r'^\[([^\]]+)\]: (\S+) "([^"]+)"$', PAGE, re.MULTILINE)
    return {name: (path, test) for name, path, test in found}


@cache
def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_cell_says_what_holds_and_names_a_test_or_the_reason() -> None:
    header, _, *body = rows()
    assert len(body) >= 13
    used = set()
    for name, *cells in body:
        assert name
        assert len(cells) == len(header) - 1
        for column, cell in zip(header[1:], cells, strict=True):
            place = f"{name}, {column}: {cell!r}"
            if cell == NOTHING_TO_SAY:
                continue
            told = CELL.fullmatch(cell)
            assert told, place
            assert (told["linked"] or told["plain"]) in PROMISES, place
            if told["note"]:
                assert re.search(rf"^{told['note']}\. ", PAGE, re.MULTILINE), place
            # What holds is tested; what does not is explained.
            assert told["test"] or (told["plain"] == "not promised" and told["note"]), place
            used |= {told["test"]} - {None}
    assert used <= links().keys()


@pytest.mark.parametrize("name", links())
def test_the_tests_named_are_there(name: str) -> None:
    path, test = links()[name]
    assert test in functions((DOCS / path).resolve())
    assert f"[{name}]" in PAGE.replace(f"[{name}]: ", "")
