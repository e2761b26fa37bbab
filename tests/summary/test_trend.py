"""The small bars of a range: their step follows the length of the range, and together they are its total."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otel_agent.summary.question import By, RangeName
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import Tokens, message, session

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def put(machine: MadeMachine, *days_ago: int) -> None:
    """Write a message of 10 tokens that ended so many days before now, for each number."""
    for counter, days in enumerate(days_ago, 1):
        ended = round((NOW - timedelta(days=days)).timestamp() * 1000) - 1
        conversation = session(created=ended - 2, counter=counter)
        machine.tree.put_turn(message(conversation, Tokens(input=10), ended - 1, counter, completed=ended))


@pytest.mark.parametrize(
    ("days", "by"),
    [(2, "hour"), (4, "day"), (100, "day"), (200, "week"), (700, "week"), (1_000, "month"), (3_000, "month")],
)
def test_a_longer_range_has_larger_steps(days: int, by: By, machine: MadeMachine) -> None:
    put(machine, days, 0)
    trend = machine.view("models", now=NOW, with_trend=True).trend
    assert trend is not None
    assert trend.by == by
    assert sum(row.usage.tokens.total for row in trend.periods) == 20
    assert len(trend.periods) <= 150, "a screen has room for them"


@pytest.mark.parametrize(("range_", "by"), [("today", "hour"), ("week", "day")])
def test_a_range_with_ends_is_as_long_as_these_whatever_was_used(
    range_: RangeName, by: By, machine: MadeMachine
) -> None:
    put(machine, 0)
    trend = machine.view("models", range_, now=NOW, with_trend=True).trend
    assert trend is not None
    assert trend.by == by
    assert sum(row.usage.tokens.total for row in trend.periods) == 10


def test_only_who_asks_gets_it(machine: MadeMachine) -> None:
    put(machine, 0)
    assert machine.view("models", now=NOW).trend is None
