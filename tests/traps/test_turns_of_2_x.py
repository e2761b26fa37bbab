"""The turns of 2.x, whose messages name no prompt: one trace for what a person asked, sent when it ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.agent import Agent
from tests.support.drawn_traces import drawn, traces
from tests.support.made_stores import DatabaseV2, Session
from tests.support.made_stores.rows_of_2_x import Rows, S, call, subagent
from tests.support.otlp_receiver import OtlpReceiver
from tests.traps.rows_of_turns import AT, rows_of, without_idle


@pytest.fixture
def database(agent: Agent) -> DatabaseV2:
    return DatabaseV2(agent.data_dir / "opencode.db").create()


def two_turns(rows: Rows) -> list[Callable[[], object]]:
    """A turn with two tool rounds and a prompt in between, and one of a single answer; each step writes a row."""
    return [
        lambda: rows.prompt(AT),
        lambda: rows.answer(AT + S, tools=[call("shell", AT + S)], model="a"),
        lambda: rows.prompt(AT + 3 * S, "and this too"),
        lambda: rows.answer(AT + 4 * S, model="b"),
        lambda: rows.prompt(AT + 6 * S, "wait"),
        lambda: rows.answer(AT + 7 * S, model="c"),
        lambda: rows.idle(AT + 9 * S),
        lambda: rows.prompt(AT + 10 * S),
        lambda: rows.answer(AT + 11 * S, model="d"),
        lambda: rows.idle(AT + 13 * S),
    ]


TWO_TURNS = [
    *("invoke_agent build", "  chat a", "  execute_tool shell", "  chat b", "  chat c"),
    *("invoke_agent build", "  chat d"),
]


def test_everything_between_two_idle_rows_is_one_turn(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """Prompts that a person sent while the model was at work belong to it, also after an answer that seemed the last."""
    for write in two_turns(rows_of(database)):
        write()
    agent.once()
    assert drawn(receiver) == TWO_TURNS
    assert traces(receiver) == 2
    first = next(span for span in receiver.spans() if span.name == "invoke_agent build")
    assert (first.end_ns - first.start_ns) / 1e9 == 8


def test_a_turn_is_the_same_and_sent_once_if_it_is_read_row_by_row(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    for write in two_turns(rows_of(database)):
        write()
        agent.once()
    assert drawn(receiver) == TWO_TURNS


def test_a_turn_ends_with_its_idle_row_and_not_with_an_answer_that_stops(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    rows = rows_of(database)
    rows.prompt(AT)
    rows.answer(AT + S)
    agent.once()
    assert [span.name for span in receiver.spans()] == ["chat glm-4.7"]
    rows.idle(AT + 3 * S)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat glm-4.7"]


def test_a_turn_without_idle_row_ends_after_the_grace_period(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """OpenCode was shut down, and nobody went on with the session."""
    rows = rows_of(database)
    rows.prompt(AT)
    rows.answer(AT + S, tools=[call("shell", AT + S)])
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    assert drawn(receiver) == ["invoke_agent build", "  chat glm-4.7", "  execute_tool shell"]


def test_an_idle_row_that_is_read_before_its_last_call_is_complete_sends_no_half_turn(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """OpenCode writes both while we read: the rows in flight come first."""
    rows = rows_of(database)
    rows.prompt(AT)
    rows.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    last = rows.answer(AT + 3 * S, None, model="b")
    agent.once()
    rows.idle(AT + 5 * S)
    agent.once()
    assert {span.name for span in receiver.spans()} == {"chat a", "execute_tool shell"}
    rows.answer(AT + 3 * S, model="b", id_=last)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat a", "  execute_tool shell", "  chat b"]


@pytest.mark.parametrize("is_steered", [False, True])
def test_a_compaction_in_a_turn_belongs_to_it(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver, is_steered: bool
) -> None:
    rows = rows_of(database)
    rows.prompt(AT)
    if is_steered:
        rows.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    rows.compaction(AT + 3 * S)
    rows.answer(AT + 5 * S, model="b")
    rows.idle(AT + 7 * S)
    agent.once()
    first = ["  chat a", "  execute_tool shell"] if is_steered else []
    assert drawn(receiver) == ["invoke_agent build", *first, "  chat glm-4.7", "  chat b"]


@pytest.mark.parametrize("writes_idle", [True, False])
def test_a_compaction_that_a_person_ordered_goes_on_with_the_turn_before(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver, writes_idle: bool
) -> None:
    """It is no question, so it begins no trace."""
    rows = rows_of(database)
    if not writes_idle:
        without_idle(database)
    rows.prompt(AT)
    rows.answer(AT + S, model="a")
    if writes_idle:
        rows.idle(AT + 3 * S)
    rows.compaction(AT + 5 * S)
    rows.prompt(AT + 10 * S)
    rows.answer(AT + 11 * S, model="b")
    if writes_idle:
        rows.idle(AT + 13 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a", "  invoke_agent compaction", "    chat glm-4.7"),
        *("invoke_agent build", "  chat b"),
    ]


def test_the_end_of_a_sub_agent_that_wakes_a_session_begins_a_turn_of_the_same_trace(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """No person asked again. The second wake comes from a sub-agent that the first woken turn called."""
    rows = rows_of(database)
    children = [
        Rows(
            database, Session(id=f"ses_child{number}", parent=rows.of.id, created=AT + at, version="2.0.17"), "explore"
        )
        for number, at in ((1, S), (2, 21 * S))
    ]
    rows.prompt(AT)
    rows.answer(AT + S, tools=[subagent(AT + S, child=children[0].of, background=True)], model="a")
    rows.idle(AT + 3 * S)
    work(children[0], AT + 2 * S, "low")
    rows.woken(AT + 20 * S, children[0].of)
    rows.answer(AT + 21 * S, tools=[subagent(AT + 21 * S, child=children[1].of, background=True)], model="b")
    rows.idle(AT + 23 * S)
    work(children[1], AT + 22 * S, "low2")
    rows.woken(AT + 40 * S, children[1].of)
    rows.answer(AT + 41 * S, model="c")
    rows.idle(AT + 43 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat a", "  execute_tool subagent", "    invoke_agent explore", "      chat low"),
        *("  invoke_agent build", "    chat b", "    execute_tool subagent"),
        *("      invoke_agent explore", "        chat low2", "    invoke_agent build", "      chat c"),
    ]
    assert traces(receiver) == 1


def work(child: Rows, at: int, model: str) -> None:
    """One turn of a sub-agent."""
    child.prompt(at, "You are a subagent spawned by another session.\nlook")
    child.answer(at + S, model=model)
    child.idle(at + 3 * S)


def test_a_note_that_wakes_no_sub_agents_caller_begins_a_trace_of_its_own(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    rows = rows_of(database)
    rows.woken(AT)
    rows.answer(AT + S)
    rows.idle(AT + 3 * S)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat glm-4.7"]


def test_a_turn_that_nothing_began_is_one_turn(agent: Agent, database: DatabaseV2, receiver: OtlpReceiver) -> None:
    """The prompt was deleted, or a release writes a row of another type."""
    rows = rows_of(database)
    rows.answer(AT + S, tools=[call("shell", AT + S)], model="a")
    rows.answer(AT + 3 * S, model="b")
    rows.idle(AT + 5 * S)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat a", "  execute_tool shell", "  chat b"]


def test_a_prompt_renames_no_turn_under_way_that_another_row_began(
    agent: Agent, database: DatabaseV2, receiver: OtlpReceiver
) -> None:
    """A sub-agent's end began it, and a person wrote while the model was at work. It is read row by row."""
    rows = rows_of(database)
    steps: list[Callable[[], object]] = [
        lambda: rows.woken(AT),
        lambda: rows.answer(AT + S, tools=[call("shell", AT + S)], model="a"),
        lambda: rows.prompt(AT + 3 * S, "and this too"),
        lambda: rows.answer(AT + 4 * S, model="b"),
        lambda: rows.idle(AT + 6 * S),
    ]
    for write in steps:
        write()
        agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat a", "  execute_tool shell", "  chat b"]
    assert traces(receiver) == 1
