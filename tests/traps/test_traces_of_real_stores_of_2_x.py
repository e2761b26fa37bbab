"""Traces of the stores of 2.x, against what their authors say of turns, tools and callers: `truth.json`."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.drawn_traces import drawn, traces
from tests.support.otlp_receiver import OtlpReceiver, SpanRow
from tests.support.paths import STORES
from tests.traps.test_real_stores_of_2_x import MADE, copy_to

_A_TIME = re.compile(r"\b1795[0-9]{9}\b")
"""A time in milliseconds, in the weeks in which the stores were made."""


def bring_to_now(path: Path) -> None:
    """Move all times, so that the newest is three hours ago: the calls of an older history are not reported."""
    with closing(sqlite3.connect(path)) as database, database:
        tables = {name: columns(database, name) for name in ("session_v2", "session_message", "migration", "kv")}
        newest = database.execute("SELECT max(time_created) FROM session_message").fetchone()[0]
        late = time.time_ns() // 1_000_000 - 3 * 3_600_000 - newest
        for table, names in tables.items():
            for name in names:
                database.execute(f"UPDATE {table} SET {name} = {name} + ?", (late,))
        for id_, data in database.execute("SELECT id, data FROM session_message").fetchall():
            moved = _A_TIME.sub(lambda found: str(int(found[0]) + late), data)
            database.execute("UPDATE session_message SET data = ? WHERE id = ?", (moved, id_))


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table that hold times."""
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    return [name for name in names if name.startswith("time_") and name != "time_compacting"]


@pytest.mark.parametrize("made", [path for path in MADE if path.name != "upgraded_v1_fork"], ids=lambda path: path.name)
def test_each_turn_is_in_the_trace_of_what_the_person_asked(agent: Agent, made: Path, receiver: OtlpReceiver) -> None:
    truth = json.loads((made / "truth.json").read_text())
    copy_to(agent, made)
    bring_to_now(agent.data_dir / "opencode.db")
    agent.once()
    assert drawn(receiver)
    assert traces(receiver) == len(truth["traces"])
    assert receiver.total("opencode.tool.call.count") == truth["tool_calls"]
    check_turns(receiver, truth)


def check_turns(receiver: OtlpReceiver, truth: dict[str, Any]) -> None:
    spans = {span.span_id: span for span in receiver.spans()}
    chats = {str(span.attributes["opencode.message.id"]): span for span in receiver.chats()}
    roots: dict[str, str] = {}
    for name, turn in truth["turns"].items():
        of_turn = [chats[message] for message in turn["chats"]]
        (own,) = {span.parent_span_id for span in of_turn}
        assert caller(spans[own], spans) == turn["caller"], name
        assert roots.setdefault(turn["root"], of_turn[0].trace_id) == of_turn[0].trace_id, name
        tools = Counter(
            span.attributes["gen_ai.tool.call.id"]
            for span in spans.values()
            if span.parent_span_id == own and "gen_ai.tool.call.id" in span.attributes
        )
        assert tools == Counter(turn["tools"]), name
    assert len(set(roots.values())) == len(truth["traces"])


def caller(turn: SpanRow, spans: dict[str, SpanRow]) -> object:
    """Return the model's id of the call that a turn is below, `None` for a turn that no call began."""
    above = spans.get(turn.parent_span_id)
    return above.attributes.get("gen_ai.tool.call.id") if above else None


def test_the_outcomes_and_times_of_calls_are_those_of_the_store(agent: Agent, receiver: OtlpReceiver) -> None:
    """One that was aborted while it ran, and one that a person declined."""
    copy_to(agent, STORES / "v2" / "aborts")
    bring_to_now(agent.data_dir / "opencode.db")
    agent.once()
    found = {
        str(span.attributes["gen_ai.tool.call.id"]): (
            span.attributes["opencode.tool.outcome"],
            (span.end_ns - span.start_ns) // 10**6,
        )
        for span in receiver.spans()
        if span.name.startswith("execute_tool")
    }
    assert found == {
        "toolu_Y2H7jRxS5o9sJ7jIxkcQ": ("aborted", 709),
        "toolu_2s74rRcXxFMHsLz0eIej": ("aborted", 12),
    }


DEEP = [
    *("invoke_agent build", "  chat claude-sonnet-4-5", "  execute_tool subagent"),
    *(
        "    invoke_agent general",
        "      chat claude-sonnet-4-5",
        "      execute_tool shell",
        "      chat claude-sonnet-4-5",
    ),
    "  chat claude-sonnet-4-5",
]


def test_the_store_of_a_program_of_2_x_has_a_trace_for_each_prompt(agent: Agent, receiver: OtlpReceiver) -> None:
    """It was written before idle rows came. 13 prompts are left, of 15: one was reverted, one is in a deleted session.

    The compaction is in the trace of the turn before it. Three sub-agents, and one of them called a tool; 11 calls.
    """
    copy_to(agent, STORES / "v2" / "v2-live-session_v2")
    bring_to_now(agent.data_dir / "opencode.db")
    agent.once()
    lines = drawn(receiver)
    assert traces(receiver) == 13
    assert receiver.total("opencode.tool.call.count") == 11
    below = Counter(line.strip().split(" ")[0] for line in lines if line.startswith("    "))
    assert Counter(line.split(" ")[0] for line in lines if not line.startswith(" ")) == {"invoke_agent": 13}
    assert below["invoke_agent"] == 3
    models = {line.split("chat ")[1] for line in lines if "chat " in line}
    deep = [line.replace(next(iter(models)), "claude-sonnet-4-5") if len(models) == 1 else line for line in lines]
    assert any(deep[at : at + len(DEEP)] == DEEP for at in range(len(deep)))
