"""Which points are sent, interval by interval: between two points of a series lies everything that it gained."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.export.day import CYCLE_NS, HOUR_NS, OF, Day
from tests.export.story import ACCEPTED, AWAY, UNANSWERED, Event, Played, stories
from tests.support.ledgers import fresh_ledger
from tests.support.otlp_receiver import kept
from tests.support.otlp_receiver.rows import point_rows
from tests.support.random_examples import examples

"""Elsewhere the stories are random; hypothesis prints how to play one again that fails."""
TOO_OLD = SendResult(accepted=False, permanent=True, reason="HTTP 400 too old")


@pytest.fixture
def day(ledger: Ledger) -> Day:
    return Day(ledger)


def exported(day: Day, tokens: int) -> None:
    """Count tokens of series `a` and export them, with the zero before them."""
    day.count("a", tokens)
    day.cycles(2)


def test_a_new_series_is_sent_as_zero_one_interval_before_its_first_value(day: Day) -> None:
    day.count("a", 7)
    assert day.cycles(3) == [[("a", 0)], [("a", 7)], [("a", 7)]]


def test_history_is_sent_with_its_value_at_once(day: Day) -> None:
    """It did not happen now: nothing rises."""
    day.count("a", 7_000, history=True)
    assert day.cycles(2) == [[("a", 7_000)], [("a", 7_000)]]
    day.count("a", 1)
    assert day.cycle() == [("a", 7_001)]


def test_a_series_that_was_accepted_recently_is_sent_with_its_value_at_once(day: Day) -> None:
    exported(day, 7)
    day.count("a", 5)
    assert day.cycle() == [("a", 12)]


def test_after_a_silence_a_series_is_sent_with_its_last_accepted_value_first(ledger: Ledger) -> None:
    day = Day(ledger, budget=0)  # no heartbeats
    day.count("a", 7)
    assert day.cycles(3) == [[("a", 0)], [("a", 7)], []]
    day.now_ns += 2 * HOUR_NS
    day.count("a", 400)
    assert day.cycles(3) == [[("a", 7)], [("a", 407)], []]


def test_after_a_restart_a_series_is_sent_with_its_last_accepted_value_first(day: Day) -> None:
    exported(day, 7)
    day.start()
    day.count("a", 5)
    assert day.cycles(2) == [[("a", 7)], [("a", 12)]]


def test_a_point_that_was_not_accepted_is_sent_until_it_is(day: Day) -> None:
    """The zero before the value comes again too, and once more after a restart."""
    day.count("a", 7)
    day.to.result = AWAY
    assert day.cycles(2) == [[("a", 0)], [("a", 0)]]
    day.to.result = ACCEPTED
    assert day.cycle() == [("a", 0)]
    day.to.result = AWAY
    assert day.cycle() == [("a", 7)]
    day.start()
    day.to.result = ACCEPTED
    assert day.cycles(2) == [[("a", 0)], [("a", 7)]]


def test_a_point_without_an_answer_is_sent_again_with_its_old_time(day: Day) -> None:
    """The agent was killed between request and answer: the backend may have 12, and must not see 7 after it."""
    exported(day, 7)
    day.count("a", 5)
    day.to.result = UNANSWERED
    assert day.cycle() == [("a", 12)]
    sent_ns = day.now_ns
    day.start()
    day.count("a", 1)
    day.to.result = AWAY
    day.cycle()
    day.to.result = ACCEPTED
    day.now_ns += HOUR_NS
    again, baseline = day.points()
    assert again.value == 12
    assert again.time_ns == sent_ns
    assert baseline.value == 12
    assert baseline.time_ns == day.now_ns
    assert day.cycle() == [("a", 13)]


def test_an_old_point_that_the_backend_rejects_is_not_sent_for_ever(day: Day) -> None:
    day.count("a", 7)
    day.cycle()
    day.to.result = UNANSWERED
    assert day.cycle() == [("a", 7)]
    day.start()
    day.to.result = TOO_OLD
    assert day.cycle() == [("a", 7), ("a", 7)]
    day.to.result = ACCEPTED
    assert day.cycles(2) == [[("a", 7)], [("a", 7)]]


def test_a_point_that_cannot_have_arrived_is_not_sent_with_its_old_time(day: Day) -> None:
    """The zero before the value comes instead, as for any new series."""
    day.count("a", 7)
    day.cycle()
    day.to.result = AWAY
    day.cycle()
    day.start()
    day.to.result = ACCEPTED
    assert day.cycles(2) == [[("a", 0)], [("a", 7)]]


def test_a_refused_connection_takes_nothing_from_what_was_unanswered_before(day: Day) -> None:
    """The backend may have 12. Then it is away, and the agent starts again: a baseline below 12 would let the series fall."""
    exported(day, 7)
    day.count("a", 5)
    day.to.result = UNANSWERED
    assert day.cycle() == [("a", 12)]
    day.count("a", 1)
    day.to.result = AWAY
    assert day.cycle() == [("a", 13)]
    day.start()
    day.to.result = ACCEPTED
    assert day.cycles(2) == [[("a", 12), ("a", 12)], [("a", 13)]]


def test_what_the_schedule_remembers_is_dropped_by_its_age_and_not_before(ledger: Ledger) -> None:
    day = Day(ledger, budget=0)
    for number in range(20):
        day.count(str(number), 1, history=True)
        day.cycle()
        day.count(str(number), 1)
        assert day.cycle() == [(str(number), 2)], "accepted a minute ago: no baseline"


def test_the_last_export_sends_baseline_and_value_together(day: Day) -> None:
    """The zero is dated one interval back, because no other export may follow, but never before the series began."""
    day.count("a", 7)
    day.now_ns += 1
    zero, value = day.points(last=True)
    assert zero.value == 0
    assert value.value == 7
    assert value.time_ns == day.now_ns
    assert CYCLE_NS - 10 <= value.time_ns - zero.time_ns <= CYCLE_NS
    assert zero.start_ns == value.start_ns < zero.time_ns
    assert [day.cycle(last=True) for _ in range(2)] == [[("a", 7)], [("a", 7)]]


def test_the_budget_of_heartbeats_goes_to_the_series_that_changed_last(ledger: Ledger) -> None:
    day = Day(ledger, budget=2)
    for name in "abcd":
        day.count(name, 1, history=True)
        day.now_ns += 1
    assert len(day.cycle()) == 4
    assert day.cycle() == [("c", 1), ("d", 1)]
    day.count("a", 1)
    assert day.cycles(2) == [[("a", 2), ("c", 1), ("d", 1)], [("a", 2), ("d", 1)]]


def test_a_series_that_no_longer_changes_gets_no_more_heartbeats(day: Day) -> None:
    day.count("a", 1, history=True)
    day.cycle()
    day.now_ns += 25 * HOUR_NS
    assert day.cycle() == []


def test_a_heartbeat_writes_nothing_to_the_ledger(day: Day) -> None:
    exported(day, 7)
    day.cycle()
    before = day.ledger.changes
    assert day.cycles(3) == [[("a", 7)]] * 3
    assert day.ledger.changes == before


def test_the_schedule_remembers_no_more_series_than_it_needs(ledger: Ledger) -> None:
    day = Day(ledger, budget=1)
    for number in range(50):
        day.count(str(number), 1, history=True)
        day.cycle()
        day.now_ns += HOUR_NS
    assert len(day.schedule._accepted_ns) < 10


def assert_begins_at_zero_and_never_falls(played: Played, series: str) -> None:
    values = played.values(series)
    assert values == sorted(values), series
    assert values[:1] in ([], [0]), series


def assert_one_value_for_each_time(played: Played, series: str) -> None:
    values_at: dict[int, set[float]] = {}
    for point in played.points(series):
        values_at.setdefault(point.time_ns, set()).add(point.value or 0)
    assert {len(values) for values in values_at.values()} <= {1}, series


def assert_ends_with_what_was_counted(played: Played, series: str) -> None:
    assert played.values(series)[-1:] in ([], [played.counted[series]]), series


@given(stories(), st.integers(0, 3))
@settings(deadline=None, max_examples=examples(150))
def test_whatever_happens_a_series_never_falls_and_ends_with_what_was_counted(story: list[Event], budget: int) -> None:
    with fresh_ledger() as ledger:
        played = Played(ledger, story, budget=budget)
    for series in played.counted:
        assert_begins_at_zero_and_never_falls(played, series)
        assert_one_value_for_each_time(played, series)
        assert_ends_with_what_was_counted(played, series)


@given(stories(without=("request lost",)), st.integers(0, 3))
@settings(deadline=None, max_examples=examples(100))
def test_the_increase_of_a_series_is_what_was_counted(story: list[Event], budget: int) -> None:
    """Restarts, failures and idle hours change nothing. Only if a request and its answer are lost without a sign, a
    rise may lie over five minutes after the point it rose from."""
    with fresh_ledger() as ledger:
        played = Played(ledger, story, budget=budget)
    for series, counted in played.counted.items():
        assert played.increase(series) == counted, series


class TestIncrements:
    """Delta temporality, for backends that add up themselves."""

    @pytest.fixture
    def day(self, ledger: Ledger) -> Day:
        return Day(ledger, delta=True)

    def test_each_gain_is_sent_once(self, day: Day) -> None:
        day.count("a", 7)
        assert day.cycle() == [("a", 7)]
        day.count("a", 5)
        day.count("b", 1)
        assert day.cycles(2) == [[("a", 5), ("b", 1)], []]

    def test_an_increment_begins_when_the_one_before_it_ended(self, day: Day) -> None:
        sent = []
        for _ in range(3):
            day.now_ns += CYCLE_NS
            day.count("a", 7)
            day.now_ns += 1
            sent += day.points()
        assert {point.temporality for point in sent} == {"delta"}
        assert all(later.start_ns == earlier.time_ns for earlier, later in pairwise(sent))

    def test_an_increment_is_pending_until_it_is_accepted_even_across_a_restart(self, day: Day) -> None:
        day.count("a", 7)
        day.to.result = AWAY
        assert day.cycle() == [("a", 7)]
        day.start()
        day.count("a", 5)
        assert day.cycle() == [("a", 12)]
        day.to.result = ACCEPTED
        assert day.cycles(2) == [[("a", 12)], []]

    def test_history_is_no_increment(self, day: Day) -> None:
        day.count("a", 7_000, history=True)
        assert day.cycle() == []
        day.count("a", 5)
        assert day.cycle() == [("a", 5)]

    def test_history_that_is_found_while_an_increment_is_sent_again_is_none(self, day: Day) -> None:
        """Passes go on while a request is under way."""
        day.count("a", 7)
        day.to.result = UNANSWERED
        assert day.cycle() == [("a", 7)]
        day.count("b", 1)
        under_way, sent = day.export.export(), []
        data = next(under_way)
        day.count("found", 7_000, history=True)
        with suppress(StopIteration):
            while True:
                sent += kept(list(point_rows(encode_metrics(data))))
                data = under_way.send(ACCEPTED)
        assert [(each.attributes[OF], each.value) for each in sent] == [("a", 7), ("b", 1)]
        day.to.result = ACCEPTED
        assert day.cycle() == []
        day.count("found", 5)
        assert day.cycles(2) == [[("found", 5)], []], "what came since"
