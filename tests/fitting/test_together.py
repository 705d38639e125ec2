"""Fits that overlap: none lifts another's limits, and the last one leaves all as it was."""

import threading
import warnings

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gmmaug_plugin.fitting.together import Together
from gmmaug_plugin.fitting.workers import workers


def n_threads() -> dict[str, int]:
    """Threads of each library of linear algebra; some are built for one."""
    blas = (library for library in threadpool_info() if library["user_api"] == "blas")
    return {library["filepath"]: library["num_threads"] for library in blas}


def test_fits_at_once_keep_to_one_thread_and_leave_limits_and_filters_as_they_were() -> None:
    """The first one ends while the second goes on: more threads would round its products differently."""
    first_works, first_may_end = threading.Event(), threading.Event()

    def first() -> None:
        with workers():
            first_works.set()
            assert first_may_end.wait(60)

    with threadpool_limits(2):
        before, limits = list(warnings.filters), n_threads()
        assert 2 in limits.values()
        thread = threading.Thread(target=first)
        thread.start()
        assert first_works.wait(60)
        with workers() as run:
            first_may_end.set()
            thread.join(60)
            one = dict.fromkeys(limits, 1)
            assert n_threads() == one
            assert run([n_threads] * 4) == [one] * 4
        assert n_threads() == limits
        assert warnings.filters == before


def test_a_setting_that_fails_is_tried_again() -> None:
    tried = []

    def begin(stack) -> str:
        tried.append(stack)
        if len(tried) == 1:
            raise OSError("no such library")
        stack.callback(tried.append, "taken back")
        return "before"

    setting = Together(begin)
    with pytest.raises(OSError, match="no such library"), setting():
        pass
    with setting() as found, setting() as again:
        assert (found, again) == ("before", "before")
    assert tried[2:] == ["taken back"]


def test_ctrl_c_while_the_thread_starts_leaves_no_thread_that_python_would_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool that is interrupted there does not know its own thread; the command hung at its end."""
    start, started = threading.Thread.start, []

    def interrupted_start(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        if len(started) == 1:
            raise KeyboardInterrupt

    undone = []
    setting = Together(lambda stack: stack.callback(undone.append, True))
    monkeypatch.setattr(threading.Thread, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt), setting():
        pass
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()
    with setting():
        assert not undone[1:]
    assert undone, "the next one is not kept from it"
