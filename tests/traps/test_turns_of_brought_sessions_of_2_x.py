"""The turns of a session of 2.x that came from elsewhere: an import, a beta, another database, a fork."""

from __future__ import annotations

import pytest

from tests.support.agent import Agent
from tests.support.drawn_traces import drawn
from tests.support.made_stores import DatabaseV2, session
from tests.support.made_stores.rows_of_2_x import Rows, S, call
from tests.support.otlp_receiver import OtlpReceiver
from tests.traps.rows_of_turns import AT, rows_of, without_idle


@pytest.fixture
def database(agent: Agent) -> DatabaseV2:
    return DatabaseV2(agent.data_dir / "opencode.db").create()


def test_each_prompt_of_an_imported_session_begins_a_turn_until_2_x_goes_on_with_it(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """The import writes no idle rows. What 2.x adds to the session has them."""
    rows = rows_of(database, "1.18.33")
    for begin, model in ((AT, "a"), (AT + 5 * S, "b")):
        rows.prompt(begin)
        rows.answer(begin + S, tools=[call("bash", begin + S)], model=model)
        rows.answer(begin + 3 * S, model=model + "2")
    database.note_import(AT + 20 * S)
    for number, (begin, model) in enumerate(((AT + 30 * S, "c"), (AT + 33 * S, "d"))):
        rows.prompt(begin)
        rows.answer(begin + S, model=model)
        if number:
            rows.idle(begin + 3 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a", "  execute_tool bash", "  chat a2"),
        *("invoke_agent build", "  chat b", "  execute_tool bash", "  chat b2"),
        *("invoke_agent build", "  chat c", "  chat d"),
    ]


def test_each_prompt_begins_a_turn_in_the_store_of_a_beta(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """It writes no idle rows: a turn ends with an answer that stops."""
    rows = rows_of(database, "2.0.0-beta.3")
    without_idle(database)
    rows.prompt(AT)
    rows.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    rows.answer(AT + 3 * S, model="b")
    rows.prompt(AT + 6 * S)
    rows.answer(AT + 7 * S, model="c")
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a", "  execute_tool shell", "  chat b"),
        *("invoke_agent build", "  chat c"),
    ]


def test_rows_of_a_beta_keep_their_turns_after_the_update(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """The list of migrations says when idle rows began."""
    rows = rows_of(database, "2.0.0-beta.3")
    for begin, model in ((AT, "a"), (AT + 5 * S, "b")):
        rows.prompt(begin)
        rows.answer(begin + S, model=model)
    database.execute("INSERT INTO migration VALUES ('20260819222447_session_viewed_state', ?)", AT + 20 * S)
    rows.prompt(AT + 30 * S)
    rows.answer(AT + 31 * S, model="c")
    rows.prompt(AT + 33 * S)
    rows.answer(AT + 34 * S, model="d")
    rows.idle(AT + 36 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a"),
        *("invoke_agent build", "  chat b"),
        *("invoke_agent build", "  chat c", "  chat d"),
    ]


def test_a_session_from_another_database_keeps_its_idle_rows(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """There such rows were written already, before this database knew of them."""
    rows = rows_of(database)
    for begin, model in ((AT, "a"), (AT + 3 * S, "b")):
        rows.prompt(begin)
        rows.answer(begin + S, model=model)
    rows.idle(AT + 6 * S)
    database.execute("INSERT INTO migration VALUES ('20260819222447_session_viewed_state', ?)", AT + 20 * S)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat a", "  chat b"]


def test_a_turn_of_a_fork_begins_with_its_own_prompt(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """The fork was made in the middle of a turn: what it copied has no idle row."""
    rows = rows_of(database)
    rows.prompt(AT)
    rows.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    fork = Rows(database, session(AT + 30 * S, 2, version="2.0.17", fork_of=rows.of.id))
    fork.put("user", AT, {"text": "fix it"})
    fork.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    database.execute("UPDATE session_message SET id = 'msg_5f0c2b6a93d1_' || seq WHERE session_id = ?", fork.of.id)
    rows.answer(AT + 3 * S, model="b")
    rows.idle(AT + 5 * S)
    fork.prompt(AT + 31 * S)
    fork.answer(AT + 32 * S, model="c")
    fork.idle(AT + 34 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a", "  execute_tool shell", "  chat b"),
        *("invoke_agent build", "  chat c"),
    ]
    assert receiver.total("opencode.tool.call.count") == 1
    turns = [span for span in receiver.spans() if span.name == "invoke_agent build"]
    assert sorted((turn.end_ns - turn.start_ns) / 1e9 for turn in turns) == [2, 4], (
        "not since the prompt that was copied"
    )
