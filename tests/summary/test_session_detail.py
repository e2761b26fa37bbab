"""A session from inside: its turns, and their model calls and tool calls with times, outcomes and tokens."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from otel_agent.errors import NothingFound
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Outcome
from otel_agent.summary.formats.session_json import session_json
from otel_agent.summary.session_detail import SessionDetail, days_of_model, session_detail, session_named
from otel_agent.summary.text.session_page import session_lines
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0, DatabaseV2, Session, Tokens, message, prompt, session, step_finish, tool
from tests.support.made_stores.rows_of_2_x import Rows, call, subagent

SECOND = 1_000
NOW_MS = time.time_ns() // 1_000_000
HOUR_AGO = NOW_MS - 3_600_000
"""Recent: the tool calls of a first look's last day are read with their messages."""


def put_session(machine: MadeMachine, begin: int) -> str:
    """Write two turns: the first asks the model twice, with two tool calls in between; the second is broken off."""
    of = session(begin, title="Mend the parser")
    first, second = prompt(of, begin), prompt(of, begin + 100 * SECOND, 2)
    asked = message(
        of,
        Tokens(100, 10),
        begin + SECOND,
        completed=begin + 9 * SECOND,
        finish="tool-calls",
        parent=first.id,
        cost=0.5,
    )
    calls = [
        tool(asked, "bash", 4, at=begin + 3 * SECOND, took=2_000),
        tool(asked, "github_search", 5, at=begin + 5 * SECOND, took=4_000, status="error", error="no such issue"),
    ]
    answered = message(
        of, Tokens(200, 20), begin + 10 * SECOND, 3, completed=begin + 12 * SECOND, parent=first.id, model="glm-5"
    )
    stopped = message(
        of,
        Tokens(300, 0),
        begin + 101 * SECOND,
        4,
        completed=begin + 104 * SECOND,
        parent=second.id,
        changes={"error": {"name": "MessageAbortedError", "data": {}}},
    )
    machine.tree.put(of.project, of, first, second, asked, *calls, answered, stopped, step_finish(stopped, Tokens()))
    return of.id


def detail(machine: MadeMachine, name: str) -> SessionDetail:
    machine.view("overview")
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        return session_detail(session_named(name, ledger, list), ledger, datetime.now(UTC))


def test_a_session_has_its_turns_and_their_calls(machine: MadeMachine) -> None:
    key = put_session(machine, HOUR_AGO)
    found = detail(machine, key)
    assert (found.title, found.usage.tokens.total) == ("Mend the parser", 630)
    first, second = found.turns
    assert (first.model_calls, first.tool_calls, first.failed_tool_calls) == (2, 2, 1)
    assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.ABORTED)
    assert (first.usage.tokens.total, first.usage.cost_nusd) == (330, 500_000_000)
    assert first.models == ("zai-coding-plan/glm-4.7", "zai-coding-plan/glm-5")
    assert (first.seconds, second.seconds) == (12.0, 4.0)
    assert second.error == "MessageAbortedError"
    assert second.tool_calls == 0
    assert [(call.kind, call.name, call.outcome, call.seconds) for call in first.calls] == [
        # The answer had arrived when its first tool began.
        ("model", "zai-coding-plan/glm-4.7", Outcome.OK, 2.0),
        ("tool", "bash", Outcome.OK, 2.0),
        ("tool", "github_search", Outcome.ERROR, 4.0),
        ("model", "zai-coding-plan/glm-5", Outcome.OK, 2.0),
    ]


def put_family(machine: MadeMachine, begin: int) -> tuple[str, list[str]]:
    """Write a session that calls two sub-agents at once, and return its id and theirs."""
    of = session(begin, title="Ask around")
    asked = prompt(of, begin)
    calling = message(of, Tokens(1), begin + SECOND, completed=begin + 9 * SECOND, finish="tool-calls", parent=asked.id)
    children = [session(begin + SECOND, number, title=f"Look {number}", parent=of.id) for number in (1, 2)]
    calls = [
        tool(calling, "task", 4 + number, at=begin + 2 * SECOND, took=6_000, metadata={"sessionId": child.id})
        for number, child in enumerate(children)
    ]
    browser = tool(calling, "browser_open", 7, at=begin + 2 * SECOND, metadata={"sessionId": "secret-of-a-tool"})
    machine.tree.put(of.project, of, asked, calling, *calls, browser)
    for number, child in enumerate(children, 1):
        answer = message(child, Tokens(10 * number), begin + 3 * SECOND, 20 + number, completed=begin + 5 * SECOND)
        machine.tree.put(child, answer)
    return of.id, [child.id for child in children]


