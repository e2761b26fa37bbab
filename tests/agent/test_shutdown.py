"""Work runs until a signal stops it, finishes what is under way, and takes no longer than the deadline."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from otel_agent.agent.shutdown import Ended, ShutdownSignals, run_until_signal

DEADLINE_S = 30.0
"""A deadline for something that happens at once."""
SHORT_S = 0.4
"""A deadline that runs out."""
ASKED = [signal.SIGTERM, signal.SIGINT]

Work = Callable[[threading.Event], None]


class Job:
    """Work as `run_until_signal` takes it."""

    def __init__(self, work: Work, give_up: Callable[[], None]) -> None:
        self.run, self.give_up = work, give_up
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def run_job(work: Work, *, give_up: Callable[[], None], deadline_seconds: float) -> Ended | None:
    with ShutdownSignals() as signals:
        return run_until_signal(Job(work, give_up), signals, deadline_seconds=deadline_seconds)


def nothing() -> None:
    """Give up nothing."""


def asking(number: signal.Signals, then: Callable[[threading.Event], object]) -> Work:
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
    assert run_job(work, give_up=nothing, deadline_seconds=DEADLINE_S)
    assert finished.is_set()


def test_work_that_ends_by_itself_ends_the_run() -> None:
    assert run_job(lambda _: None, give_up=nothing, deadline_seconds=DEADLINE_S)


def test_what_the_work_raises_is_raised() -> None:
    def work(_: threading.Event) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_job(work, give_up=nothing, deadline_seconds=DEADLINE_S)


def test_what_the_work_raises_when_asked_to_finish_is_raised() -> None:
    def fail(_: threading.Event) -> None:
        raise KeyError("late")

    with pytest.raises(KeyError, match="late"):
        run_job(asking(signal.SIGTERM, fail), give_up=nothing, deadline_seconds=DEADLINE_S)


def test_work_that_hangs_is_given_up_at_half_of_the_deadline() -> None:
    """It ends well if that helps."""
    gave_up = threading.Event()
    work = asking(signal.SIGTERM, waiting_for(gave_up))
    started = time.monotonic()
    assert run_job(work, give_up=gave_up.set, deadline_seconds=2 * SHORT_S)
    assert time.monotonic() - started >= SHORT_S


def test_work_that_hangs_for_good_is_left_behind() -> None:
    release, calls = threading.Event(), []
    work = asking(signal.SIGTERM, waiting_for(release))
    assert not run_job(work, give_up=lambda: calls.append("gave up"), deadline_seconds=SHORT_S)
    assert calls == ["gave up"]
    release.set()


def test_work_that_finishes_in_time_is_not_given_up() -> None:
    calls: list[str] = []
    work = asking(signal.SIGTERM, lambda _: None)
    run_job(work, give_up=lambda: calls.append("gave up"), deadline_seconds=DEADLINE_S)
    assert calls == []


def test_the_previous_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in ASKED]
    run_job(lambda _: None, give_up=nothing, deadline_seconds=DEADLINE_S)
    assert [signal.getsignal(number) for number in ASKED] == before


def test_the_result_says_what_ended_the_run() -> None:
    done = lambda _: None
    assert run_job(done, give_up=nothing, deadline_seconds=DEADLINE_S) is Ended.BY_ITSELF
    for number in ASKED:
        work = asking(number, done)
        assert run_job(work, give_up=nothing, deadline_seconds=DEADLINE_S) is Ended.ASKED_TO_STOP
    work = asking(signal.SIGHUP, done)
    assert run_job(work, give_up=nothing, deadline_seconds=DEADLINE_S) is Ended.ASKED_TO_RELOAD


def test_a_run_that_is_asked_to_reload_and_then_to_stop_stops() -> None:
    """The second signal comes while the work still finishes."""
    work = asking(signal.SIGHUP, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert run_job(work, give_up=nothing, deadline_seconds=DEADLINE_S) is Ended.ASKED_TO_STOP


def test_a_signal_between_two_runs_is_not_lost() -> None:
    with ShutdownSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)

        def wait(stop: threading.Event) -> None:
            assert stop.wait(DEADLINE_S)

        stopped = Job(wait, nothing)
        assert run_until_signal(stopped, signals, deadline_seconds=DEADLINE_S) is Ended.ASKED_TO_STOP


def test_the_work_is_woken_when_it_has_to_stop() -> None:
    woken = threading.Event()

    def sleep(stop: threading.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert woken.wait(DEADLINE_S)
        assert stop.is_set()

    job = Job(sleep, nothing)
    job.wake = woken.set  # type: ignore[method-assign]
    with ShutdownSignals() as signals:
        assert run_until_signal(job, signals, deadline_seconds=DEADLINE_S) is Ended.ASKED_TO_STOP
