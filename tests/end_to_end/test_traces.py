"""A user turn as a backend sees it: one trace, whichever storage it came from and in whichever order it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.turns import NOW, S, Store, answer, asked, named, put
from tests.support.agent import Agent
from tests.support.made_stores import (
    Database,
    JsonTree,
    Tokens,
    message_id,
    session,
    tool,
)
from tests.support.otlp_receiver import OtlpReceiver


@pytest.fixture(params=["tree", "database"])
def store(request: pytest.FixtureRequest, agent: Agent) -> Store:
    if request.param == "tree":
        return JsonTree(agent.data_dir)
    return Database(agent.data_dir / "opencode.db").create()


def test_a_turn_with_a_tool_call_is_one_trace(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    of = session(NOW - S)
    question = asked(of, NOW)
    first = answer(question, NOW + 200, 2 * S, finish="tool-calls", model="planner")
    last = answer(question, NOW + 3 * S, model="writer")
    put(store, of, question, first, last, tool(first, "bash", at=NOW + 700, took=400))
    agent.once()
    spans = named(receiver)
    assert set(spans) == {"invoke_agent build", "chat planner", "execute_tool bash", "chat writer"}
    root = spans["invoke_agent build"]
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    assert {span.parent_span_id for name, span in spans.items() if span is not root} == {root.span_id}
    assert root.parent_span_id == ""
    assert root.start_ns == NOW * 10**6
    assert root.end_ns == (NOW + 4 * S) * 10**6
    call = spans["execute_tool bash"]
    assert call.start_ns == (NOW + 700) * 10**6
    assert call.end_ns == (NOW + 1_100) * 10**6
    assert receiver.total("opencode.tool.call.count") == 1


def test_inputs_and_outputs_of_tools_never_leave_the_machine(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    of = session(NOW - S)
    question = asked(of, NOW)
    reply = answer(question, NOW + 200)
    failed = tool(reply, "edit", 5, status="error", error="secret-error", metadata={"diff": "secret-diff"})
    put(store, of, question, reply, tool(reply), failed)
    run = agent.once(OTEL_AGENT_LOG_LEVEL="debug")
    assert "secret" not in run.stderr
    assert all(b"secret" not in each.message.SerializeToString() for each in receiver.requests)
    assert b"secret" not in b"".join(path.read_bytes() for path in agent.state_dir.glob("ledger.db*"))
    assert {span.name for span in receiver.spans()} >= {"execute_tool bash", "execute_tool edit"}


@pytest.mark.parametrize(
    ("part", "outcome", "error_type"),
    [
        ({"status": "completed"}, "ok", None),
        ({"status": "error", "error": "no such file"}, "error", "tool_error"),
        ({"status": "error", "error": "Tool execution aborted"}, "aborted", "aborted"),
        ({"status": "error", "error": "killed", "metadata": {"interrupted": True}}, "aborted", "aborted"),
        ({"status": "running", "took": None}, "aborted", "aborted"),
        ({"status": "pending", "took": None}, "aborted", "aborted"),
    ],
)
def test_a_tool_call_is_ok_an_error_or_aborted(
    agent: Agent,
    store: Store,
    receiver: OtlpReceiver,
    part: dict[str, object],
    outcome: str,
    error_type: str | None,
) -> None:
    of = session(NOW - S)
    question = asked(of, NOW)
    reply = answer(question, NOW + 200, 5 * S)
    put(store, of, question, reply, tool(reply, **part))  # type: ignore[arg-type]
    agent.once()
    found = named(receiver)["execute_tool bash"]
    assert found.attributes["opencode.tool.outcome"] == outcome
    assert found.attributes.get("error.type") == error_type
    assert found.status_code == ("UNSET" if error_type is None else "ERROR")
    assert receiver.by("opencode.tool.call.count", "opencode.tool.outcome") == {outcome: 1}
    if part["status"] in ("running", "pending"):
        assert found.end_ns == reply.completed * 10**6, "it ends with the message"


def test_a_turn_that_goes_on_after_a_start_is_one_span(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    """It is exported when it ended, and a message says so."""
    of = session(NOW - S)
    question = asked(of, NOW)
    put(store, of, question, answer(question, NOW + 200, finish="tool-calls"))
    agent.once()
    assert [span.name for span in receiver.spans()] == ["chat glm-4.7"]
    put(store, of, answer(question, NOW + 2 * S, counter=2))
    agent.once()
    turns = [span for span in receiver.spans() if span.name.startswith("invoke_agent")]
    assert [(span.start_ns, span.end_ns) for span in turns] == [(NOW * 10**6, (NOW + 3 * S) * 10**6)]


def test_a_turn_that_no_message_ends_is_ended_by_the_next_question_or_the_grace_period(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """OpenCode was killed between two model calls: the next question shows that it is over, or the grace period."""
    of = session(NOW - S)
    killed, question = asked(of, NOW), asked(of, NOW + 10 * S, 2)
    put(store, of, killed, answer(killed, NOW + 200, finish="tool-calls", agent="killed"))
    agent.once()
    put(store, of, question, answer(question, NOW + 11 * S, finish="tool-calls", agent="left", counter=2))
    agent.once()
    assert {span.name for span in receiver.spans() if "invoke" in span.name} == {"invoke_agent killed"}
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="1")
    assert {span.name for span in receiver.spans() if "invoke" in span.name} == {
        "invoke_agent killed",
        "invoke_agent left",
    }


def test_tool_calls_of_the_history_are_not_read(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    """Its turns and model calls are there; parts of years would be gigabytes."""
    long_ago = NOW - 3 * 86_400 * S
    of = session(long_ago - S)
    question = asked(of, long_ago)
    reply = answer(question, long_ago + 200)
    put(store, of, question, reply, tool(reply))
    agent.once()
    assert {span.name for span in receiver.spans()} == {"invoke_agent build", "chat glm-4.7"}
    assert receiver.total("opencode.tool.call.count") == 0


def test_tool_calls_of_a_message_that_is_read_again_are_counted_once(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    of = session(NOW - S)
    question = asked(of, NOW)
    reply = answer(question, NOW + 200)
    parts = [tool(reply, "bash", 4), tool(reply, "bash", 5), tool(reply, "read", 6)]
    put(store, of, question, reply, *parts)
    agent.once()
    put(store, of, replace(reply, tokens=Tokens(11, 2)), *parts)
    agent.once()
    assert receiver.by("opencode.tool.call.count", "gen_ai.tool.name") == {"bash": 2, "read": 1}
    assert len([span for span in receiver.spans() if "execute_tool" in span.name]) == 3


def test_more_calls_than_fit_in_a_request_all_arrive_once(agent: Agent, store: Store, receiver: OtlpReceiver) -> None:
    of = session(NOW - S)
    question = asked(of, NOW)
    reply = answer(question, NOW + 200)
    put(store, of, question, reply, *(tool(reply, "bash", counter) for counter in range(10, 1_010)))
    agent.once()
    spans = receiver.spans()
    assert len({span.span_id for span in spans}) == len(spans) == 1_002
    assert len([each for each in receiver.requests if each.signal == "traces"]) >= 3
    assert receiver.total("opencode.tool.call.count") == 1_000


def test_a_shell_command_without_a_model_is_a_tool_call_and_no_chat(agent: Agent, receiver: OtlpReceiver) -> None:
    """`!ls`: an assistant message that asked no model, and one tool call."""
    tree, of = JsonTree(agent.data_dir), session(NOW - S)
    question = asked(of, NOW)
    shell = replace(answer(question, NOW + 100), tokens=Tokens(), finish=None)
    tree.put(of.project, of, question, shell, tool(shell))
    agent.once()
    assert {span.name for span in receiver.spans()} >= {"execute_tool bash"}
    assert receiver.chats() == []


def test_a_message_counts_without_parts_that_are_torn_or_no_tool_calls(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    """Torn, of another form, of no tool: the message counts without them."""
    of = session(NOW - S)
    question = asked(of, NOW)
    reply = answer(question, NOW + 200)
    tree.put(of.project, of, question, reply)
    good = tool(reply, "bash", 9)
    folder = tree.path(good).parent
    folder.mkdir(parents=True)
    for number, content in enumerate(
        [
            "",
            "{",
            "[]",
            '{"type": "tool"}',
            '{"type": "tool", "tool": "", "state": {}}',
            '{"type": "tool", "tool": 7, "state": {}}',
            '{"type": "tool", "tool": "bash", "state": "no"}',
            '{"type": "text", "tool": "bash", "state": {"status": "completed"}}',
        ]
    ):
        (folder / f"prt_{number}.json").write_text(content)
    odd = '{"type": "tool", "tool": "odd", "state": {"status": 7, "time": {"start": "x"}, "metadata": [1]}}'
    (folder / "prt_odd.json").write_text(odd)
    tree.put(good)
    agent.once()
    assert receiver.by("opencode.tool.call.count", "gen_ai.tool.name") == {"bash": 1, "odd": 1}
    assert receiver.total("opencode.message.count") == 1
    assert message_id(NOW) == question.id