def test_a_call_of_a_sub_agent_names_its_session(machine: MadeMachine) -> None:
    key, children = put_family(machine, HOUR_AGO)
    found = detail(machine, key)
    (turn,) = found.turns
    named = [(call.name, call.session, call.session_title) for call in turn.calls if call.kind == "tool"]
    assert named == [("task", children[0], "Look 1"), ("task", children[1], "Look 2"), ("browser_open", "", "")]
    written = json.loads(session_json(found, "recorded"))["turns"][0]["calls"]
    assert [call.get("session", "") for call in written] == ["", *children, None]
    lines = list(session_lines(found, "recorded", datetime.now(UTC), with_calls=True))
    assert [line.partition("→ ")[2] for line in lines if "└ task" in line] == children
    child = list(session_lines(detail(machine, children[1]), "recorded", datetime.now(UTC), with_calls=False))
    assert child[1] == f"sub-agent of {key}"


def test_a_call_of_2_x_names_its_session(machine: MadeMachine) -> None:
    at = HOUR_AGO
    top = Rows(DatabaseV2(machine.data_dir / "opencode.db").create(), session(at, version="2.0.17"))
    child = Session(id="ses_child1", parent=top.of.id, created=at, version="2.0.17", title="Look around")
    top.prompt(at)
    top.answer(at + SECOND, at + 9 * SECOND, tools=[subagent(at + 2 * SECOND, 3_000, child=child), call("bash", at)])
    (turn,) = detail(machine, top.of.id).turns
    assert [call.session for call in turn.calls] == ["", "ses_child1", ""]


def test_calls_of_the_history_are_unknown_and_not_zero(machine: MadeMachine) -> None:
    found = detail(machine, put_session(machine, T0))
    assert [turn.tool_calls for turn in found.turns] == [None, None]
    assert [turn.model_calls for turn in found.turns] == [2, 1]


@pytest.mark.parametrize("name", ["Mend the parser", "mend*"])
def test_a_session_is_found_by_its_title(name: str, machine: MadeMachine) -> None:
    key = put_session(machine, T0)
    assert detail(machine, name).id == detail(machine, key[-8:]).id == detail(machine, f"…{key[-8:]}").id == key


def test_a_name_that_is_not_clear_says_what_there_is(machine: MadeMachine) -> None:
    put_session(machine, T0)
    other = session(T0, 2, title="Mend the lexer")
    machine.tree.put_turn(message(other, Tokens(1), T0, 9))
    with pytest.raises(NothingFound, match=other.id):
        detail(machine, "mend*")
    with pytest.raises(NothingFound, match="summary sessions"):
        detail(machine, "nothing")


def test_a_model_has_days(machine: MadeMachine) -> None:
    day = 86_400_000
    of = session(T0)
    names = [
        ("anthropic", "claude", T0),
        ("anthropic", "claude", T0 + 3 * day),
        # The same name with a slash in it is another model.
        ("openrouter", "anthropic/claude", T0 + day),
    ]
    for number, (provider, model, at) in enumerate(names):
        machine.tree.put_turn(message(of, Tokens(2**number), at, number + 1, provider=provider, model=model))
    machine.view("overview")
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        now = datetime.now(UTC)
        days = {name: days_of_model(name, ledger, now) for name in ("anthropic/claude", "openrouter/anthropic/claude")}
    assert {name: [(row.key, row.usage.tokens.total) for row in rows] for name, rows in days.items()} == {
        "anthropic/claude": [("2026-01-23", 1), ("2026-01-26", 2)],
        "openrouter/anthropic/claude": [("2026-01-24", 4)],
    }
