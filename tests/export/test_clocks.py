"""Clocks that were wrong when a series began, and export intervals of any length."""

from __future__ import annotations

import pytest

from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.export.day import CYCLE_NS, HOUR_NS, Day
from tests.support.records import START_NS

YEAR_NS = 365 * 24 * HOUR_NS
UNANSWERED = SendResult(accepted=False, reason="no answer", unanswered=True)


@pytest.mark.parametrize("delta", [False, True])
def test_a_series_begun_a_year_ahead_has_ordinary_times_once_the_clock_is_right(ledger: Ledger, delta: bool) -> None:
    day = Day(ledger, started_ns=START_NS + YEAR_NS, delta=delta)
    day.count("a", 7)
    day.cycles(2)
    day.now_ns = START_NS
    starts = set()
    for _ in range(3):
        day.count("a", 5)
        day.now_ns += CYCLE_NS
        for point in day.points():
            assert 0 < point.start_ns < point.time_ns <= day.now_ns
            starts.add(point.start_ns)
    assert delta or len(starts) == 1, "moved once, and then for ever"


@pytest.mark.parametrize("delta", [False, True])
def test_a_first_start_before_the_clock_was_set_is_delivered_then_and_later(ledger: Ledger, delta: bool) -> None:
    """Twenty seconds after 1970 began: the series begins a minute before that."""
    day = Day(ledger, started_ns=20 * 10**9, delta=delta)
    day.count("a", 7)
    sent = day.points() + day.points(last=True)
    assert sent
    assert all(0 < point.start_ns < point.time_ns for point in sent)
    day.now_ns = START_NS
    day.count("a", 5)
    sent = day.points(last=True)
    assert sent[-1].value == (5 if delta else 12)
    assert all(0 < point.start_ns < point.time_ns <= START_NS for point in sent)


def test_a_start_moves_only_if_it_is_far_ahead(ledger: Ledger) -> None:
    day = Day(ledger)
    day.count("a", 7, history=True)
    (before,) = day.points()
    day.now_ns -= 4 * CYCLE_NS
    (after,) = day.points()
    assert after.start_ns == before.start_ns


def test_an_increment_without_an_answer_keeps_its_times_although_its_clock_was_wrong(ledger: Ledger) -> None:
    """The backend may have it: with other times it would be another increment."""
    day = Day(ledger, started_ns=START_NS + YEAR_NS, delta=True)
    day.count("a", 7)
    day.to.result = UNANSWERED
    (first,) = day.points()
    day.now_ns = START_NS
    day.to.result = SendResult(accepted=True)
    (again,) = day.points()
    assert (again.start_ns, again.time_ns) == (first.start_ns, first.time_ns)


def test_an_unanswered_total_is_not_dated_in_a_future_that_was_wrong(ledger: Ledger) -> None:
    day = Day(ledger, started_ns=START_NS + YEAR_NS)
    day.count("a", 7, history=True)
    day.to.result = UNANSWERED
    day.points()
    day.now_ns = START_NS
    day.to.result = SendResult(accepted=True)
    assert all(point.time_ns <= START_NS for point in day.points())
    day.now_ns += CYCLE_NS
    assert all(point.start_ns < point.time_ns <= day.now_ns for point in day.points())


def test_a_series_from_the_future_takes_no_heartbeat_from_the_others_for_ever(ledger: Ledger) -> None:
    day = Day(ledger, started_ns=START_NS + YEAR_NS, budget=1)
    day.count("a", 7, history=True)
    day.points()
    day.now_ns = START_NS
    day.cycle()
    day.now_ns += 1
    day.count("b", 1, history=True)
    day.cycle()
    assert day.cycle() == [("b", 1)]


@pytest.mark.parametrize("interval_ns", [10**8, CYCLE_NS, 4 * CYCLE_NS, 5 * CYCLE_NS, HOUR_NS, 10 * HOUR_NS])
def test_the_value_follows_its_baseline_by_one_interval_however_long_that_is(ledger: Ledger, interval_ns: int) -> None:
    day = Day(ledger, interval_ns=interval_ns)

    def sent() -> list[int]:
        day.now_ns += interval_ns
        return [int(point.value or 0) for point in day.points()]

    day.count("a", 7)
    assert [sent(), sent()] == [[0], [7]]
    day.count("a", 5)
    assert sent() == [12]


def test_an_export_that_is_tried_again_early_sends_no_value_right_after_its_baseline(ledger: Ledger) -> None:
    """A Collector that is scraped once a minute would show the value only, and `increase()` would miss the rise."""
    day = Day(ledger)
    day.count("a", 7)
    assert day.cycle() == [("a", 0)]
    day.now_ns += CYCLE_NS // 12
    day.count("b", 1)
    assert [point.value for point in day.points()] == [0], "the baseline of the other series"
    day.now_ns += CYCLE_NS
    assert sorted(point.value or 0 for point in day.points()) == [1, 7]
