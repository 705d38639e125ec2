"""What all pieces of data must do, wherever they are."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.fitting.pieces import Pieces
from gmmaug_plugin.fitting.workers import Workers, in_turn, workers

PLACES = ("in turn", "threads", "cluster")


@pytest.fixture(params=PLACES)
def crew(request: pytest.FixtureRequest) -> Iterator[Workers]:
    """Those who do the work."""
    if request.param == "in turn":
        yield in_turn
        return
    client = request.getfixturevalue("client") if request.param == "cluster" else None
    with workers(client) as crew:
        yield crew


def times(piece: float, own: float, shared: float = 1.0) -> float:
    return piece * own * shared


def double(piece: Any) -> Any:
    return 2 * piece


def told(piece: int, *others: Any) -> tuple[Any, ...]:
    return (piece, *others)


class Text:
    """Adding tells the order."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: "Text") -> "Text":
        return Text(f"({self.text}+{other.text})")


def as_text(piece: int) -> Text:
    return Text(str(piece))


class OddError(Exception):
    """With more than a message."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def refuse(piece: int) -> int:
    if piece == 2:
        raise OddError(piece)
    return piece


def process(_piece: int) -> int:
    return os.getpid()


def test_results_come_in_order_with_every_kind_of_argument(crew: Workers) -> None:
    pieces = crew.spread([5, 3, 1, 4])
    assert len(pieces) == 4
    assert pieces.map(double) == [10, 6, 2, 8]
    assert pieces.map(times, each=[1, 2, 3, 4]) == [5, 6, 3, 16]
    assert pieces.map(times, 10.0, each=[1, 2, 3, 4]) == [50, 60, 30, 160]
    shared = np.arange(3)
    for piece, found in zip([5, 3, 1, 4], pieces.map(told, shared, "name", None, [1, 2], times), strict=True):
        assert found[0] == piece
        np.testing.assert_array_equal(found[1], shared)
        assert found[2:5] == ("name", None, [1, 2])
        assert found[5](2, 3) == 6
    own = [(np.array([k]), k) for k in range(4)]
    for k, (_, (array, number)) in enumerate(pieces.map(told, each=own)):
        assert (array.tolist(), number) == ([k], k)


def test_what_is_kept_can_be_worked_on_and_picked_from(crew: Workers) -> None:
    kept = crew.spread([1, 2, 3]).keep(double).keep(times, 10, each=[1, 1, 2])
    assert kept.map(double) == [40, 80, 240]
    some = kept.pick([2, 0])
    assert (len(some), some.map(double)) == (2, [240, 40])
    assert some.sum(double) == 280
    assert kept.map(double) == [40, 80, 240], "picking takes nothing away"


def test_sums_go_from_the_first_to_the_last(crew: Workers) -> None:
    pieces = crew.spread(list(range(7)))
    assert pieces.sum(as_text).text == "((((((0+1)+2)+3)+4)+5)+6)"
    assert crew.spread([3]).sum(as_text).text == "3"
    # To the last bit, whatever rounding does.
    uneven = [0.1, 1e17, -1e17, 0.3]
    assert crew.spread(uneven).sum(times, each=[1.0] * 4) == ((0.1 + 1e17) - 1e17) + 0.3


def test_errors_come_as_they_are_and_the_crew_goes_on(crew: Workers) -> None:
    pieces = crew.spread([1, 2, 3])
    for work in (pieces.map, pieces.sum, lambda f: pieces.keep(f).map(double)):
        with pytest.raises(OddError) as caught:
            work(refuse)
        assert caught.value.number == 2
    assert pieces.map(double) == [2, 4, 6]


def test_tasks_may_give_tasks(crew: Workers) -> None:
    """More of them than there are threads: none waits for a place that another one holds."""
    pieces = crew.spread([1, 2, 3])

    def inner(factor: int) -> Callable[[], int]:
        return lambda: factor * pieces.keep(double).sum(double)

    def outer(factor: int) -> Callable[[], list[int]]:
        return lambda: crew([inner(factor), inner(factor + 1)])

    assert crew([outer(k) for k in range(6)]) == [[24 * k, 24 * (k + 1)] for k in range(6)]


def test_other_length_is_refused(crew: Workers) -> None:
    with pytest.raises(ValueError, match="zip"):
        crew.spread([1, 2, 3]).map(times, each=[1, 2])


def test_sent_tasks_tell_when_they_are_done(crew: Workers) -> None:
    steps: list[int] = []
    assert crew.send([TaskOf(k) for k in range(5)], lambda: steps.append(1)) == [0, 2, 4, 6, 8]
    assert len(steps) == 5, "all are told of before the results are there"
    with pytest.raises(OddError):
        crew.send([TaskOf(1), TaskOf(-1)])


class TaskOf:
    """Doubles a number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self) -> int:
        if self.number < 0:
            raise OddError(self.number)
        return 2 * self.number


def test_the_work_is_done_elsewhere_where_there_is_somebody(client) -> None:
    with workers() as here, workers(client) as away:
        assert set(here.spread([1, 2]).map(process)) == {os.getpid()}
        elsewhere = set(away.spread(list(range(20))).map(process))
    assert os.getpid() not in elsewhere
    assert elsewhere <= set(client.run(os.getpid).values())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_any_number_of_threads_adds_up_to_the_same_bits(values: list[float], n_threads: int) -> None:
    from gmmaug_plugin.fitting.workers import Here

    def total(pieces: Pieces[float]) -> float:
        return pieces.sum(times, 1.1, each=[1.7] * len(values))

    with ThreadPoolExecutor(n_threads) as pool:
        assert total(Here(pool, n_threads).spread(values)) == total(in_turn.spread(values))


def test_sums_here_hold_no_more_results_than_there_are_threads() -> None:
    from gmmaug_plugin.fitting.workers import Here

    held, most, lock = [0], [0], threading.Lock()

    class Counted:
        def __init__(self) -> None:
            with lock:
                held[0] += 1
                most[0] = max(most[0], held[0])

        def __del__(self) -> None:
            with lock:
                held[0] -= 1

        def __add__(self, other: "Counted") -> "Counted":
            return Counted()

    def make(_piece: int) -> Counted:
        return Counted()

    def total(pieces: Sequence[int]) -> None:
        with ThreadPoolExecutor(2) as pool:
            Here(pool, 2).spread(pieces).sum(make)

    total(range(40))
    assert most[0] <= 2 + 2 + 2, "those of a round, the last round's, the total and the next"
