import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rows import Beside, Row, format_figure, print_rows

figures = st.floats(1e-6, 1e6)


@given(figures, figures)
def test_above_one_means_that_this_package_is_better(ours: float, theirs: float) -> None:
    other = Beside("peer", theirs)
    assert Row("time", ours, "s", (other,)).ratio(other) == pytest.approx(theirs / ours)
    assert Row("size", ours, "MB", (other,)).ratio(other) == pytest.approx(theirs / ours)
    assert Row("speed", ours, "images/s", (other,)).ratio(other) == pytest.approx(ours / theirs)


def test_what_was_not_measured_has_no_ratio() -> None:
    missing = Beside("peer", None, "not installed")
    assert Row("speed", 3.0, "images/s", (missing,)).ratio(missing) is None
    assert Row("speed", None, "images/s", (Beside("peer", 3.0),)).ratio(Beside("peer", 3.0)) is None
    assert Row("speed", 1.0, "images/s", (Beside("peer", 0.0),)).ratio(Beside("peer", 0.0)) is None


def test_a_bare_figure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: beside=\(\) for 'fit'"):
        Row("fit", 1.0, "s", ())


def test_rows_come_back_from_json_with_their_ratios_beside() -> None:
    row = Row("fit", 2.0, "s", (Beside("peer", 6.0), Beside("other", None, "not installed")), "one fit")
    written = json.loads(json.dumps(row.as_json()))
    assert [one["ratio"] for one in written["beside"]] == [3.0, None]
    assert Row.from_json(written) == row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00123, "0.00123"),
        (0.8512, "0.851"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (99999.6, "100,000"),
        (None, "-"),
    ],
)
def test_figures_have_three_digits_that_matter(value: float | None, text: str) -> None:
    assert format_figure(value) == text


def test_the_table_has_a_ratio_in_every_row_and_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (Row("vary 16", 30.0, "images/s", (Beside("limit", 60.0), Beside("peer", None, "not installed"))),)
    print_rows({"variation": rows}, title="here")
    limit, peer = (line for line in capsys.readouterr().out.splitlines() if "limit" in line or "peer" in line)
    assert "vary 16" in limit
    assert "0.5" in limit
    assert "not installed" in peer
