"""The span of a turn, and below it those of its tool calls."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from otel_agent.model import Message, Outcome, Session, ToolCall, Turn, UsageSource
from otel_agent.otlp.spans import Tracer
from tests.otlp.made import EMITTER, MESSAGE, SESSION, TURN, made
from tests.otlp.made_spans import CALL, row
from tests.support.otlp_receiver.rows import SpanRow, span_rows


def tool(call: ToolCall = CALL, session: Session = SESSION, *, titles: bool = False) -> SpanRow:
    tracer = Tracer(EMITTER, titles)
    _, found = span_rows(encode_spans(list(tracer.message_spans(MESSAGE, session, TURN, (call,)))))
    return found


def whole(last: Message = MESSAGE, session: Session = SESSION, turn: Turn = TURN, *, titles: bool = False) -> SpanRow:
    (found,) = span_rows(encode_spans([Tracer(EMITTER, titles).turn_span(last, session, turn)]))
    return found


def test_a_tool_call_is_a_span_below_the_turn_without_the_model() -> None:
    """Below the turn, as the model calls are; without the model, which did not run it."""
    found = tool()
    assert found.name == "execute_tool bash"
    assert found.kind == "INTERNAL"
    assert found.trace_id == whole().trace_id
    assert found.parent_span_id == whole().span_id
    assert found.start_ns == 1_769_174_693_033_000_000
    assert found.end_ns == 1_769_174_693_433_000_000
    assert found.status_code == "UNSET"
    assert found.status_message == ""
    assert found.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "bash",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_74",
        "opencode.tool.outcome": "ok",
        "gen_ai.agent.name": "build",
        "opencode.project.name": "persona",
        "opencode.project.directory": "/srv/projects/persona",
        "opencode.agent.kind": "primary",
        "gen_ai.conversation.id": MESSAGE.session_id,
        "session.id": MESSAGE.session_id,
        "opencode.message.id": MESSAGE.id,
    }


@pytest.mark.parametrize(("outcome", "type_"), [(Outcome.ERROR, "tool_error"), (Outcome.ABORTED, "aborted")])
def test_a_tool_call_that_did_not_end_well_is_an_error_with_a_type(outcome: Outcome, type_: str) -> None:
    found = tool(replace_call(outcome=outcome))
    assert found.status_code == "ERROR"
    assert found.status_message == ""
    assert found.attributes["error.type"] == type_
    assert found.attributes["opencode.tool.outcome"] == outcome.value


def replace_call(**fields: Any) -> ToolCall:
    return structs.replace(CALL, **fields)


def test_a_message_that_asked_no_model_has_spans_of_its_tool_calls_only() -> None:
    tracer = Tracer(EMITTER, titles=False)
    (found,) = tracer.message_spans(made(calls_model=False), SESSION, TURN, (CALL,))
    assert found.name == "execute_tool bash"


def test_a_turn_is_a_span_from_the_question_to_the_last_answer_without_tokens() -> None:
    """From the question to the end of the last answer. Its tokens are its model calls'."""
    found = whole()
    assert found.name == "invoke_agent build"
    assert found.kind == "INTERNAL"
    assert found.parent_span_id == ""
    assert found.start_ns == 1_769_174_692_433_000_000
    assert found.end_ns == 1_769_174_730_149_000_000
    assert found.trace_id == row().trace_id
    assert found.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.request.model": "glm-4.7",
        "gen_ai.agent.name": "build",
        "opencode.project.name": "persona",
        "opencode.project.directory": "/srv/projects/persona",
        "opencode.agent.kind": "primary",
        "gen_ai.conversation.id": MESSAGE.session_id,
        "session.id": MESSAGE.session_id,
        "opencode.message.outcome": "ok",
    }


def test_a_sub_agents_turn_is_below_the_call_that_began_it() -> None:
    called = Turn("msg_asked", trace=TURN.trace, caller=CALL.id, started_ms=MESSAGE.created_ms + 600)
    found = whole(made(turn_id="msg_asked", agent="explore"), turn=called)
    assert found.trace_id == tool().trace_id
    assert found.parent_span_id == tool().span_id
    assert found.span_id != whole().span_id


def test_a_turn_is_marked_as_failed_or_as_a_compaction_by_its_last_message() -> None:
    failed = whole(made(error_type="APIError"))
    assert failed.status_code == "ERROR"
    assert failed.attributes["error.type"] == "APIError"
    compacts = whole(made(source=UsageSource.COMPACTION, agent="compaction"))
    assert compacts.name == "invoke_agent compaction"
    assert compacts.attributes["opencode.message.compaction"]


def test_a_session_title_is_on_turns_and_model_calls_but_not_on_tool_calls() -> None:
    assert whole(titles=True).attributes["opencode.session.title"] == "Rename the parser"
    assert "opencode.session.title" not in whole().attributes
    assert "opencode.session.title" not in tool(titles=True).attributes


def test_a_turn_of_an_agent_without_a_name_is_named_invoke_agent() -> None:
    assert whole(made(agent="")).name == "invoke_agent"
