"""Increments, towards a backend that loses answers: each is sent again as it was, so that a repeat can be dropped."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.export.increments import Increments
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult
from tests.export.day import CYCLE_NS, OF, Day
from tests.export.story import ACCEPTED, AWAY, UNANSWERED
from tests.support.ledgers import fresh_ledger
from tests.support.otlp_receiver import PointRow
from tests.support.random_examples import examples

TOO_OLD = SendResult(accepted=False, permanent=True, reason="HTTP 400 too old")
CPU = "process.cpu.time"


class Increment(NamedTuple):
    """What tells an increment from others."""

    series: str
    start_ns: int
    time_ns: int


class Adding:
    """A backend that adds up increments and drops those with the same series, start and time."""

    def __init__(self) -> None:
        self.known: dict[Increment, float] = {}
        self.repeats = 0

    def take(self, points: list[PointRow]) -> None:
        for point in points:
            increment = Increment(str(point.attributes[OF]), point.start_ns, point.time_ns)
            self.repeats += increment in self.known
            assert self.known.get(increment, point.value) == point.value, "the same increment with another value"
            self.known[increment] = point.value or 0

    def sum(self, series: str) -> float:
        return sum(value for increment, value in self.known.items() if increment.series == series)


@pytest.fixture
def day(ledger: Ledger) -> Day:
    return Day(ledger, delta=True)


def cycle(day: Day) -> list[PointRow]:
    day.now_ns += CYCLE_NS
    return day.points()


def test_an_increment_without_an_answer_is_sent_again_as_it_was_before_anything_newer(day: Day) -> None:
    day.count("a", 7)
    day.to.result = UNANSWERED
    (first,) = cycle(day)
    day.count("a", 5)
    (second,) = cycle(day)
    assert (second.value, second.start_ns, second.time_ns) == (7, first.start_ns, first.time_ns)
    day.to.result = ACCEPTED
    again, newer = cycle(day)
    assert (again.value, again.start_ns, again.time_ns) == (7, first.start_ns, first.time_ns)
    assert (newer.value, newer.start_ns) == (5, first.time_ns)
    assert cycle(day) == []


def test_a_killed_agent_sends_the_increment_that_was_under_way_again_as_it_was(day: Day) -> None:
    day.count("a", 7)
    day.to.result = UNANSWERED
    (first,) = cycle(day)
    day.count("a", 5)
    day.start()
    day.to.result = ACCEPTED
    again, newer = cycle(day)
    assert (again.value, again.start_ns, again.time_ns) == (7, first.start_ns, first.time_ns)
    assert newer.value == 5


def test_an_increment_that_surely_did_not_arrive_joins_the_next_one(day: Day) -> None:
    day.count("a", 7)
    day.to.result = AWAY
    cycle(day)
    day.count("a", 5)
    day.to.result = ACCEPTED
    (only,) = cycle(day)
    assert only.value == 12


def test_a_repeat_that_a_working_backend_rejects_is_not_sent_for_ever(
    day: Day, caplog: pytest.LogCaptureFixture
) -> None:
    day.count("a", 7)
    day.to.result = UNANSWERED
    cycle(day)
    day.count("b", 1)
    day.to.judge = lambda points: TOO_OLD if any(point.attributes.get(OF) == "a" for point in points) else ACCEPTED
    cycle(day)
    assert [line for line in caplog.messages if "counts as accepted" in line]
    day.to.judge = None
    day.count("a", 5)
    (newer,) = cycle(day)
    assert newer.value == 5


def test_a_repeat_that_a_broken_endpoint_rejects_is_kept(day: Day) -> None:
    """It rejects everything: that says nothing of the increment."""
    day.count("a", 7)
    day.to.result = UNANSWERED
    (first,) = cycle(day)
    day.to.result = TOO_OLD
    cycle(day)
    day.to.result = ACCEPTED
    (again,) = cycle(day)
    assert (again.value, again.time_ns) == (7, first.time_ns)


EVENTS = st.one_of(
    st.tuples(st.sampled_from("abc"), st.integers(1, 1_000)),
    st.sampled_from(["accepted", "away", "request lost", "answer lost", "killed after sending", "restart"]),
)


@given(st.lists(EVENTS, max_size=40))
@settings(deadline=None, max_examples=examples(150))
def test_whatever_is_lost_a_backend_that_drops_repeats_has_exact_sums(story: list[str | tuple[str, int]]) -> None:
    """In the end the backend works, and three exports follow."""
    with fresh_ledger() as ledger:
        day, backend, counted = Day(ledger, delta=True), Adding(), dict.fromkeys("abc", 0)
        for event in (*story, "accepted", "accepted", "accepted"):
            if isinstance(event, tuple):
                day.count(*event)
                counted[event[0]] += event[1]
            else:
                play(day, backend, event)
    assert {series: backend.sum(series) for series in counted} == counted


def play(day: Day, backend: Adding, event: str) -> None:
    if event == "restart":
        day.start()
        return
    results = {"accepted": ACCEPTED, "away": AWAY}
    day.to.result = results.get(event, UNANSWERED)
    sent = cycle(day)
    if event in ("accepted", "answer lost", "killed after sending"):
        backend.take(sent)
    if event == "killed after sending":
        day.start()


@given(st.lists(st.sampled_from(["accepted", "away"]), max_size=20), st.lists(st.integers(1, 50), max_size=20))
@settings(deadline=None, max_examples=examples(50))
def test_where_no_answer_is_lost_nothing_is_sent_twice(answers: list[str], gains: list[int]) -> None:
    with fresh_ledger() as ledger:
        day, backend = Day(ledger, delta=True), Adding()
        for number, answer in enumerate([*answers, "accepted"]):
            if number < len(gains):
                day.count("a", gains[number])
            play(day, backend, answer)
        assert backend.repeats == 0
        assert backend.sum("a") == sum(gains[: len(answers) + 1])


class TestObserved:
    """Sums that are kept elsewhere, such as the CPU time of a process."""

    def test_what_was_not_accepted_is_part_of_the_next_increment(self) -> None:
        increments = Increments()
        increments.due([Observation(CPU, 2.0, {}, 500)], 1_000)
        (gain,) = increments.due([Observation(CPU, 3.5, {}, 500)], 2_000)
        assert (gain.observation.value, gain.observation.since_ns, gain.at_ns) == (3.5, 500, 2_000)

    def test_what_got_no_answer_is_sent_again_as_it_was_even_if_the_sum_is_gone(self) -> None:
        increments = Increments()
        first = increments.due([Observation(CPU, 2.0, {}, 500)], 1_000)
        increments.mark_unanswered(first)
        assert increments.due([Observation(CPU, 3.5, {}, 500)], 2_000) == first
        assert increments.due([], 3_000) == first
        increments.mark_known(first)
        (gain,) = increments.due([Observation(CPU, 4.0, {}, 500)], 4_000)
        assert (gain.observation.value, gain.observation.since_ns) == (2.0, 1_000)
