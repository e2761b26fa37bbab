"""The tool calls of 2.x, which are in the row of their message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.end_to_end.turns import NOW
from tests.support.agent import Agent
from tests.support.made_stores import DatabaseV2, session
from tests.support.made_stores.rows_of_2_x import Rows, S, call
from tests.support.otlp_receiver import OtlpReceiver

AT = NOW - 300 * S
COUNT = "opencode.tool.call.count"


@pytest.fixture
def rows(agent: Agent) -> Rows:
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    return Rows(database, session(AT - S, version="2.0.17"))


def turn(rows: Rows, *tools: Mapping[str, Any], **fields: Any) -> str:
    """A turn of one message that makes these calls."""
    rows.prompt(AT)
    message = rows.answer(AT + S, 9 * S, tools=tools, **fields)
    rows.idle(AT + 10 * S)
    return message


def outcomes(receiver: OtlpReceiver) -> dict[str, int]:
    """Return the counted calls by `tool outcome`."""
    found: dict[str, int] = {}
    for (name, _), point in receiver.latest().items():
        if name == COUNT and isinstance(point.value, int):
            key = " ".join(str(point.attributes[name]) for name in ("gen_ai.tool.name", "opencode.tool.outcome"))
            found[key] = found.get(key, 0) + point.value
    return found


def pad(rows: Rows, message: str, characters: int) -> None:
    """Make the output of the message's first call so long."""
    query = "UPDATE session_message SET data = json_set(data, '$.content[0].state.content[0].text', ?) WHERE id = ?"
    rows.database.execute(query, "secret-out" * (characters // 10), message)


MANY = (
    call("read", AT + 2 * S, id_="call_ok"),
    call("edit", AT + 2 * S, id_="call_error", error="tool.execution"),
    call("edit", AT + 2 * S, id_="call_declined", error="aborted"),
    call("shell", AT + 2 * S, id_="call_interrupted", error="tool.interrupted"),
    call("webfetch", AT + 2 * S, None, id_="call_running"),
    call(
        "execute",
        AT + 3 * S,
        id_="call_mode",
        metadata={
            "toolCalls": [
                {"tool": "github_search", "status": "completed", "input": {"q": "secret-in"}},
                {"tool": "github_search", "status": "completed"},
                {"tool": "github_search", "status": "error"},
                {"tool": "linear_get", "status": "running"},
                {"status": "completed"},
                "no object",
            ],
            "sessionID": 7,
        },
    ),
)
COUNTED = {
    "read ok": 1,
    "edit error": 1,
    "edit aborted": 1,
    "shell aborted": 1,
    "webfetch aborted": 1,
    "execute ok": 1,
    "github_search ok": 2,
    "github_search error": 1,
    "linear_get aborted": 1,
}


@pytest.mark.parametrize("characters", [10, 100_000, 20_000_000])
def test_calls_are_counted_by_their_outcome_however_large_their_output_is(
    agent: Agent, rows: Rows, receiver: OtlpReceiver, characters: int
) -> None:
    """Those of code mode are counted too. They have no times, and so no spans."""
    pad(rows, turn(rows, *MANY), characters)
    agent.once()
    agent.once()
    assert outcomes(receiver) == COUNTED
    spans = [span for span in receiver.spans() if span.name.startswith("execute_tool")]
    assert sorted(span.name for span in spans) == [
        *("execute_tool edit", "execute_tool edit", "execute_tool execute", "execute_tool read", "execute_tool shell"),
        "execute_tool webfetch",
    ]
    assert "secret" not in str(receiver.requests)


@pytest.mark.parametrize("characters", [10, 100_000])
def test_a_call_lasts_from_when_it_ran_until_it_was_complete(
    agent: Agent, rows: Rows, receiver: OtlpReceiver, characters: int
) -> None:
    """One that never ran begins when the model began to write it down. One that never ended ends with its message."""
    never_ran = call("edit", AT + 3 * S, id_="call_2", error="aborted")
    del never_ran["time"]["ran"]
    pad(
        rows, turn(rows, call("read", AT + 2 * S), never_ran, call("shell", AT + 4 * S, None, id_="call_3")), characters
    )
    agent.once()
    times = {span.name: ((span.start_ns // 10**6) - AT, (span.end_ns // 10**6) - AT) for span in receiver.spans()}
    assert times["execute_tool read"] == (2_030, 2_400)
    assert times["execute_tool edit"] == (3_000, 3_400)
    assert times["execute_tool shell"] == (4_030, 10_000)


def test_calls_of_several_messages_with_the_same_id_are_several_calls(
    agent: Agent, rows: Rows, receiver: OtlpReceiver
) -> None:
    """A model numbers its calls from one in each message, and may even give two of one message the same id."""
    rows.prompt(AT)
    rows.answer(AT + S, tools=[call("read", AT + S), call("read", AT + S)])
    rows.answer(AT + 3 * S, tools=[call("read", AT + 3 * S)])
    rows.idle(AT + 5 * S)
    agent.once()
    spans = [span for span in receiver.spans() if span.name == "execute_tool read"]
    assert len({span.span_id for span in spans}) == len(spans) == 3
    assert {span.attributes["gen_ai.tool.call.id"] for span in spans} == {"call_1"}
    assert receiver.total(COUNT) == 3


@pytest.mark.parametrize(("error", "outcome"), [({"type": "aborted", "message": "no"}, "aborted"), (None, "ok")])
def test_an_imported_shell_that_a_person_broke_off_is_aborted(
    agent: Agent, rows: Rows, receiver: OtlpReceiver, error: Mapping[str, str] | None, outcome: str
) -> None:
    """1.14 to 1.18 complete it without an exit code. A command that took too long has none either, and is none."""
    turn(rows, call("bash", AT + 2 * S, metadata={"exit": None}), **({"error": error} if error else {}))
    agent.once()
    assert outcomes(receiver) == {f"bash {outcome}": 1}


def test_the_calls_of_a_message_count_if_javascript_wrote_what_a_strict_parser_refuses(
    agent: Agent, rows: Rows, receiver: OtlpReceiver
) -> None:
    message = turn(rows, call("read", AT + 2 * S))
    query = "UPDATE session_message SET data = replace(data, 'secret-out', '\\ud83d') WHERE id = ?"
    rows.database.execute(query, message)
    agent.once()
    assert outcomes(receiver) == {"read ok": 1}


STRANGE = [
    *(7, None, "text", ["list"], {}, {"type": "tool"}, {"type": "tool", "name": 7, "id": [], "state": []}),
    {"type": "tool", "name": "read", "id": None, "time": "never", "state": {"status": 7, "metadata": [1]}},
    {"type": "tool", "name": "execute", "id": "x", "state": {"status": "completed", "metadata": {"toolCalls": 3}}},
]


@pytest.mark.parametrize("characters", [10, 100_000])
def test_content_of_an_unknown_form_costs_no_other_call(
    agent: Agent, rows: Rows, receiver: OtlpReceiver, characters: int
) -> None:
    message = turn(rows, call("read", AT + 2 * S), *STRANGE)  # type: ignore[arg-type]
    pad(rows, message, characters)
    agent.once()
    assert outcomes(receiver) == {"read ok": 1, "read aborted": 1, "execute ok": 1}


@pytest.mark.parametrize("content", ["no list", 7, None, {"a": 1}])
def test_a_message_counts_if_its_content_is_no_list(
    agent: Agent, rows: Rows, receiver: OtlpReceiver, content: object
) -> None:
    message = turn(rows)
    query = "UPDATE session_message SET data = json_set(data, '$.content', json(?)) WHERE id = ?"
    rows.database.execute(query, json.dumps(content), message)
    agent.once()
    assert receiver.total("opencode.message.count") == 1
    assert outcomes(receiver) == {}


def test_calls_of_a_fork_copy_are_not_counted_again(agent: Agent, rows: Rows, receiver: OtlpReceiver) -> None:
    message = turn(rows, call("read", AT + 2 * S))
    fork = Rows(rows.database, session(AT + 60 * S, 2, version="2.0.17", fork_of=rows.of.id))
    rows.database.execute(
        "INSERT INTO session_message SELECT 'msg_5f0c2b6a93d1_2', ?, type, seq, time_created, time_updated, data "
        "FROM session_message WHERE id = ?",
        fork.of.id,
        message,
    )
    agent.once()
    assert outcomes(receiver) == {"read ok": 1}
