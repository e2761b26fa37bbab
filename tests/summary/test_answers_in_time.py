"""Days and periods of an answer: where they begin in each zone, and which of them are rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from otel_agent.ledger.answers import NO_USAGE
from tests.summary.made_machine import BERLIN, MadeMachine, put
from tests.support.made_stores import T0, Tokens, message, session


class TestRanges:
    """A day begins at midnight where the person is, and a message belongs to the day it was completed on."""

    def test_today_begins_at_midnight(self, machine: MadeMachine) -> None:
        midnight = datetime(2026, 1, 23, tzinfo=BERLIN)
        put(machine.tree, 1, midnight - timedelta(milliseconds=1))
        put(machine.tree, 2, midnight)
        assert machine.view("overview", "today", now=midnight + timedelta(hours=9)).totals.messages == 1

    @pytest.mark.parametrize("day", [(2026, 3, 29), (2025, 10, 26)], ids=["spring", "autumn"])
    def test_today_is_a_whole_day_when_the_clock_changes(self, day: tuple[int, int, int], machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(*day, 0, 30, tzinfo=BERLIN))
        put(machine.tree, 2, datetime(*day, 23, 30, tzinfo=BERLIN))
        assert machine.view("overview", "today", now=datetime(*day, 23, 45, tzinfo=BERLIN)).totals.messages == 2

    def test_today_depends_on_the_zone(self, machine: MadeMachine) -> None:
        """Two hours before midnight in Berlin it is tomorrow in Tokyo."""
        put(machine.tree, 1, datetime(2026, 1, 22, 22, tzinfo=BERLIN))
        tokyo = datetime(2026, 1, 23, 8, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert machine.view("overview", "today", now=tokyo).totals.messages == 1
        assert machine.view("overview", "today", now=datetime(2026, 1, 23, 0, 30, tzinfo=BERLIN)).totals.messages == 0

    def test_the_newest_message_is_that_of_all_time_whatever_the_range(self, machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 1, 12, tzinfo=UTC))
        found = machine.view("overview", "today", now=datetime(2026, 1, 23, tzinfo=UTC))
        assert found.totals == NO_USAGE
        assert found.newest == datetime(2026, 1, 1, 12, tzinfo=UTC)


class TestTimeline:
    def test_days_without_usage_are_rows_of_the_timeline(self, machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 20, 12, tzinfo=UTC), tokens=5)
        put(machine.tree, 2, datetime(2026, 1, 22, 12, tzinfo=UTC), tokens=7)
        found = machine.view("timeline", "week", now=datetime(2026, 1, 23, 8, tzinfo=UTC))
        assert [(row.key, row.usage.tokens.total) for row in found.rows] == [
            ("2026-01-17", 0),
            ("2026-01-18", 0),
            ("2026-01-19", 0),
            ("2026-01-20", 5),
            ("2026-01-21", 0),
            ("2026-01-22", 7),
            ("2026-01-23", 0),
        ]

    def test_the_timeline_of_all_time_goes_from_the_first_to_the_last_message(self, machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2025, 12, 30, 12, tzinfo=UTC))
        put(machine.tree, 2, datetime(2026, 1, 2, 12, tzinfo=UTC))
        keys = [row.key for row in machine.view("timeline", now=datetime(2026, 6, 1, tzinfo=UTC)).rows]
        assert keys == ["2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02"]

    @pytest.mark.parametrize(
        ("by", "keys"),
        [
            ("week", ["2025-W52", "2026-W01", "2026-W02"]),
            ("month", ["2025-12", "2026-01"]),
        ],
    )
    def test_the_timeline_can_have_weeks_or_months(self, by: str, keys: list[str], machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2025, 12, 28, 12, tzinfo=UTC))
        put(machine.tree, 2, datetime(2026, 1, 5, 12, tzinfo=UTC))
        assert [row.key for row in machine.view("timeline", by=by).rows] == keys

    def test_an_hour_that_the_clock_repeats_is_two_periods(self, machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2025, 10, 26, 0, 30, tzinfo=UTC), tokens=1)
        put(machine.tree, 2, datetime(2025, 10, 26, 1, 30, tzinfo=UTC), tokens=2)
        found = machine.view("timeline", now=datetime(2026, 1, 1, tzinfo=BERLIN), by="hour")
        assert [(row.key, row.usage.tokens.total) for row in found.rows] == [
            ("2025-10-26T02:00+02:00", 1),
            ("2025-10-26T02:00+01:00", 2),
        ]

    def test_a_session_counts_once_in_each_period(self, machine: MadeMachine) -> None:
        of = session()
        for number in range(3):
            machine.tree.put_turn(message(of, Tokens(input=1), at=T0 + number * 1_200_000, counter=number))
        (row,) = machine.view("timeline").rows
        assert row.usage.messages == 3
        assert row.usage.sessions == 1

    def test_the_limit_of_a_timeline_keeps_the_latest_periods(self, machine: MadeMachine) -> None:
        put(machine.tree, 1, datetime(2026, 1, 20, 12, tzinfo=UTC), tokens=5)
        put(machine.tree, 2, datetime(2026, 1, 23, 7, tzinfo=UTC), tokens=7)
        found = machine.view("timeline", "week", now=datetime(2026, 1, 23, 8, tzinfo=UTC), limit=2)
        assert [row.key for row in found.rows] == ["2026-01-22", "2026-01-23"]
        assert found.cut is not None
        assert found.cut.rows == 5
        assert found.cut.usage.tokens.total == 5
