"""A trace for each turn, with ids that come from OpenCode's own, and in it a span for each model call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from otel_agent.model import Overlap, Session, Tokens, Turn, UsageSource
from otel_agent.otlp.spans import Tracer, span_id, trace_id, turn_span_id
from tests.otlp.made import EMITTER, MESSAGE, SESSION, made
from tests.otlp.made_spans import CALL, row, turn_of
from tests.support.otlp_receiver.rows import SpanRow, span_rows


@pytest.mark.parametrize(
    ("created_ms", "completed_ms"), [(-5_000, -1_000), (0, 0), (-5_000, 2_000), (9 * 10**13, 9 * 10**13 + 5)]
)
def test_a_message_from_before_1970_or_from_a_far_future_has_a_span_that_can_be_encoded(
    created_ms: int, completed_ms: int
) -> None:
    now_ns = 1_790_000_000 * 10**9
    tracer = Tracer(EMITTER, titles=False, now_ns=lambda: now_ns)
    message = made(created_ms=created_ms, completed_ms=completed_ms)
    call = structs.replace(CALL, started_ms=created_ms, ended_ms=completed_ms)
    turn = structs.replace(turn_of(message), started_ms=created_ms - 7_000)
    spans = [*tracer.message_spans(message, SESSION, turn, (call,)), tracer.turn_span(message, SESSION, turn)]
    for found in span_rows(encode_spans(spans)):
        assert 0 < found.start_ns <= found.end_ns <= now_ns


def test_a_model_call_is_a_span_with_these_attributes() -> None:
    assert row() == SpanRow(
        trace_id="03ca336a43614d829833e42e202cba39",
        span_id="bd822b6c85c4b669",
        parent_span_id="a44ea6ad988354c7",
        name="chat glm-4.7",
        kind="CLIENT",
        start_ns=1_769_174_692_533_000_000,
        end_ns=1_769_174_730_149_000_000,
        attributes={
            "gen_ai.provider.name": "zai-coding-plan",
            "gen_ai.request.model": "glm-4.7",
            "gen_ai.agent.name": "build",
            "opencode.project.name": "persona",
            "opencode.agent.kind": "primary",
            "gen_ai.operation.name": "chat",
            "gen_ai.conversation.id": MESSAGE.session_id,
            "session.id": MESSAGE.session_id,
            "opencode.message.id": MESSAGE.id,
            "opencode.message.outcome": "ok",
            "opencode.cost.usd": 0.012345678,
            "gen_ai.usage.input_tokens": 1007,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 300,
            "gen_ai.usage.cache_write.input_tokens": 7,
            "opencode.token.input": 700,
            "opencode.token.output": 50,
            "opencode.token.reasoning": 20,
            "opencode.token.cache_read": 300,
            "opencode.token.cache_write": 7,
            "opencode.project.directory": "/srv/projects/persona",
            "gen_ai.response.finish_reasons": ("stop",),
        },
        status_code="UNSET",
        status_message="",
        resource={"service.name": "made"},
        scope_name="made",
        scope_version="1",
    )


def test_the_types_of_attributes_do_not_change_with_their_values() -> None:
    """Tokens integers, cost a float, even if it is a whole dollar or none."""
    for cost_nusd in (0, 10**9):
        attributes = row(made(cost_nusd=cost_nusd, tokens=Tokens(), overlap=Overlap())).attributes
        assert type(attributes["opencode.cost.usd"]) is float
        assert {type(value) for key, value in attributes.items() if "token" in key} == {int}


def trace(name: str) -> Turn:
    return Turn(name, name, "", 0)


@given(st.text(min_size=1), st.text(min_size=1))
def test_ids_are_valid_and_differ_for_different_names(one: str, other: str) -> None:
    for name in (one, other):
        assert 0 < span_id(name) < 2**64
        assert 0 < trace_id(trace(name)) < 2**128
        assert 0 < turn_span_id(trace(name)) < 2**64
        assert turn_span_id(trace(name)) != span_id(name)
        assert span_id(name) == span_id(name)
    assert (span_id(one) == span_id(other)) == (one == other)
    assert (trace_id(trace(one)) == trace_id(trace(other))) == (one == other)


def test_a_turn_is_a_trace_and_a_message_a_span() -> None:
    first, second, later = row(), row(made(id="msg_2")), row(made(id="msg_3", turn_id="msg_next"))
    assert first.trace_id == second.trace_id != later.trace_id
    assert len({first.span_id, second.span_id, later.span_id}) == 3
    assert row(made(tokens=Tokens(1), finish="length")).span_id == first.span_id, "a correction is the same span"


def test_a_message_without_a_turn_is_a_turn_of_its_own() -> None:
    assert row(made(turn_id="")).trace_id == row(made(id="msg_2", turn_id=MESSAGE.id)).trace_id
    assert row(made(turn_id="")).trace_id != row(made(id="msg_2", turn_id="")).trace_id


@pytest.mark.parametrize(
    ("error_type", "outcome"), [("APIError", "error"), ("_OTHER", "error"), ("MessageAbortedError", "aborted")]
)
def test_a_failed_model_call_has_the_type_of_its_error_and_no_text(error_type: str, outcome: str) -> None:
    """The type, and nothing that quotes what was said."""
    found = row(made(error_type=error_type, finish=""))
    assert found.status_code == "ERROR"
    assert found.status_message == ""
    assert found.attributes["error.type"] == error_type
    assert found.attributes["opencode.message.outcome"] == outcome
    assert found.attributes["gen_ai.response.finish_reasons"] == ("error",)


def test_a_failed_model_call_that_says_why_it_ended_keeps_its_reason() -> None:
    assert row(made(error_type="APIError", finish="length")).attributes["gen_ai.response.finish_reasons"] == ("length",)


def test_a_model_call_after_a_compaction_is_marked_and_no_other() -> None:
    """The conventions want the attribute only if it is true."""
    tracer = Tracer(EMITTER, titles=False)
    for compacted, found in ((True, True), (False, None)):
        (span,) = tracer.message_spans(MESSAGE, SESSION, turn_of(MESSAGE), (), compacted=compacted)
        assert (span.attributes or {}).get("gen_ai.conversation.compacted") is found


def test_tokens_written_to_a_cache_have_the_names_that_were_asked_for() -> None:
    names = ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens")
    for asked in (names, names[:1], names[1:]):
        (span,) = Tracer(EMITTER, titles=False, cache_write=asked).message_spans(MESSAGE, SESSION, turn_of(MESSAGE), ())
        assert {name: (span.attributes or {}).get(name) for name in names} == {
            name: 7 if name in asked else None for name in names
        }


def test_a_model_call_that_never_ended_ends_when_it_began() -> None:
    found = row(made(completed_ms=None))
    assert found.start_ns == found.end_ns == MESSAGE.created_ms * 10**6


def test_a_span_does_not_end_before_it_begins() -> None:
    found = row(made(completed_ms=MESSAGE.created_ms - 5_000))
    assert found.start_ns == found.end_ns == MESSAGE.created_ms * 10**6


@pytest.mark.parametrize(
    ("fields", "absent"),
    [
        ({"finish": ""}, "gen_ai.response.finish_reasons"),
        ({"error_type": ""}, "error.type"),
        ({"provider": ""}, "gen_ai.provider.name"),
        ({"model": ""}, "gen_ai.request.model"),
        ({"agent": ""}, "gen_ai.agent.name"),
        ({"worktree": "", "directory": ""}, "opencode.project.name"),
        ({"worktree": "", "directory": ""}, "opencode.project.directory"),
        ({"source": UsageSource.MESSAGE}, "opencode.message.compaction"),
        ({}, "opencode.session.parent.id"),
        ({}, "opencode.session.title"),
    ],
)
def test_unknown_attributes_of_a_span_are_left_out(fields: dict[str, Any], absent: str) -> None:
    assert absent not in row(made(**fields)).attributes


def test_a_call_to_a_model_without_a_name_is_named_chat() -> None:
    assert row(made(model="")).name == "chat"


def test_a_sub_agents_model_call_names_the_parent_session() -> None:
    attributes = row(session=Session(MESSAGE.session_id, parent_id="ses_parent")).attributes
    assert attributes["opencode.session.parent.id"] == "ses_parent"
    assert attributes["opencode.agent.kind"] == "subagent"


def test_a_compaction_is_marked_on_its_span() -> None:
    assert row(made(source=UsageSource.COMPACTION)).attributes["opencode.message.compaction"] is True


def test_a_session_title_is_on_a_span_only_if_asked_for() -> None:
    assert "opencode.session.title" not in row().attributes
    assert row(titles=True).attributes["opencode.session.title"] == "Rename the parser"
    assert "opencode.session.title" not in row(session=Session(MESSAGE.session_id), titles=True).attributes
    with_title, without = row(titles=True), row()
    others = {key: value for key, value in with_title.attributes.items() if key != "opencode.session.title"}
    assert replace(with_title, attributes=others) == without


def test_the_home_folder_is_shortened_in_the_project_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    attributes = row(made(worktree=str(tmp_path / "secret" / "persona"))).attributes
    assert attributes["opencode.project.directory"] == "~/secret/persona"
    assert attributes["opencode.project.name"] == "persona"
    assert str(tmp_path) not in str(attributes)
