import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scan import chosen_from, greatest_difference, interpolated_total

NOTEBOOK = range(1, 600, 10)


def test_a_handful_is_measured_and_both_ends_are_in_it() -> None:
    assert chosen_from(NOTEBOOK) == [1, 101, 201, 301, 401, 591]
    assert chosen_from(range(1, 120, 10)) == [1, 101, 111]
    assert chosen_from([7]) == [7]


@given(st.floats(0, 10), st.floats(0, 10))
def test_times_that_grow_linearly_are_found_exactly(first: float, each: float) -> None:
    seconds = {k: first + each * k for k in chosen_from(NOTEBOOK)}
    whole = sum(first + each * k for k in NOTEBOOK)
    assert interpolated_total(seconds, NOTEBOOK) == pytest.approx(whole)


def test_what_was_measured_everywhere_is_only_added_up() -> None:
    seconds = {k: (k * 7919 % 13) / 10 for k in NOTEBOOK}
    assert interpolated_total(seconds, NOTEBOOK) == pytest.approx(sum(seconds.values()))


def test_nothing_is_extrapolated() -> None:
    for tried in ([1, 11, 31], [1, 11, 21]):
        with pytest.raises(ValueError, match=r"Times are known from \[11\] to \[21\]|\[1\] to \[21\]"):
            interpolated_total({11: 1.0, 21: 2.0} if 31 not in tried else {1: 1.0, 21: 2.0}, tried)
    with pytest.raises(ValueError, match="Received"):
        interpolated_total({}, [1])


def test_the_greatest_difference_is_relative() -> None:
    ours, theirs = {1: 100.0, 11: 1.1, 21: 7.0}, {1: 101.0, 11: 1.0}
    worst, difference = greatest_difference(ours, theirs)
    assert worst == 11
    assert difference == pytest.approx(0.1)
