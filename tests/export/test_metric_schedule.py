"""What is told of the totals, cycle by cycle: between two points of a series lies all that it rose by."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.export.metric_schedule import Gained
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation, SendResult
from tests.export.day import CYCLE_NS, HOUR_NS, OF, Day
from tests.support.ledgers import fresh_ledger
from tests.support.otlp_receiver import PointRow

AWAY = SendResult(accepted=False, reason="away")
UNHEARD = SendResult(accepted=False, reason="no answer", unanswered=True)
"""What the backend took, or did not: its answer was lost."""


@pytest.fixture
def day(ledger: Ledger) -> Day:
    return Day(ledger)


def test_a_new_series_is_zero_a_cycle_before_its_first_value(day: Day) -> None:
    day.count("a", 7)
    assert [day.cycle() for _ in range(3)] == [[("a", 0)], [("a", 7)], [("a", 7)]]


def test_history_is_told_as_it_is(day: Day) -> None:
    """It did not happen now: nothing rises."""
    day.count("a", 7_000, history=True)
    assert [day.cycle() for _ in range(2)] == [[("a", 7_000)], [("a", 7_000)]]
    day.count("a", 1)
    assert day.cycle() == [("a", 7_001)]


def test_a_series_that_is_known_is_told_at_once(day: Day) -> None:
    day.count("a", 7)
    day.cycle()
    day.cycle()
    day.count("a", 5)
    assert day.cycle() == [("a", 12)]


def test_after_a_silence_it_is_told_as_it_was_and_then_as_it_is(ledger: Ledger) -> None:
    """With no room for heartbeats."""
    day = Day(ledger, budget=0)
    day.count("a", 7)
    assert [day.cycle() for _ in range(3)] == [[("a", 0)], [("a", 7)], []]
    day.now_ns += 2 * HOUR_NS
    day.count("a", 400)
    assert [day.cycle() for _ in range(3)] == [[("a", 7)], [("a", 407)], []]


def test_after_the_agent_was_down_likewise(day: Day) -> None:
    day.count("a", 7)
    day.cycle()
    day.cycle()
    day.start()
    day.count("a", 5)
    assert [day.cycle() for _ in range(2)] == [[("a", 7)], [("a", 12)]]


def test_what_was_not_taken_is_told_again(day: Day) -> None:
    """The zero before the value, each until it was taken; killed in between, it begins anew."""
    day.count("a", 7)
    day.to.result = AWAY
    assert [day.cycle() for _ in range(2)] == [[("a", 0)], [("a", 0)]]
    day.to.result = SendResult(accepted=True)
    assert day.cycle() == [("a", 0)]
    day.to.result = AWAY
    assert day.cycle() == [("a", 7)]
    day.start()
    day.to.result = SendResult(accepted=True)
    assert [day.cycle() for _ in range(2)] == [[("a", 0)], [("a", 7)]]


def test_what_was_not_answered_is_told_again_as_of_then(day: Day) -> None:
    """Killed between the request and the answer: the backend may know 12, and must not see 7 after it."""
    day.count("a", 7)
    day.cycle()
    day.cycle()
    day.count("a", 5)
    day.to.result = UNHEARD
    assert day.cycle() == [("a", 12)]
    then_ns = day.now_ns
    day.start()
    day.count("a", 1)
    day.to.result = AWAY
    day.cycle()
    day.to.result = SendResult(accepted=True)
    day.now_ns += HOUR_NS
    again, now = day.points()
    assert (again.value, again.time_ns) == (12, then_ns)
    assert (now.value, now.time_ns) == (12, day.now_ns)
    assert day.cycle() == [("a", 13)]


def test_what_a_backend_no_longer_takes_of_then_is_not_offered_for_ever(day: Day) -> None:
    day.count("a", 7)
    day.cycle()
    day.to.result = UNHEARD
    assert day.cycle() == [("a", 7)]
    day.start()
    day.to.result = SendResult(accepted=False, permanent=True, reason="HTTP 400 too old")
    assert day.cycle() == [("a", 7), ("a", 7)]
    day.to.result = SendResult(accepted=True)
    assert [day.cycle() for _ in range(2)] == [[("a", 7)], [("a", 7)]]


def test_what_was_told_for_certain_is_not_told_again(day: Day) -> None:
    """Not taken, and known not to be: the zero before the value, as ever."""
    day.count("a", 7)
    day.cycle()
    day.to.result = AWAY
    day.cycle()
    day.start()
    day.to.result = SendResult(accepted=True)
    assert [day.cycle() for _ in range(2)] == [[("a", 0)], [("a", 7)]]


def test_the_last_time_both_are_told(day: Day) -> None:
    """The zero as of a cycle ago, for no other cycle may come; nothing of it before the series began."""
    day.count("a", 7)
    day.now_ns += 1
    zero, value = day.points(last=True)
    assert (zero.value, value.value) == (0, 7)
    assert value.time_ns == day.now_ns
    assert CYCLE_NS - 10 <= value.time_ns - zero.time_ns <= CYCLE_NS
    assert zero.start_ns == value.start_ns < zero.time_ns
    assert [day.cycle(last=True) for _ in range(2)] == [[("a", 7)], [("a", 7)]]


def test_heartbeats_have_a_budget(ledger: Ledger) -> None:
    """Those that changed last have it."""
    day = Day(ledger, budget=2)
    for name in "abcd":
        day.count(name, 1, history=True)
        day.now_ns += 1
    assert len(day.cycle()) == 4
    assert day.cycle() == [("c", 1), ("d", 1)]
    day.count("a", 1)
    assert [day.cycle() for _ in range(2)] == [[("a", 2), ("c", 1), ("d", 1)], [("a", 2), ("d", 1)]]


def test_heartbeats_end(day: Day) -> None:
    day.count("a", 1, history=True)
    day.cycle()
    day.now_ns += 25 * HOUR_NS
    assert day.cycle() == []


def test_a_heartbeat_writes_nothing(day: Day) -> None:
    day.count("a", 7)
    for _ in range(3):
        day.cycle()
    before = day.ledger.changes
    for _ in range(3):
        assert day.cycle() == [("a", 7)]
    assert day.ledger.changes == before


Event = tuple[str, str, int]
events = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.sampled_from("abc"), st.integers(1, 1_000)),
        st.tuples(
            st.sampled_from(["cycle", "restart", "fail", "unheard", "lost", "idle", "last"]), st.just(""), st.just(0)
        ),
    ),
    max_size=40,
)


@given(events, st.integers(0, 3))
@settings(deadline=None, max_examples=150)
def test_what_lies_between_the_points_is_all_that_was_counted(story: list[Event], budget: int) -> None:
    """Whatever restarts, failures and idle hours there are: within five minutes before each rise stands the point from
    which it rose, which is what `increase()` needs; and all rises together are what was counted."""
    with fresh_ledger() as ledger:
        day, points = Day(ledger, budget=budget), list[PointRow]()
        counted = dict.fromkeys("abc", 0)
        for what, series, tokens in [*story, ("cycle", "", 0), ("cycle", "", 0), ("cycle", "", 0)]:
            day.to.result = SendResult(accepted=True)
            match what:
                case "count":
                    day.count(series, tokens)
                    counted[series] += tokens
                case "idle":
                    day.now_ns += 3 * HOUR_NS
                case "restart":
                    day.start()
                case "unheard":
                    day.to.result = UNHEARD
                    day.now_ns += CYCLE_NS
                    points += day.points()
                case "lost":  # as unheard, but nothing arrived
                    day.to.result = UNHEARD
                    day.now_ns += CYCLE_NS
                    day.points()
                case "fail":
                    day.to.result = AWAY
                    day.now_ns += CYCLE_NS
                    day.points()
                case _:
                    day.now_ns += CYCLE_NS
                    points += day.points(last=what == "last")
        for name, total in counted.items():
            of_it = [point for point in points if point.attributes[OF] == name]
            told = sorted({point.time_ns: point for point in of_it}.values(), key=lambda point: point.time_ns)
            assert len({(point.time_ns, point.value) for point in of_it}) == len(told)
            assert [point.value for point in told] == sorted(point.value or 0 for point in told)
            rises = [
                (later.value or 0) - (earlier.value or 0)
                for earlier, later in pairwise(told)
                if later.time_ns - earlier.time_ns < 300 * 10**9
            ]
            if "lost" in (what for what, _, _ in story):  # a rise may stand beyond five minutes of what it rose from
                assert not told or told[-1].value == total
            else:
                assert sum(rises) == total
            assert not told or told[0].value == 0


class TestIncrements:
    """For backends that add up themselves."""

    @pytest.fixture
    def day(self, ledger: Ledger) -> Day:
        return Day(ledger, delta=True)

    def test_each_once(self, day: Day) -> None:
        day.count("a", 7)
        first = day.cycle()
        day.count("a", 5)
        day.count("b", 1)
        assert (first, [day.cycle() for _ in range(2)]) == ([("a", 7)], [[("a", 5), ("b", 1)], []])

    def test_one_begins_where_the_last_ended(self, day: Day) -> None:
        told = []
        for _ in range(3):
            day.now_ns += CYCLE_NS
            day.count("a", 7)
            day.now_ns += 1
            told += day.points()
        assert {point.temporality for point in told} == {"delta"}
        assert all(later.start_ns == earlier.time_ns for earlier, later in pairwise(told))

    def test_owed_until_it_was_taken_across_a_restart(self, day: Day) -> None:
        day.count("a", 7)
        day.to.result = AWAY
        assert day.cycle() == [("a", 7)]
        day.start()
        day.count("a", 5)
        assert day.cycle() == [("a", 12)]
        day.to.result = SendResult(accepted=True)
        assert [day.cycle() for _ in range(2)] == [[("a", 12)], []]

    def test_history_is_no_increment(self, day: Day) -> None:
        day.count("a", 7_000, history=True)
        assert day.cycle() == []
        day.count("a", 5)
        assert day.cycle() == [("a", 5)]


def test_what_sums_gained_that_are_kept_elsewhere() -> None:
    """CPU time of a process: from its start, then from one collection to the next; forgotten when it ends."""
    gained, told = Gained(), []
    for at_ns, seconds in ((1_000, 2.0), (2_000, 3.5), (3_000, None), (4_000, 9.0)):
        seen = [] if seconds is None else [Observation("process.cpu.time", seconds, {"process.pid": 7}, 500)]
        told += [(each.value, each.since_ns) for each in gained.of([*seen, Observation("g", 1)], at_ns)]
    assert told == [(2.0, 500), (1, None), (1.5, 1_000), (1, None), (1, None), (9.0, 500), (1, None)]


def test_of_what_was_told_when_no_more_is_kept_than_is_needed(ledger: Ledger) -> None:
    day = Day(ledger, budget=1)
    for number in range(50):
        day.count(str(number), 1, history=True)
        day.cycle()
        day.now_ns += HOUR_NS
    assert len(day._out._schedule._accepted_ns) < 10
