"""A range is compared with the time before it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from otel_agent.errors import UsageError
from otel_agent.summary.formats.json_objects import document
from otel_agent.summary.question import RangeName
from otel_agent.summary.ranges import custom_range, named_range, range_before
from otel_agent.summary.text.tables import view_table
from tests.summary.made_machine import MadeMachine, drawn, session_rows_of
from tests.support.made_stores import T0, Tokens, message, session

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=BERLIN)
"""A Tuesday."""
DAY_MS = 86_400_000


def utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        # What goes on is compared with as much of the time before.
        ("today", "2026-11-22 23:00", "2026-11-23 09:30"),
        ("week", "2026-11-10 23:00", "2026-11-17 09:30"),
        ("month", "2026-09-25 22:00", "2026-10-25 09:30"),
        ("this-week", "2026-11-15 23:00", "2026-11-17 09:30"),
        ("this-month", "2026-09-30 22:00", "2026-10-24 08:30"),
        # What has ended is compared with the whole time before.
        ("yesterday", "2026-11-21 23:00", "2026-11-22 23:00"),
        ("last-week", "2026-11-08 23:00", "2026-11-15 23:00"),
        ("last-month", "2026-08-31 22:00", "2026-09-30 22:00"),
    ],
)
def test_the_range_before_is_as_long_as_what_has_passed(name: RangeName, since: str, until: str) -> None:
    found = range_before(named_range(name, NOW), NOW)
    assert (utc(found.since), utc(found.until)) == (since, until)


def test_a_short_month_is_compared_with_as_much_of_a_longer_one_and_the_other_way_round() -> None:
    march = datetime(2026, 3, 31, 12, tzinfo=BERLIN)
    found = range_before(named_range("this-month", march), march)
    assert (utc(found.since), utc(found.until)) == ("2026-01-31 23:00", "2026-02-28 23:00")


def test_a_custom_range_is_compared_with_the_same_time_before_it() -> None:
    found = range_before(custom_range("2026-11-20", "2026-11-21", NOW), NOW)
    assert (utc(found.since), utc(found.until)) == ("2026-11-17 23:00", "2026-11-19 23:00")
    found = range_before(custom_range("36h", None, NOW), NOW)
    assert (utc(found.since), utc(found.until)) == ("2026-11-21 09:30", "2026-11-22 21:30")


def test_a_range_without_a_beginning_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="add --range week"):
        range_before(named_range("all", NOW), NOW)


AT_T0 = datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(hours=1)


@pytest.fixture
def two_days(machine: MadeMachine) -> MadeMachine:
    """Yesterday 100 and 40 tokens of two models; today 150 of the first one, and 10 of a third one."""
    for counter, (days, model, tokens) in enumerate(((1, "a", 100), (1, "b", 40), (0, "a", 150), (0, "c", 10)), 1):
        of = session(T0 - days * DAY_MS, counter)
        machine.tree.put_turn(message(of, Tokens(input=tokens), T0 - days * DAY_MS, counter, model=model, provider="p"))
    return machine


def test_each_row_and_the_total_have_their_difference(two_days: MadeMachine) -> None:
    view = two_days.view("models", "today", now=AT_T0, compared=True)
    lines = [re.split(" {2,}", line) for line in drawn(view_table(view), 200)]
    assert lines[0][0].endswith(", compared with 2026-01-22 to 2026-01-22 14:24 (UTC)")
    at = lines[1].index("Difference")
    assert [(line[0], line[at - 1], *line[at : at + 2]) for line in lines[2:6]] == [
        ("p/a", "150", "+50", "+50.0%"),
        ("p/c", "10", "+10", "new"),
        ("p/b", "0", "-40", "gone"),
        ("Total", "160", "+20", "+14.3%"),
    ]


def test_scripts_get_the_numbers_of_the_time_before(two_days: MadeMachine) -> None:
    found = document(two_days.view("models", "today", now=AT_T0, compared=True))
    assert found["before"]["from"] == "2026-01-22T00:00:00+00:00"
    assert found["before"]["tokens"]["total"] == 140
    assert [(row["key"], row["before"]["tokens"]["total"]) for row in found["rows"]] == [
        ("p/a", 100),
        ("p/c", 0),
        ("p/b", 40),
    ]


def test_sessions_that_ended_are_rows_without_usage(two_days: MadeMachine) -> None:
    rows = session_rows_of(two_days.view("sessions", "today", now=AT_T0, compared=True))
    assert sorted(row.usage.tokens.total for row in rows) == [0, 0, 10, 150]
    assert sorted(row.with_subagents.tokens.total for row in rows) == [0, 0, 10, 150]


def test_without_being_asked_nothing_is_compared(two_days: MadeMachine) -> None:
    view = two_days.view("models", "today", now=AT_T0)
    assert view.before is None
    assert "before" not in document(view)
    assert "Difference" not in "".join(drawn(view_table(view), 200))
