"""What a view of tools says beside its numbers of calls: USD when it is sorted by it, and its own sums on the live screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from otel_agent.ledger.answers import KnownCalls, Usage
from otel_agent.model import Overlap, Tokens
from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.live.lines import foot_lines
from otel_agent.summary.question import Sort
from otel_agent.summary.text.columns import sorts_of
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.text.widths import fit_table
from otel_agent.summary.view import ProjectRow, ToolCalls, ToolRow, View
from tests.summary.made_machine import MadeMachine, drawn

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def used(messages: int, tokens: int, usd: float) -> Usage:
    return Usage(messages, 1, Tokens(tokens), Overlap(), round(usd * 10**9))


def row(key: str, calls: int, usd: float, **more: Any) -> ToolRow:
    fields: dict[str, Any] = {
        "server": "",
        "server_known_by": "",
        "failed": 0,
        "aborted": 0,
        "timed": calls,
        "p50_ms": 400,
        "p95_ms": 400,
        "first": NOW - timedelta(days=2),
        "last": NOW,
    }
    return ToolRow(key=key, usage=used(calls, calls * 10, usd), calls=calls, **(fields | more))


@pytest.fixture
def tools(machine: MadeMachine) -> View:
    """Two tools with 1,203 calls in all. The messages that made none used a thousand tokens."""
    sums = ToolCalls(calls=1_203, failed=12, aborted=4, servers=(), known=KnownCalls(messages=5))
    rows = [row("bash", 1_200, 11.5), row("edit", 3, 0.25)]
    return replace(machine.view("tools", now=NOW), rows=rows, tools=sums, totals=used(2_000, 13_030, 20.5))


def asked(view: View, sort: Sort | None) -> View:
    return replace(view, question=replace(view.question, sort=sort))


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_what_rows_are_sorted_by_is_seen_at_each_width(columns: int, tools: View) -> None:
    lines = drawn(view_table(asked(tools, "cost")), columns)
    assert "USD ▾" in lines[1]
    assert ["11.50" in lines[2], "0.25" in lines[3], "20.50" in "".join(lines)] == [True, True, False]
    lines = drawn(view_table(asked(tools, "first")), columns)
    assert "First ▴" in lines[1]
    assert "11-23 12:00" in lines[2]


def test_other_forms_have_the_column_too(tools: View) -> None:
    view = asked(tools, "cost")
    assert "USD ▾" in as_markdown([view])
    assert '<td class="number">11.50</td>' in as_html([view])


def test_otherwise_tools_have_no_such_column(tools: View) -> None:
    head = drawn(view_table(tools), 250)[1]
    assert ("USD" in head, "First" in head) == (False, False)
    assert "cost" not in sorts_of(tools)


TIMES, OF_MESSAGES = "p50 and p95 are exact", "Messages and tokens are those of the messages"


@pytest.mark.parametrize("columns", [30, 36, 44, 60, 80, 100, 120, 200])
def test_nothing_is_said_of_a_column_that_has_no_room(columns: int, tools: View) -> None:
    titles = [column.title for column in fit_table(tools, columns).columns]
    flat = " ".join(" ".join(drawn(view_table(tools), columns)).split())
    assert (TIMES in flat) == ("p50" in titles)
    assert (OF_MESSAGES in flat) == bool({"Messages", "Tokens"} & set(titles))


def test_a_wide_table_has_both_sentences_and_a_narrow_one_neither(tools: View) -> None:
    flat = {columns: " ".join(" ".join(drawn(view_table(tools), columns)).split()) for columns in (30, 60, 200)}
    found = {columns: (TIMES in text, OF_MESSAGES in text) for columns, text in flat.items()}
    assert found == {30: (False, False), 60: (True, False), 200: (True, True)}
    flat_by_usd = " ".join(" ".join(drawn(view_table(asked(tools, "cost")), 60)).split())
    assert OF_MESSAGES in flat_by_usd
    for page in (as_markdown([tools]), as_html([tools])):
        assert (TIMES in page, OF_MESSAGES in page) == (True, True)


def test_without_rows_nothing_is_said_of_columns(tools: View) -> None:
    assert TIMES not in " ".join(drawn(view_table(replace(tools, rows=[])), 200))


def test_projects_show_when_they_began_if_they_are_sorted_by_it(machine: MadeMachine) -> None:
    project = ProjectRow(key="/a", usage=used(1, 1, 0), directory="/a", first=NOW - timedelta(days=2), last=NOW)
    view = replace(machine.view("projects", now=NOW), rows=[project])
    head, line, *_ = drawn(view_table(asked(view, "first")), 100)[1:]
    assert "First ▴" in head
    assert "11-23 12:00" in line
    assert "First" not in drawn(view_table(view), 100)[1]


def test_the_foot_of_the_live_screen_has_the_sums_of_calls(tools: View) -> None:
    first, *_ = drawn(foot_lines(tools, None, short=False), 120)
    assert first == "2 rows, 1,203 calls, 12 failed (1.0%), 4 aborted"
    first, *_ = drawn(foot_lines(tools, tools.rows[1:], short=False), 120)
    assert first == "1 of 2 rows, 1,203 calls, 12 failed (1.0%), 4 aborted; shown rows: 3 calls"


def test_the_foot_of_another_view_has_messages_and_tokens(tools: View) -> None:
    view = replace(tools, name="models", tools=None)
    first, *_ = drawn(foot_lines(view, tools.rows[1:], short=False), 120)
    assert first == "1 of 2 rows, 2,000 messages, 13,030 tokens; shown rows: 30 tokens"
