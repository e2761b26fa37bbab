"""Run until told to stop, finish what one is at, and no longer than the deadline."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from otel_agent.lifecycle import run_until_stopped

DEADLINE_S = 30.0
"""For what is expected to happen at once."""
SHORT_S = 0.4
"""For what is expected to run out."""
ASKED = [signal.SIGTERM, signal.SIGINT]

Work = Callable[[threading.Event], None]


def nothing() -> None:
    """There is nothing to give up."""


def asking(number: signal.Signals, then: Work) -> Work:
    """Work during which the process gets a signal."""

    def work(stop: threading.Event) -> None:
        os.kill(os.getpid(), number)
        assert stop.wait(DEADLINE_S)
        then(stop)

    return work


def waiting_for(event: threading.Event) -> Work:
    """Work that does not look at its own stop event."""

    def work(_: threading.Event) -> None:
        event.wait(DEADLINE_S)

    return work


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_asks_the_work_to_finish(number: signal.Signals) -> None:
    finished = threading.Event()
    work = asking(number, lambda _: finished.set())
    assert run_until_stopped(work, give_up=nothing, deadline_seconds=DEADLINE_S)
    assert finished.is_set()


def test_work_that_ends_by_itself_ends_the_run() -> None:
    assert run_until_stopped(lambda _: None, give_up=nothing, deadline_seconds=DEADLINE_S)


def test_what_the_work_raises_is_raised() -> None:
    def work(_: threading.Event) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_until_stopped(work, give_up=nothing, deadline_seconds=DEADLINE_S)


def test_what_it_raises_when_asked_to_finish_is_raised() -> None:
    def fail(_: threading.Event) -> None:
        raise KeyError("late")

    with pytest.raises(KeyError, match="late"):
        run_until_stopped(asking(signal.SIGTERM, fail), give_up=nothing, deadline_seconds=DEADLINE_S)


def test_work_that_hangs_is_given_up_at_half_of_the_deadline() -> None:
    """And ends well where that helps."""
    gave_up = threading.Event()
    work = asking(signal.SIGTERM, waiting_for(gave_up))
    started = time.monotonic()
    assert run_until_stopped(work, give_up=gave_up.set, deadline_seconds=2 * SHORT_S)
    assert time.monotonic() - started >= SHORT_S


def test_work_that_hangs_for_good_is_left_behind() -> None:
    release, calls = threading.Event(), []
    work = asking(signal.SIGTERM, waiting_for(release))
    assert not run_until_stopped(work, give_up=lambda: calls.append("gave up"), deadline_seconds=SHORT_S)
    assert calls == ["gave up"]
    release.set()


def test_nothing_is_given_up_where_the_work_finishes() -> None:
    calls: list[str] = []
    work = asking(signal.SIGTERM, lambda _: None)
    run_until_stopped(work, give_up=lambda: calls.append("gave up"), deadline_seconds=DEADLINE_S)
    assert calls == []


def test_what_answered_the_signals_before_does_so_again() -> None:
    before = [signal.getsignal(number) for number in ASKED]
    run_until_stopped(lambda _: None, give_up=nothing, deadline_seconds=DEADLINE_S)
    assert [signal.getsignal(number) for number in ASKED] == before
