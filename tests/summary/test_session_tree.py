"""Sub-agent sessions are listed below the session that started them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from otel_agent.ledger.answers import Group, SessionFacts, Usage
from otel_agent.model import Overlap, Tokens
from otel_agent.summary.session_tree import session_rows
from otel_agent.summary.view import SessionRow
from tests.summary.made_machine import MadeMachine, session_rows_of
from tests.support.made_stores import Tokens as Made
from tests.support.made_stores import message, session


def tree(parents: dict[str, str], present: str | None = None, **asked: Any) -> list[SessionRow]:
    """Make sessions named by letters, with their parents; a, b, c … used 1, 2, 4 … tokens, one after another."""
    groups = [
        Group(
            (name, "/w", "/w"),
            Usage(1, 1, Tokens(input=2 ** (ord(name) - ord("a"))), Overlap(), 1),
            ord(name),
            ord(name),
        )
        for name in present or parents
    ]
    facts = {name: SessionFacts(parent, f"title {name}") for name, parent in parents.items()}
    asked = {"order": lambda group: group.last_ms} | asked
    return session_rows(groups, facts, at=lambda ms: datetime.fromtimestamp(ms / 1000, UTC), **asked)


def outline(rows: list[SessionRow]) -> list[str]:
    return ["." * row.depth + row.key for row in rows]


def test_a_session_is_listed_below_its_parent_the_latest_first() -> None:
    rows = tree({"a": "", "b": "", "c": "a", "d": "c", "e": "a"})
    assert outline(rows) == ["a", ".e", ".c", "..d", "b"]


def test_own_usage_adds_up_to_the_total_and_usage_with_subagents_adds_up_by_family() -> None:
    rows = tree({"a": "", "b": "", "c": "a", "d": "c", "e": "a"})
    assert [(row.key, row.usage.tokens.total, row.with_subagents.tokens.total) for row in rows] == [
        ("a", 1, 1 + 4 + 8 + 16),
        ("e", 16, 16),
        ("c", 4, 4 + 8),
        ("d", 8, 8),
        ("b", 2, 2),
    ]


def test_rolled_up_rows_are_only_the_sessions_that_people_started() -> None:
    rows = tree({"a": "", "b": "", "c": "a", "d": "c"}, rolled_up=True)
    assert [(row.key, row.usage.tokens.total, row.usage.sessions) for row in rows] == [("a", 13, 3), ("b", 2, 1)]
    assert rows[0].first.microsecond == 97_000, "the first message of the whole family"
    assert rows[0].last.microsecond == 100_000, "the last message of the whole family"


def test_a_session_whose_parent_is_out_of_range_is_listed_below_its_nearest_ancestor_in_range() -> None:
    rows = tree({"a": "", "b": "a", "c": "b", "d": "b"}, present="acd")
    assert outline(rows) == ["a", ".d", ".c"]


def test_a_session_whose_ancestors_are_all_missing_is_listed_at_the_top() -> None:
    assert outline(tree({"a": "", "b": "a", "c": "b", "d": "gone"}, present="cd")) == ["d", "c"]


@pytest.mark.parametrize("parents", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "b", "b": "c", "c": "a", "d": "a"}])
@pytest.mark.parametrize("rolled_up", [False, True])
def test_sessions_that_are_each_others_parents_count_once(parents: dict[str, str], rolled_up: bool) -> None:
    rows = tree(parents, rolled_up=rolled_up)
    assert sorted(row.key for row in rows) == sorted(parents)
    assert sum(row.usage.tokens.total for row in rows) == 2 ** len(parents) - 1


def test_ten_thousand_sessions_can_each_be_started_by_the_one_before() -> None:
    facts = {str(n): SessionFacts(str(n - 1) if n else "", "") for n in range(10_000)}
    groups = [Group((str(n), "", ""), Usage(1, 1, Tokens(input=1), Overlap(), 0), n, n) for n in range(10_000)]
    rows = session_rows(groups, facts, at=lambda ms: datetime.fromtimestamp(ms, UTC), order=lambda group: group.last_ms)
    assert rows[0].with_subagents.tokens.total == 10_000
    assert rows[-1].depth == 9_999


def test_a_session_outside_any_project_has_a_directory_of_its_own() -> None:
    groups = [
        Group((key, worktree, directory), Usage(1, 1, Tokens(), Overlap(), 0), 1, 1)
        for key, worktree, directory in [("a", "/w", "/w/src"), ("b", "/", "/tmp/x"), ("c", "", "")]
    ]
    rows = session_rows(groups, {}, at=lambda ms: datetime.fromtimestamp(ms, UTC), order=None)
    assert [(row.project, row.directory, row.folder) for row in rows] == [
        ("/w", "/w/src", "/w"),
        ("(global)", "/tmp/x", "/tmp/x"),
        ("(global)", "", ""),
    ]


def test_the_tree_is_read_from_a_store(machine: MadeMachine) -> None:
    parent = session(counter=1, title="parent")
    child = session(counter=2, title="child", parent=parent.id)
    machine.tree.put_turn(message(parent, Made(input=3), counter=1), message(child, Made(output=4), counter=2))
    found = machine.view("sessions")
    rows = session_rows_of(found)
    assert [(row.title, row.depth, row.parent, row.usage.tokens.total) for row in rows] == [
        ("parent", 0, "", 3),
        ("child", 1, parent.id, 4),
    ]
    assert found.totals.tokens.total == 7
    (rolled,) = machine.view("sessions", rolled_up=True).rows
    assert rolled.usage.tokens.total == 7
    assert rolled.usage.sessions == 2
