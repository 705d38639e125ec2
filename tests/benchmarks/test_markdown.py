from pathlib import Path

import pytest

from benchmarks.__main__ import MEASUREMENTS
from benchmarks.markdown import replace_between_marks, sections, table
from benchmarks.rows import Beside, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
ROW = Row(
    "fit", 2.0, "s", (Beside("peer", 6.0, "two fits"), Beside("other", None, "not installed")), "one fit"
)


def test_a_row_tells_its_ratios_or_why_there_are_none() -> None:
    line = table([ROW]).splitlines()[-1]
    assert line == "| fit | 2.00 s | peer: 3.00; other: not installed | one fit; two fits |"


def test_only_measurements_with_figures_are_replaced() -> None:
    document = {
        "date": "2026-01-02T00:00:00Z",
        "cpu_flags": {"amx_bf16": True, "avx2": False},
        "versions": {"numpy": "2.0", "torch": None},
        "blas": [{"num_threads": 2}],
        "photos": {"n": 600, "image_size": 128, "drawn": True},
        "processor": "P",
        "machine": "m",
        "memory_gb": 24.0,
        "load_average": [0.5, 0, 0],
        "measurements": [
            {"measurement": "scan", "rows": [], "error": "exit code 1"},
            {"measurement": "limits", "rows": [ROW.as_json()], "error": ""},
        ],
    }
    found = sections(document)
    assert set(found) == {"machine", "limits"}
    told = found["machine"].replace("\n", " ")
    assert told.startswith("2026-01-02; 600 drawn flowers of 128 x 128; P (amx_bf16), m, 24 GB, 2 threads")
    assert "numpy 2.0" in told
    assert "torch" not in told
    page = "a\n<!-- limits -->\nold\n<!-- end of limits -->\n<!-- scan -->\nkept\n<!-- end of scan -->\n"
    changed = replace_between_marks(page, {"limits": "new"})
    assert changed == page.replace("old", "new")


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"<!-- limits -->.*Received: 0"):
        replace_between_marks("<!-- scan -->\n<!-- end of scan -->", {"limits": "new"})


def test_the_page_of_figures_has_marks_for_every_measurement() -> None:
    named = dict.fromkeys(("machine", *MEASUREMENTS), "")
    assert replace_between_marks(PAGE.read_text(encoding="utf-8"), named)
